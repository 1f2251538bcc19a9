use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_rivals::churn::{churn, churn_steps};
use millrace_rivals::clocks::{in_ns, in_us, process_cpu};
use millrace_rivals::crowded::{beside_a_region, foreign};
use millrace_rivals::isolated::{isolated, isolated_nested};
use millrace_rivals::load::{load, Kind};
use millrace_rivals::placement::place_threads;
use millrace_rivals::progress::{run_stream, ForTime, Progress};
use millrace_rivals::report::run_main;
use millrace_rivals::rivals::{Rival, SpawnBlocking, TokioRayon, TwoHops};
use millrace_rivals::statistics::{quantile, sorted};
use millrace_rivals::suite::{Measurement, Variant};
use tokio::time::sleep_until;

fn latency<R: Rival>(workers: usize, time: Duration) -> Vec<Measurement> {
    let runtime = R::runtime(workers);
    let rival = Arc::new(R::new(workers));
    let samples_of = |time: Duration| {
        let all = Arc::new(Progress::new(ForTime::new(time)));
        let counted = Arc::clone(&all);
        let rival = Arc::clone(&rival);
        // As a task, like any other code of a service.
        let task = async move {
            let mut samples = Vec::with_capacity(1 << 18);
            while !counted.stopped() {
                let number = counted.next();
                let started = Instant::now();
                let result = rival.run(move || number + 1).await;
                samples.push(in_us(started.elapsed()));
                counted.finished(result);
            }
            samples
        };
        let samples = runtime.block_on(async { tokio::spawn(task).await.unwrap() });
        all.check();
        samples
    };
    samples_of(time / 4);
    place_threads(workers);
    let samples = sorted(samples_of(time));
    vec![("p50", "us", quantile(&samples, 0.5)), ("p99", "us", quantile(&samples, 0.99))]
}

fn throughput<R: Rival>(workers: usize, in_flight: usize, time: Duration) -> Vec<Measurement> {
    let runtime = R::runtime(workers);
    let rival = Arc::new(R::new(workers));
    let stream = |time| {
        let all = Arc::new(Progress::new(ForTime::new(time)));
        run_stream(&runtime, &rival, in_flight, &all);
        all.done()
    };
    // Loop and workers begin on the same core. Where they are busy enough for the kernel to move
    // them apart, wait until it has, but not for ever.
    for _ in 0..if in_flight == 1 { 1 } else { 10 } {
        let (started, cpu) = (Instant::now(), process_cpu());
        stream(time / 4);
        if in_ns(process_cpu() - cpu) / in_ns(started.elapsed()) > 1.4 {
            break;
        }
    }
    place_threads(workers);
    let started = Instant::now();
    let cpu = process_cpu();
    let jobs = stream(time) as f64;
    let took = in_ns(started.elapsed());
    let used = in_ns(process_cpu() - cpu);
    vec![
        ("time per job", "ns", took / jobs),
        ("CPU per job", "ns", used / jobs),
        ("cores busy", "cores", used / took),
    ]
}

const PERIOD: Duration = Duration::from_millis(1);
const JOB: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, PartialEq)]
enum Jobs {
    None,
    OnTheLoop,
    OnThePool,
}

fn timer<R: Rival>(jobs: Jobs, workers: usize, time: Duration) -> Vec<Measurement> {
    let steps = churn_steps(JOB);
    let expected = churn(1, steps);
    let runtime = R::runtime(workers);
    let rival = Arc::new(R::new(workers));
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let cpu = process_cpu();
    let late = runtime.block_on(async {
        let tasks: Vec<_> = (0..if jobs == Jobs::None { 0 } else { 4 * workers })
            .map(|_| {
                let (rival, stop, done) =
                    (Arc::clone(&rival), Arc::clone(&stop), Arc::clone(&done));
                tokio::spawn(async move {
                    while !stop.load(Relaxed) {
                        let result = if jobs == Jobs::OnTheLoop {
                            let result = churn(1, steps);
                            tokio::task::yield_now().await;
                            result
                        } else {
                            rival.run(move || churn(1, steps)).await
                        };
                        assert_eq!(result, expected, "a job gave a wrong result");
                        done.fetch_add(1, Relaxed);
                    }
                })
            })
            .collect();
        // A timer every millisecond. Ticks that are past when their turn comes are left out.
        let ticking = tokio::spawn(async move {
            let mut late = vec![];
            let end = Instant::now() + time;
            let mut due = Instant::now() + PERIOD;
            while due < end {
                sleep_until(due.into()).await;
                let behind = due.elapsed();
                late.push(in_us(behind));
                due += PERIOD * ((behind.as_nanos() / PERIOD.as_nanos()) as u32 + 1);
            }
            late
        });
        let late = ticking.await.unwrap();
        stop.store(true, Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
        late
    });
    let busy = in_ns(process_cpu() - cpu) / in_ns(started.elapsed());
    let late = sorted(late);
    vec![
        ("late p50", "us", quantile(&late, 0.5)),
        ("late p99", "us", quantile(&late, 0.99)),
        ("cores busy", "cores", busy),
    ]
}

fn idle<R: Rival>(workers: usize, time: Duration) -> Vec<Measurement> {
    let runtime = R::runtime(workers);
    let rival = Arc::new(R::new(workers));
    let all = Arc::new(Progress::new(ForTime::new(Duration::from_millis(20))));
    run_stream(&runtime, &rival, 64, &all);
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(100)).await });
    let started = Instant::now();
    let cpu = process_cpu();
    runtime.block_on(async { tokio::time::sleep(time).await });
    let share = in_ns(process_cpu() - cpu) / in_ns(started.elapsed());
    vec![("CPU", "% of a core", 100.0 * share)]
}

fn variant(
    (problem, rival): (&'static str, &'static str),
    (workers, in_flight): (usize, usize),
    ms: u64,
    run: impl Fn(Duration) -> Vec<Measurement> + 'static,
) -> Variant {
    let time = Duration::from_millis(ms);
    Variant { problem, rival, workers, in_flight, time, run: Box::new(run) }
}

fn main() {
    let mut all = vec![];
    // Calls add!(Rival, further arguments) for each rival, so that they follow one another.
    macro_rules! for_each_rival {
        ($add:ident $(, $argument:expr)*) => {
            $add!(TokioRayon $(, $argument)*);
            $add!(TwoHops $(, $argument)*);
            $add!(SpawnBlocking $(, $argument)*);
        };
    }
    macro_rules! add_latency {
        ($R:ty, $workers:expr) => {
            let workers = $workers;
            all.push(variant(("latency", <$R>::NAME), (workers, 1), 100, move |time| {
                latency::<$R>(workers, time)
            }));
        };
    }
    macro_rules! add_throughput {
        ($R:ty, $workers:expr, $in_flight:expr) => {
            let (workers, in_flight) = ($workers, $in_flight);
            all.push(variant(("throughput", <$R>::NAME), (workers, in_flight), 80, move |time| {
                throughput::<$R>(workers, in_flight, time)
            }));
        };
    }
    macro_rules! add_isolated {
        ($R:ty, $workers:expr) => {
            let workers = $workers;
            all.push(variant(("isolated", <$R>::NAME), (workers, 1), 400, move |time| {
                isolated::<$R>(workers, time)
            }));
        };
    }
    macro_rules! add_isolated_nested {
        ($R:ty, $workers:expr) => {
            let workers = $workers;
            all.push(variant(("isolated_nested", <$R>::NAME), (workers, 1), 400, move |time| {
                isolated_nested::<$R>(workers, time)
            }));
        };
    }
    macro_rules! add_load {
        ($R:ty, $problem:expr, $kind:expr, $workers:expr, $percent:expr, $ms:expr) => {
            let (kind, workers, percent) = ($kind, $workers, $percent);
            all.push(variant(($problem, <$R>::NAME), (workers, 0), $ms, move |time| {
                load::<$R>(kind, workers, percent, time)
            }));
        };
    }
    macro_rules! add_foreign {
        ($R:ty, $workers:expr) => {
            let workers = $workers;
            all.push(variant(("foreign", <$R>::NAME), (workers, 1), 400, move |time| {
                foreign::<$R>(workers, time)
            }));
        };
    }
    macro_rules! add_beside_a_region {
        ($R:ty, $own:expr) => {
            all.push(variant(("beside_a_region", <$R>::NAME), (2, 1), 400, |time| {
                beside_a_region::<$R>($own, 2, time)
            }));
        };
    }
    macro_rules! add_timer {
        ($R:ty, $workers:expr) => {
            let workers = $workers;
            all.push(variant(("timer", <$R>::NAME), (workers, 0), 300, move |time| {
                timer::<$R>(Jobs::OnThePool, workers, time)
            }));
        };
    }
    macro_rules! add_idle {
        ($R:ty) => {
            all.push(variant(("idle", <$R>::NAME), (2, 0), 500, |time| idle::<$R>(2, time)));
        };
    }

    for workers in [1, 2] {
        for_each_rival!(add_latency, workers);
    }
    for workers in [1, 2] {
        for in_flight in [1, 64, 1024] {
            for_each_rival!(add_throughput, workers, in_flight);
        }
    }
    for workers in [1, 2, 3] {
        for_each_rival!(add_isolated, workers);
    }
    for workers in [1, 2, 3] {
        // spawn_blocking's threads are none of Rayon's.
        add_isolated_nested!(TokioRayon, workers);
        add_isolated_nested!(TwoHops, workers);
    }
    for workers in [1, 2] {
        for (us, sampled, ms) in [(5, 16, 300), (50, 1, 400), (500, 1, 1000)] {
            for percent in [10, 30, 60, 90] {
                let name: &'static str =
                    Box::leak(format!("load_{}us_at_{}", us, percent).into_boxed_str());
                let kind = Kind { length: Duration::from_micros(us), sampled };
                // Two hops are left out: they are one, and another before it.
                add_load!(TokioRayon, name, kind, workers, percent, ms);
                add_load!(SpawnBlocking, name, kind, workers, percent, ms);
            }
        }
    }
    for workers in [1, 2] {
        for_each_rival!(add_foreign, workers);
    }
    add_beside_a_region!(TokioRayon, true);
    add_beside_a_region!(TwoHops, true);
    add_beside_a_region!(SpawnBlocking, false);
    for workers in [1, 2] {
        all.push(variant(("timer", "tokio-idle_loop"), (workers, 0), 300, move |time| {
            timer::<TokioRayon>(Jobs::None, workers, time)
        }));
        for_each_rival!(add_timer, workers);
        all.push(variant(("timer", "tokio-inline_on_loop"), (workers, 0), 300, move |time| {
            timer::<TokioRayon>(Jobs::OnTheLoop, workers, time)
        }));
    }
    for_each_rival!(add_idle);
    run_main(all);
}
