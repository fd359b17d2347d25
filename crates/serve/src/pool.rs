//! Threads for work that cannot be interrupted.
//!
//! A job that nobody waits for any more leaves the queue. If a thread has started it, the job runs to its end; once its
//! deadline passes, the thread counts as stuck and another one takes its place, so a file that decodes very slowly does
//! not stall the others.

mod threads;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use threads::{Spawn, Threads, Work};

/// A fixed number of threads, and a limited number of replacements for stuck ones.
pub struct Pool(Arc<Threads>);

/// Why a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It missed its deadline.
    Late,
    /// It panicked.
    Panicked,
}

impl Pool {
    /// Starts `n_threads` threads. At most `max_stuck` more are started later to replace stuck ones.
    ///
    /// # Errors
    /// The I/O error if the operating system refuses a thread.
    pub fn new(name: &'static str, n_threads: usize, max_stuck: usize) -> io::Result<Self> {
        let spawn = move |work: Work| std::thread::Builder::new().name(name.into()).spawn(work).map(drop);
        Self::with(Box::new(spawn), n_threads, max_stuck)
    }

    fn with(spawn: Spawn, n_threads: usize, max_stuck: usize) -> io::Result<Self> {
        Threads::start(spawn, n_threads, max_stuck).map(Self)
    }

    /// Runs `work` on a thread of the pool and waits for its result until `deadline`. If the future is dropped before, work that
    /// has not started never starts; work that has started runs to its end.
    ///
    /// # Errors
    /// [`Lost`] if the deadline passes or `work` panics.
    pub async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let (sender, receiver) = oneshot::channel();
        let work = Box::new(move || drop(sender.send(catch_unwind(AssertUnwindSafe(work)))));
        let mut waiter = Waiter { threads: Arc::clone(&self.0), job: self.0.push(work), deadline, is_answered: false };
        let Ok(answer) = timeout_at(deadline, receiver).await else { return Err(Lost::Late) };
        waiter.is_answered = true;
        match answer {
            Ok(Ok(result)) => Ok(result),
            _ => Err(Lost::Panicked),
        }
    }

    /// Whether a thread is not stuck. Missing threads are started first.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Abandons a job that has no answer yet when nobody waits for it any more.
struct Waiter {
    threads: Arc<Threads>,
    job: u64,
    deadline: Instant,
    is_answered: bool,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.is_answered || !self.threads.abandon(self.job) {
            return;
        }
        if Instant::now() >= self.deadline {
            return self.threads.replace_thread_of(self.job);
        }
        if let Ok(runtime) = Handle::try_current() {
            let (threads, job, deadline) = (Arc::clone(&self.threads), self.job, self.deadline);
            runtime.spawn(async move {
                sleep_until(deadline).await;
                threads.replace_thread_of(job);
            });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::time::Duration;

    use super::*;

    fn within(milliseconds: u64) -> Instant {
        Instant::now() + Duration::from_millis(milliseconds)
    }

    fn soon() -> Instant {
        within(50)
    }

    fn later() -> Instant {
        within(60_000)
    }

    /// Work that does not end before a message is sent.
    fn stuck() -> (Sender<()>, impl FnOnce() + Send + 'static) {
        let (release, end): (_, Receiver<()>) = mpsc::channel();
        (release, move || _ = end.recv())
    }

    /// Waits until `is_so`.
    async fn until(is_so: impl Fn() -> bool) {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Panics when it is dropped, except during another panic.
    struct Fragile;

    impl Drop for Fragile {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("on purpose");
            }
        }
    }

    #[tokio::test]
    async fn stuck_threads_are_replaced_up_to_the_limit() {
        let pool = Pool::new("test", 1, 1).unwrap();
        assert_eq!(pool.run(later(), || 2 + 2).await, Ok(4));
        let (first, work) = stuck();
        assert_eq!(pool.run(soon(), work).await, Err(Lost::Late));
        assert_eq!(pool.run(later(), || 5).await, Ok(5), "another thread replaces it");
        assert!(pool.is_alive());
        let (second, work) = stuck();
        assert_eq!(pool.run(soon(), work).await, Err(Lost::Late));
        assert!(!pool.is_alive(), "both threads are stuck");
        assert_eq!(pool.run(soon(), || 6).await, Err(Lost::Late));
        drop((first, second));
        assert_eq!(pool.run(later(), || 7).await, Ok(7), "one of them is free again");
        until(|| pool.0.counts() == (0, 1, 0)).await;
        assert!(pool.is_alive());
    }

    #[tokio::test]
    async fn abandoned_jobs_leave_the_queue_with_what_they_hold() {
        let pool = Pool::new("test", 1, 0).unwrap();
        let (release, work) = stuck();
        let running = pool.run(later(), work);
        let bytes = Arc::new(());
        let held = Arc::clone(&bytes);
        let waiting = pool.run(later(), move || drop(held));
        let late_bytes = Arc::clone(&bytes);
        {
            tokio::pin!(running, waiting);
            tokio::select! {
                biased;
                _ = &mut running => panic!("it waits for its release"),
                _ = &mut waiting => panic!("the only thread is busy"),
                late = pool.run(soon(), move || drop(late_bytes)) => assert_eq!(late, Err(Lost::Late)),
            }
            assert_eq!(Arc::strong_count(&bytes), 2, "the late job is gone, the other one waits");
        }
        assert_eq!(Arc::strong_count(&bytes), 1, "nobody waits any more");
        assert_eq!(pool.0.counts(), (0, 1, 0));
        drop(release);
        assert_eq!(pool.run(later(), || 1).await, Ok(1));
    }

    /// The client of a stuck job may leave before the deadline.
    #[tokio::test]
    async fn a_stuck_thread_is_replaced_even_if_nobody_waits_any_more() {
        let pool = Pool::new("test", 1, 1).unwrap();
        let (_release, work) = stuck();
        let (started, is_started) = mpsc::channel();
        let mut job = Box::pin(pool.run(within(100), move || {
            started.send(()).unwrap();
            work();
        }));
        tokio::select! {
            biased;
            _ = &mut job => panic!("it is stuck"),
            () = until(|| is_started.try_recv().is_ok()) => drop(job),
        }
        assert_eq!(pool.run(later(), || 1).await, Ok(1));
    }

    #[tokio::test]
    async fn a_thread_that_the_system_refuses_is_started_later() {
        let is_refused = Arc::new(AtomicBool::new(false));
        let refused = Arc::clone(&is_refused);
        let spawn = move |work: Work| match refused.load(Ordering::SeqCst) {
            true => Err(io::Error::from(io::ErrorKind::WouldBlock)),
            false => std::thread::Builder::new().spawn(work).map(drop),
        };
        let pool = Pool::with(Box::new(spawn), 1, 2).unwrap();
        is_refused.store(true, Ordering::SeqCst);
        let (_release, work) = stuck();
        assert_eq!(pool.run(soon(), work).await, Err(Lost::Late));
        assert!(!pool.is_alive(), "its thread is stuck, and no other one can be started");
        is_refused.store(false, Ordering::SeqCst);
        assert_eq!(pool.run(later(), || 1).await, Ok(1));
        let (_release, work) = stuck();
        is_refused.store(true, Ordering::SeqCst);
        assert_eq!(pool.run(soon(), work).await, Err(Lost::Late));
        is_refused.store(false, Ordering::SeqCst);
        assert!(pool.is_alive(), "the question starts the missing thread");
        assert_eq!(pool.0.counts(), (0, 3, 2));
    }

    #[tokio::test]
    async fn a_panic_affects_only_its_own_job() {
        let pool = Pool::new("test", 1, 0).unwrap();
        assert_eq!(pool.run(later(), || panic!("on purpose")).await, Err::<(), _>(Lost::Panicked));
        assert_eq!(pool.run(later(), || 1).await, Ok(1));
        let (release, work) = stuck();
        let late = pool.run(soon(), move || {
            work();
            Fragile
        });
        assert!(matches!(late.await, Err(Lost::Late)));
        drop(release);
        assert_eq!(pool.run(later(), || 2).await, Ok(2), "a result that panics leaves the thread alive");
        until(|| pool.0.counts() == (0, 1, 0)).await;
    }
}
