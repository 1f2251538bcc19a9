use std::mem::{size_of, zeroed};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use libc::{cpu_set_t, CPU_CLR, CPU_ISSET, CPU_SET, CPU_SETSIZE};

static PIN: AtomicBool = AtomicBool::new(false);
static mut ALLOWED: Option<cpu_set_t> = None;

/// What `--pin` asks for; to be called once, before there are other threads.
pub fn set_pin(pin: bool) {
    PIN.store(pin, Relaxed);
    unsafe {
        let mut set: cpu_set_t = zeroed();
        libc::sched_getaffinity(0, size_of::<cpu_set_t>(), &mut set);
        ALLOWED = Some(set);
    }
}

fn allowed() -> cpu_set_t {
    unsafe { ALLOWED }.unwrap()
}

fn set_all(this: &cpu_set_t, others: &cpu_set_t) {
    for entry in std::fs::read_dir("/proc/self/task").unwrap() {
        let name = entry.unwrap().file_name();
        let thread: libc::pid_t = name.to_str().unwrap().parse().unwrap();
        unsafe {
            let set = if thread == libc::gettid() { this } else { others };
            libc::sched_setaffinity(thread, size_of::<cpu_set_t>(), set);
        }
    }
}

/// If asked for and there are CPUs enough: this thread, the loop, to the first CPU, all others of
/// the process to the rest. To be called after the warm-up, when the pool has its threads.
pub fn place_threads(workers: usize) {
    let all = allowed();
    let cpus: Vec<usize> =
        (0..CPU_SETSIZE as usize).filter(|&cpu| unsafe { CPU_ISSET(cpu, &all) }).collect();
    if !PIN.load(Relaxed) || cpus.len() <= workers {
        return;
    }
    unsafe {
        let mut this: cpu_set_t = zeroed();
        CPU_SET(cpus[0], &mut this);
        let mut others = all;
        CPU_CLR(cpus[0], &mut others);
        set_all(&this, &others);
    }
}

/// Undoes it, for the next pool's threads.
pub fn release_threads() {
    if PIN.load(Relaxed) {
        set_all(&allowed(), &allowed());
    }
}
