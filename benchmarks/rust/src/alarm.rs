use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};

use tokio::io::unix::AsyncFd;
use tokio::task::yield_now;

use crate::clocks::now_ns;

/// A timer of the kernel's: Tokio's own have a resolution of a millisecond.
pub struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    pub fn new() -> Self {
        let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        assert!(fd >= 0, "no timerfd");
        Self(AsyncFd::new(unsafe { OwnedFd::from_raw_fd(fd) }).unwrap())
    }

    /// Waits until that time; other tasks have a turn even if it is past.
    pub async fn until(&self, at_ns: u64) {
        if now_ns() >= at_ns {
            yield_now().await;
            return;
        }
        let due = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: (at_ns / 1_000_000_000) as libc::time_t,
                tv_nsec: (at_ns % 1_000_000_000) as libc::c_long,
            },
        };
        let fd = self.0.as_raw_fd();
        let set = unsafe {
            libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &due, std::ptr::null_mut())
        };
        assert_eq!(set, 0);
        loop {
            let mut ready = self.0.readable().await.unwrap();
            let mut expirations = [0u8; 8];
            let got = unsafe { libc::read(fd, expirations.as_mut_ptr() as *mut libc::c_void, 8) };
            ready.clear_ready();
            if got == 8 {
                return;
            }
        }
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}
