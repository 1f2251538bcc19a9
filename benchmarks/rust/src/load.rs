//! Jobs that arrive at random, whether the ones before have ended or not; see
//! benchmarks/problems/load.cpp.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use crate::alarm::Alarm;
use crate::arrivals::poisson_arrivals;
use crate::churn::{churn, steps_of};
use crate::clocks::{in_us, now_ns, process_cpu, thread_cpu};
use crate::placement::place_threads;
use crate::rivals::Rival;
use crate::statistics::{quantile, sorted};
use crate::suite::Measurement;

#[derive(Clone, Copy)]
pub struct Kind {
    pub length: Duration,
    /// Of one in so many jobs the CPU time is read, which costs a system call.
    pub sampled: usize,
}

#[derive(Default)]
struct Record {
    arrived: u64,
    submitted: AtomicU64,
    handled: AtomicU64,
    own: AtomicU64,
}

fn run_loop<R: Rival>(
    rival: &Arc<R>,
    runtime: &tokio::runtime::Runtime,
    kind: Kind,
    steps: u64,
    arrivals: &[u64],
) -> Arc<Vec<Record>> {
    let begin = now_ns() + 1_000_000;
    let records: Arc<Vec<Record>> = Arc::new(
        arrivals.iter().map(|at| Record { arrived: begin + at, ..Record::default() }).collect(),
    );
    let expected = churn(1, steps);
    let all = Arc::clone(&records);
    let rival = Arc::clone(rival);
    let submits = async move {
        let alarm = Alarm::new();
        let mut tasks = Vec::with_capacity(all.len());
        let mut next = 0;
        while next < all.len() {
            alarm.until(all[next].arrived).await;
            // What is due now and no more: other tasks have their turn in between.
            let now = now_ns();
            while next < all.len() && all[next].arrived <= now {
                let number = next;
                next += 1;
                let (rival, all) = (Arc::clone(&rival), Arc::clone(&all));
                tasks.push(tokio::spawn(async move {
                    all[number].submitted.store(now_ns(), Relaxed);
                    let sample = (number % kind.sampled == 0).then(|| Arc::clone(&all));
                    let job = move || match sample {
                        None => churn(1, steps),
                        Some(all) => {
                            let before = thread_cpu();
                            let result = churn(1, steps);
                            let own = (thread_cpu() - before).as_nanos() as u64;
                            all[number].own.store(own, Relaxed);
                            result
                        }
                    };
                    assert_eq!(rival.run(job).await, expected, "a job gave a wrong result");
                    all[number].handled.store(now_ns(), Relaxed);
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
    };
    runtime.block_on(async { tokio::spawn(submits).await.unwrap() });
    records
}

fn times(records: &[Record], from: impl Fn(&Record) -> u64) -> Vec<f64> {
    sorted(records.iter().map(|r| (r.handled.load(Relaxed) - from(r)) as f64 / 1e3).collect())
}

pub fn load<R: Rival>(
    kind: Kind,
    workers: usize,
    percent: usize,
    time: Duration,
) -> Vec<Measurement> {
    let steps = steps_of(kind.length);
    let per_second = workers as f64 * percent as f64 / 100.0 / kind.length.as_secs_f64();
    let runtime = R::runtime(workers);
    let rival = Arc::new(R::new(workers));
    let arrivals_in = |time: Duration| poisson_arrivals(per_second, time.as_nanos() as u64);
    run_loop(&rival, &runtime, kind, steps, &arrivals_in(time / 10));
    place_threads(workers);
    let arrivals = arrivals_in(time);
    let cpu = process_cpu();
    let records = run_loop(&rival, &runtime, kind, steps, &arrivals);
    let used = in_us(process_cpu() - cpu) / records.len() as f64;
    let own: Vec<f64> =
        records.iter().map(|r| r.own.load(Relaxed) as f64 / 1e3).filter(|&own| own > 0.0).collect();
    let own = own.iter().sum::<f64>() / own.len() as f64;
    let all = times(&records, |r| r.arrived);
    let submitted = times(&records, |r| r.submitted.load(Relaxed));
    vec![
        ("p50", "us", quantile(&all, 0.5)),
        ("p99", "us", quantile(&all, 0.99)),
        ("p99.9", "us", quantile(&all, 0.999)),
        ("from submission p50", "us", quantile(&submitted, 0.5)),
        ("CPU beyond the job's", "us", used - own),
    ]
}
