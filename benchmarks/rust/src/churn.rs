use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Work that can't be left out or done ahead: each step needs the one before.
pub fn churn(mut value: u64, steps: u64) -> u64 {
    for _ in 0..steps {
        value ^= value >> 30;
        value = value.wrapping_mul(0xbf58476d1ce4e5b9);
        value ^= value >> 27;
    }
    value
}

/// How many steps take about `time` on this machine.
pub fn churn_steps(time: Duration) -> u64 {
    const PROBE: u64 = 1_000_000;
    let best = (0..5)
        .map(|_| {
            let started = Instant::now();
            keep(churn(keep(1), keep(PROBE)));
            started.elapsed()
        })
        .min()
        .unwrap();
    (time.as_secs_f64() / best.as_secs_f64() * PROBE as f64) as u64
}

/// The same, measured once, so that jobs of all rivals are of the same length.
pub fn steps_of(time: Duration) -> u64 {
    static STEPS_OF_A_MS: AtomicU64 = AtomicU64::new(0);
    let mut steps = STEPS_OF_A_MS.load(Relaxed);
    if steps == 0 {
        steps = churn_steps(Duration::from_millis(1));
        STEPS_OF_A_MS.store(steps, Relaxed);
    }
    (steps as f64 * time.as_secs_f64() * 1e3) as u64
}

// std::hint::black_box came after Debian 12's compiler.
fn keep(value: u64) -> u64 {
    unsafe { std::ptr::read_volatile(&value) }
}
