use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use millrace_rivals::progress::{run_stream, Progress, Until};
use millrace_rivals::report::run_main;
use millrace_rivals::rivals::{Rival, SpawnBlocking, TokioRayon, TwoHops};
use millrace_rivals::suite::{Measurement, Variant};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        System.alloc(layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        System.alloc_zeroed(layout)
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        System.realloc(old, layout, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        System.dealloc(memory, layout)
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const JOBS: u64 = 20_000;

// Ends after a warm-up and as many jobs again, for which allocations are counted.
struct ForJobs {
    at_begin: AtomicU64,
    at_end: AtomicU64,
}

impl Until for ForJobs {
    fn reached(&self, done: u64) -> bool {
        if done == JOBS {
            self.at_begin.store(ALLOCATIONS.load(Relaxed), Relaxed);
        }
        if done == 2 * JOBS {
            self.at_end.store(ALLOCATIONS.load(Relaxed), Relaxed);
        }
        done >= 2 * JOBS
    }
}

fn allocations<R: Rival>(in_flight: usize) -> Vec<Measurement> {
    let runtime = R::runtime(1);
    let rival = Arc::new(R::new(1));
    let until = ForJobs { at_begin: AtomicU64::new(0), at_end: AtomicU64::new(0) };
    let all = Arc::new(Progress::new(until));
    run_stream(&runtime, &rival, in_flight, &all);
    let counted = all.until().at_end.load(Relaxed) - all.until().at_begin.load(Relaxed);
    vec![("allocations", "per job", counted as f64 / JOBS as f64)]
}

fn variant<R: Rival>(in_flight: usize) -> Variant {
    Variant {
        problem: "allocations",
        rival: R::NAME,
        workers: 1,
        in_flight,
        time: Duration::default(),
        run: Box::new(move |_| allocations::<R>(in_flight)),
    }
}

fn main() {
    let mut all = vec![];
    for in_flight in [1, 64] {
        all.push(variant::<TokioRayon>(in_flight));
        all.push(variant::<TwoHops>(in_flight));
        all.push(variant::<SpawnBlocking>(in_flight));
    }
    run_main(all);
}
