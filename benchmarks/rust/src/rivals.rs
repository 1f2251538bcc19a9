use std::any::Any;
use std::future::Future;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::{spawn_blocking, JoinHandle};

/// A way to run a job off a Tokio thread and come back.
pub trait Rival: Send + Sync + 'static {
    const NAME: &'static str;
    type Handle: Future<Output = u64> + Send;

    fn new(workers: usize) -> Self;
    fn run<F: FnOnce() -> u64 + Send + 'static>(&self, job: F) -> Self::Handle;

    /// The loop: one thread, timers and sockets on.
    fn runtime(_workers: usize) -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }
}

type Outcome = Result<u64, Box<dyn Any + Send>>;

/// A job's result on its way through a oneshot channel; a panic arrives as one.
pub struct Oneshot(oneshot::Receiver<Outcome>);

impl Future for Oneshot {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        Pin::new(&mut self.0).poll(context).map(|received| match received {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => panic!("the job was dropped"),
        })
    }
}

fn packaged<F: FnOnce() -> u64 + Send>(job: F) -> (impl FnOnce() + Send, Oneshot) {
    let (sender, receiver) = oneshot::channel();
    let run = move || {
        let _ = sender.send(catch_unwind(AssertUnwindSafe(job)));
    };
    (run, Oneshot(receiver))
}

fn rayon_pool(workers: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(workers).build().unwrap()
}

/// `ThreadPool::spawn` and a oneshot channel, as the crate tokio-rayon does it.
pub struct TokioRayon(ThreadPool);

impl Rival for TokioRayon {
    const NAME: &'static str = "tokio_rayon";
    type Handle = Oneshot;

    fn new(workers: usize) -> Self {
        Self(rayon_pool(workers))
    }

    fn run<F: FnOnce() -> u64 + Send + 'static>(&self, job: F) -> Oneshot {
        let (run, handle) = packaged(job);
        self.0.spawn(run);
        handle
    }
}

/// The Rust compute module's way: onto Rayon's global pool, and from there into the own one.
pub struct TwoHops(Arc<ThreadPool>);

impl Rival for TwoHops {
    const NAME: &'static str = "tokio_rayon-two_hops";
    type Handle = Oneshot;

    fn new(workers: usize) -> Self {
        Self(Arc::new(rayon_pool(workers)))
    }

    fn run<F: FnOnce() -> u64 + Send + 'static>(&self, job: F) -> Oneshot {
        let pool = Arc::clone(&self.0);
        let (run, handle) = packaged(move || pool.install(job));
        rayon::spawn(run);
        handle
    }
}

/// `tokio::task::spawn_blocking`, with as many blocking threads as the others have workers.
pub struct SpawnBlocking;

pub struct Joined(JoinHandle<u64>);

impl Future for Joined {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        Pin::new(&mut self.0).poll(context).map(Result::unwrap)
    }
}

impl Rival for SpawnBlocking {
    const NAME: &'static str = "tokio-spawn_blocking";
    type Handle = Joined;

    fn new(_workers: usize) -> Self {
        Self
    }

    fn run<F: FnOnce() -> u64 + Send + 'static>(&self, job: F) -> Joined {
        Joined(spawn_blocking(job))
    }

    fn runtime(workers: usize) -> Runtime {
        Builder::new_current_thread().enable_all().max_blocking_threads(workers).build().unwrap()
    }
}
