//! Jobs that come one by one, each after a pause in which the pool can fall asleep; see
//! benchmarks/support/isolated.hpp.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rayon::prelude::*;

use crate::churn::{churn, steps_of};
use crate::clocks::{in_us, now_ns, process_cpu};
use crate::placement::place_threads;
use crate::rivals::Rival;
use crate::statistics::{quantile, sorted};
use crate::suite::Measurement;

/// One each 2 ms: pauses of 1 to 3 ms, the same for all rivals, in an order without rhythm.
pub fn pause_before(number: u32) -> Duration {
    Duration::from_micros(1000 + (number.wrapping_mul(2654435761) % 2000) as u64)
}

/// Microseconds from the submission of each job to its first and to the task's next line.
#[derive(Default)]
pub struct Times {
    pub start: Vec<f64>,
    pub round_trip: Vec<f64>,
}

impl Times {
    pub fn add(&mut self, submitted: u64, begun: u64, back: u64) {
        assert!(begun >= submitted, "a job began before it was submitted");
        self.start.push((begun - submitted) as f64 / 1e3);
        self.round_trip.push((back - submitted) as f64 / 1e3);
    }

    pub fn summary(self) -> Vec<Measurement> {
        let (start, round_trip) = (sorted(self.start), sorted(self.round_trip));
        vec![
            ("start p50", "us", quantile(&start, 0.5)),
            ("start p99", "us", quantile(&start, 0.99)),
            ("round trip p50", "us", quantile(&round_trip, 0.5)),
        ]
    }
}

/// `submit()` is awaited after each pause and gives the time at which its job began. `more(n)` is
/// asked after the pause before the n-th job, counted from 0.
async fn submit_isolated<S, W>(submit: impl Fn() -> W, more: S) -> Times
where
    S: Fn(u32) -> bool,
    W: Future<Output = u64>,
{
    let mut times = Times::default();
    for i in 0.. {
        tokio::time::sleep(pause_before(i)).await;
        if !more(i) {
            break;
        }
        let submitted = now_ns();
        let begun = submit().await;
        times.add(submitted, begun, now_ns());
    }
    times
}

fn run<R: Rival>(workers: usize, time: Duration, job: fn() -> u64) -> Vec<Measurement> {
    let runtime = R::runtime(workers);
    let rival = Arc::new(R::new(workers));
    let times_of = |jobs: u32| {
        let rival = Arc::clone(&rival);
        let task = submit_isolated(move || rival.run(job), move |number| number < jobs);
        runtime.block_on(async { tokio::spawn(task).await.unwrap() })
    };
    times_of(5);
    place_threads(workers);
    let jobs = 10.max((time.as_millis() / 2) as u32);
    let cpu = process_cpu();
    let times = times_of(jobs);
    let mut all = vec![("CPU per job", "us", in_us(process_cpu() - cpu) / jobs as f64)];
    all.extend(times.summary());
    all
}

pub fn isolated<R: Rival>(workers: usize, time: Duration) -> Vec<Measurement> {
    run::<R>(workers, time, now_ns)
}

const PIECES: u64 = 16;
const PIECE: Duration = Duration::from_micros(10);

fn nested_job() -> u64 {
    let begun = now_ns();
    let steps = steps_of(PIECE);
    let mut results = [0; PIECES as usize];
    results.par_iter_mut().enumerate().with_max_len(1).for_each(|(i, result)| {
        *result = churn(i as u64 + 1, steps);
    });
    assert!(results.iter().all(|&one| one != 0), "a piece was left out");
    begun
}

/// With a parallel loop of 16 x 10 us in each job.
pub fn isolated_nested<R: Rival>(workers: usize, time: Duration) -> Vec<Measurement> {
    steps_of(PIECE); // measured once, and not in the first job
    run::<R>(workers, time, nested_job)
}
