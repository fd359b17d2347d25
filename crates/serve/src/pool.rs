//! Threads for work that cannot be interrupted. A job that is still running when its time is up keeps its thread, but the pool
//! puts another in its place, so that a hostile file cannot stall the others.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// A fixed number of threads, and some to replace those that are stuck.
pub struct Pool(Arc<Shared>);

/// Why a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Its time was up.
    Late,
    /// It panicked.
    Panicked,
}

struct Shared {
    name: &'static str,
    state: Mutex<State>,
    wake: Condvar,
    max_stuck: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    n_stuck: usize,
    closed: bool,
}

struct Job {
    work: Box<dyn FnOnce() + Send>,
    phase: Arc<AtomicU8>,
}

/// Phases of a job. Whoever changes it from running decides whether its thread is replaced.
const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const DONE: u8 = 2;
const ABANDONED: u8 = 3;

impl Pool {
    /// Starts `n_threads` threads; at most `max_stuck` more replace those that are stuck.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn new(name: &'static str, n_threads: usize, max_stuck: usize) -> std::io::Result<Self> {
        let pool = Self(Arc::new(Shared { name, state: Mutex::default(), wake: Condvar::new(), max_stuck }));
        for _ in 0..n_threads {
            pool.0.spawn()?;
        }
        Ok(pool)
    }

    /// Runs `work` and waits for its result until `deadline`. Once it has begun it runs to its end, though nobody may be left to
    /// take the result.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let (sender, receiver) = oneshot::channel();
        let phase = Arc::new(AtomicU8::new(WAITING));
        let work = Box::new(move || drop(sender.send(catch_unwind(AssertUnwindSafe(work)))));
        self.0.lock().jobs.push_back(Job { work, phase: Arc::clone(&phase) });
        self.0.wake.notify_one();
        match timeout_at(deadline, receiver).await {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(_) => Err(Lost::Panicked),
            Err(_) => {
                self.0.abandon(&phase);
                Err(Lost::Late)
            }
        }
    }

    /// Jobs that no thread has begun.
    pub fn n_waiting(&self) -> usize {
        self.0.lock().jobs.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(self: &Arc<Self>) -> std::io::Result<()> {
        let shared = Arc::clone(self);
        std::thread::Builder::new().name(self.name.into()).spawn(move || shared.work()).map(drop)
    }

    /// Takes jobs until the pool is gone, or until another thread has taken this one's place.
    fn work(&self) {
        while let Some(job) = self.next() {
            if job.phase.compare_exchange(WAITING, RUNNING, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                continue;
            }
            (job.work)();
            if job.phase.swap(DONE, Ordering::SeqCst) == ABANDONED {
                self.lock().n_stuck -= 1;
                return;
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Gives up a job: it is never begun, or its thread is replaced while there are threads left to replace it with.
    fn abandon(self: &Arc<Self>, phase: &AtomicU8) {
        if phase.compare_exchange(WAITING, ABANDONED, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            return;
        }
        let mut state = self.lock();
        let replace = state.n_stuck < self.max_stuck
            && phase.compare_exchange(RUNNING, ABANDONED, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if replace {
            state.n_stuck += 1;
            if self.spawn().is_err() {
                tracing::error!(pool = self.name, "a stuck thread cannot be replaced");
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn soon(milliseconds: u64) -> Instant {
        Instant::now() + Duration::from_millis(milliseconds)
    }

    #[tokio::test]
    async fn a_stuck_thread_is_replaced_until_there_are_too_many() {
        let pool = Pool::new("test", 1, 1).unwrap();
        assert_eq!(pool.run(soon(10_000), || 2 + 2).await, Ok(4));
        let (release, stuck) = mpsc::channel::<()>();
        let stuck = Arc::new(Mutex::new(stuck));
        let wait = || {
            let stuck = Arc::clone(&stuck);
            move || {
                let _ = stuck.lock().unwrap().recv();
            }
        };
        assert_eq!(pool.run(soon(50), wait()).await, Err(Lost::Late));
        assert_eq!(pool.run(soon(10_000), || 5).await, Ok(5), "another thread took its place");
        assert_eq!(pool.run(soon(50), wait()).await, Err(Lost::Late));
        assert_eq!(pool.run(soon(50), || 6).await, Err(Lost::Late), "both are stuck");
        release.send(()).unwrap();
        release.send(()).unwrap();
        assert_eq!(pool.run(soon(10_000), || 7).await, Ok(7), "one of them is back");
    }

    #[tokio::test]
    async fn a_panic_costs_one_job_only() {
        let pool = Pool::new("test", 1, 0).unwrap();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        assert_eq!(pool.run(soon(10_000), || panic!("on purpose")).await, Err::<(), _>(Lost::Panicked));
        std::panic::set_hook(hook);
        assert_eq!(pool.run(soon(10_000), || 1).await, Ok(1));
    }
}
