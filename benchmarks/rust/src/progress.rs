use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::rivals::Rival;

/// Ends a stream of jobs; called after each of them with their number, on the loop's thread.
pub trait Until: Send + Sync + 'static {
    fn reached(&self, done: u64) -> bool;
}

/// Looks at the clock once in 64 jobs.
pub struct ForTime(Instant);

impl ForTime {
    pub fn new(time: Duration) -> Self {
        Self(Instant::now() + time)
    }
}

impl Until for ForTime {
    fn reached(&self, done: u64) -> bool {
        done % 64 == 0 && Instant::now() >= self.0
    }
}

/// Counts jobs and checks what they return. Used on the loop's thread only; the atomics, never
/// changed in one step, are there for the compiler.
pub struct Progress<U> {
    until: U,
    started: AtomicU64,
    done: AtomicU64,
    sum: AtomicU64,
    stopped: AtomicBool,
}

fn add(counter: &AtomicU64, value: u64) -> u64 {
    let before = counter.load(Relaxed);
    counter.store(before + value, Relaxed);
    before
}

impl<U: Until> Progress<U> {
    pub fn new(until: U) -> Self {
        Self {
            until,
            started: AtomicU64::new(0),
            done: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    pub fn until(&self) -> &U {
        &self.until
    }

    pub fn stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    pub fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    pub fn next(&self) -> u64 {
        add(&self.started, 1)
    }

    pub fn finished(&self, result: u64) {
        add(&self.sum, result);
        if self.until.reached(add(&self.done, 1) + 1) {
            self.stopped.store(true, Relaxed);
        }
    }

    /// Panics unless each job started has given back its number + 1.
    pub fn check(&self) {
        let started = self.started.load(Relaxed);
        assert_eq!(self.done(), started, "jobs are missing");
        assert_eq!(self.sum.load(Relaxed), started * (started + 1) / 2, "wrong results");
    }
}

/// Empty jobs from one Tokio thread, `in_flight` at a time, until `all` has stopped and the last
/// has come back.
pub fn run_stream<R: Rival, U: Until>(
    runtime: &Runtime,
    rival: &Arc<R>,
    in_flight: usize,
    all: &Arc<Progress<U>>,
) {
    runtime.block_on(async {
        let tasks: Vec<_> = (0..in_flight)
            .map(|_| {
                let rival = Arc::clone(rival);
                let all = Arc::clone(all);
                tokio::spawn(async move {
                    while !all.stopped() {
                        let number = all.next();
                        all.finished(rival.run(move || number + 1).await);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    all.check();
}
