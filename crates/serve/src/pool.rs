//! Threads for work that cannot be interrupted.
//!
//! A job that misses its deadline keeps its thread, but the pool starts another thread in its place, so a file that decodes
//! very slowly does not stall the others.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// A fixed number of threads, and a limited number of replacements for stuck ones.
pub struct Pool(Arc<Shared>);

/// Why a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It missed its deadline.
    Late,
    /// It panicked.
    Panicked,
}

struct Shared {
    name: &'static str,
    state: Mutex<State>,
    wake: Condvar,
    /// Maximum number of threads that are replaced.
    max_stuck: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Threads that run an abandoned job and have been replaced.
    n_stuck: usize,
    closed: bool,
}

struct Job {
    work: Box<dyn FnOnce() + Send>,
    phase: Arc<AtomicU8>,
}

/// Phases of a job. The worker and the waiting caller both try to advance a running job; whichever is first decides whether
/// its thread is replaced.
const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const DONE: u8 = 2;
const ABANDONED: u8 = 3;

impl Pool {
    /// Starts `n_threads` threads. At most `max_stuck` more are started later to replace stuck ones.
    ///
    /// # Errors
    /// The I/O error if the operating system refuses a thread.
    pub fn new(name: &'static str, n_threads: usize, max_stuck: usize) -> std::io::Result<Self> {
        let pool = Self(Arc::new(Shared { name, state: Mutex::default(), wake: Condvar::new(), max_stuck }));
        for _ in 0..n_threads {
            pool.0.spawn()?;
        }
        Ok(pool)
    }

    /// Runs `work` on a thread of the pool and waits for its result until `deadline`. Work that has started always runs to
    /// its end, even if nobody waits for the result any more.
    ///
    /// # Errors
    /// [`Lost`] if the deadline passes or `work` panics.
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

    /// Number of jobs that no thread has started.
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

    /// Runs jobs until the pool is dropped, or until this thread has been replaced.
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

    /// Abandons a job: a waiting one never starts; a running one has its thread replaced, as long as `max_stuck` allows.
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
                tracing::error!(pool = self.name, "cannot replace a stuck thread");
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

    fn within(milliseconds: u64) -> Instant {
        Instant::now() + Duration::from_millis(milliseconds)
    }

    #[tokio::test]
    async fn stuck_threads_are_replaced_up_to_the_limit() {
        let pool = Pool::new("test", 1, 1).unwrap();
        assert_eq!(pool.run(within(10_000), || 2 + 2).await, Ok(4));
        let (release, stuck) = mpsc::channel::<()>();
        let stuck = Arc::new(Mutex::new(stuck));
        let wait = || {
            let stuck = Arc::clone(&stuck);
            move || {
                let _ = stuck.lock().unwrap().recv();
            }
        };
        assert_eq!(pool.run(within(50), wait()).await, Err(Lost::Late));
        assert_eq!(pool.run(within(10_000), || 5).await, Ok(5), "another thread replaces it");
        assert_eq!(pool.run(within(50), wait()).await, Err(Lost::Late));
        assert_eq!(pool.run(within(50), || 6).await, Err(Lost::Late), "both threads are stuck");
        release.send(()).unwrap();
        release.send(()).unwrap();
        assert_eq!(pool.run(within(10_000), || 7).await, Ok(7), "one of them is free again");
    }

    #[tokio::test]
    async fn a_panic_affects_only_its_own_job() {
        let pool = Pool::new("test", 1, 0).unwrap();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        assert_eq!(pool.run(within(10_000), || panic!("on purpose")).await, Err::<(), _>(Lost::Panicked));
        std::panic::set_hook(hook);
        assert_eq!(pool.run(within(10_000), || 1).await, Ok(1));
    }
}
