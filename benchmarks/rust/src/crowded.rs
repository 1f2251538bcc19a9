//! Jobs that come now and then while a parallel loop fills the machine; see
//! benchmarks/problems/crowded.cpp.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::churn::{churn, steps_of};
use crate::clocks::now_ns;
use crate::isolated::{pause_before, Times};
use crate::placement::place_threads;
use crate::rivals::Rival;
use crate::suite::Measurement;

const PIECES: usize = 2_000;
const PIECE: Duration = Duration::from_micros(100);

fn piece(steps: u64, expected: u64) {
    assert_eq!(churn(1, steps), expected, "a piece gave a wrong result");
}

/// 2,000 pieces, on the threads of whoever calls.
fn region(steps: u64) {
    let expected = churn(1, steps);
    let done = AtomicUsize::new(0);
    (0..PIECES).into_par_iter().for_each(|_| {
        piece(steps, expected);
        done.fetch_add(1, Relaxed);
    });
    assert_eq!(done.load(Relaxed), PIECES, "a piece was left out");
}

/// Submits a job each 2 ms while `more(number)`, whether the ones before have ended or not.
async fn submit_jobs<R: Rival>(rival: Arc<R>, more: impl Fn(u32) -> bool) -> Times {
    let mut tasks = vec![];
    for i in 0.. {
        tokio::time::sleep(pause_before(i)).await;
        if !more(i) {
            break;
        }
        let rival = Arc::clone(&rival);
        tasks.push(tokio::spawn(async move {
            let submitted = now_ns();
            (submitted, rival.run(now_ns).await, now_ns())
        }));
    }
    let mut times = Times::default();
    for task in tasks {
        let (submitted, begun, back) = task.await.unwrap();
        times.add(submitted, begun, back);
    }
    times
}

fn warm_up<R: Rival>(runtime: &tokio::runtime::Runtime, rival: &Arc<R>) {
    let jobs = submit_jobs(Arc::clone(rival), |number| number < 5);
    runtime.block_on(async { tokio::spawn(jobs).await.unwrap() });
}

/// Rayon's global pool is filled by another thread.
pub fn foreign<R: Rival>(workers: usize, time: Duration) -> Vec<Measurement> {
    let runtime = R::runtime(workers);
    let rival = Arc::new(R::new(workers));
    warm_up(&runtime, &rival);
    place_threads(workers);
    let filled = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&filled);
    let (begun, has_begun) = std::sync::mpsc::channel();
    let other = std::thread::spawn(move || {
        let steps = steps_of(PIECE);
        let expected = churn(1, steps);
        let end = Instant::now() + time;
        let pieces = rayon::current_num_threads() * (time.as_micros() / PIECE.as_micros()) as usize;
        (0..pieces).into_par_iter().for_each_with(begun, |begun, _| {
            let _ = begun.send(());
            if Instant::now() < end {
                piece(steps, expected);
            }
        });
        still.store(false, Relaxed);
    });
    has_begun.recv().unwrap();
    let jobs = submit_jobs(Arc::clone(&rival), move |_| filled.load(Relaxed));
    let times = runtime.block_on(async { tokio::spawn(jobs).await.unwrap() });
    other.join().unwrap();
    times.summary()
}

/// `own`: the region is in the rival's own pool; else in Rayon's global one, by another thread.
pub fn beside_a_region<R: Rival>(own: bool, workers: usize, time: Duration) -> Vec<Measurement> {
    let runtime = R::runtime(workers);
    let rival = Arc::new(R::new(workers));
    warm_up(&runtime, &rival);
    place_threads(workers);
    let steps = steps_of(PIECE);
    let filled = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&filled);
    let end = Instant::now() + time;
    let times = runtime.block_on(async {
        let same = Arc::clone(&rival);
        let regions = tokio::spawn(async move {
            while {
                if own {
                    same.run(move || {
                        region(steps);
                        0
                    })
                    .await;
                } else {
                    let (done, is_done) = tokio::sync::oneshot::channel();
                    rayon::spawn(move || {
                        region(steps);
                        let _ = done.send(());
                    });
                    is_done.await.unwrap();
                }
                Instant::now() < end
            } {}
            still.store(false, Relaxed);
        });
        let jobs = tokio::spawn(submit_jobs(Arc::clone(&rival), move |_| filled.load(Relaxed)));
        regions.await.unwrap();
        jobs.await.unwrap()
    });
    times.summary()
}
