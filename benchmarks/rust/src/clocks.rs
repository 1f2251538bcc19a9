use std::time::Duration;

fn read(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let failed = unsafe { libc::clock_gettime(clock, &mut now) };
    assert_eq!(failed, 0);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// CPU time of all threads of this process, user and system.
pub fn process_cpu() -> Duration {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of this thread.
pub fn thread_cpu() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU seconds that this machine has spent on anything, or that its hypervisor took.
pub fn machine_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let ticks: Vec<f64> =
        stat.lines().next().unwrap().split(' ').filter_map(|word| word.parse().ok()).collect();
    let used: f64 = [0, 1, 2, 5, 6, 7].iter().map(|&kind| ticks[kind]).sum();
    used / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64
}

/// The monotonic clock as a number, which fits into a job's result.
pub fn now_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC).as_nanos() as u64
}

pub fn in_ns(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

pub fn in_us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
