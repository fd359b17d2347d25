//! The threads of a pool and their queue.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A job without its number.
pub type Work = Box<dyn FnOnce() + Send>;
/// Starts a thread. Tests refuse one, as an operating system does that has no more.
pub type Spawn = Box<dyn Fn(Work) -> io::Result<()> + Send + Sync>;

/// A queue of jobs and the threads that run them.
pub struct Threads {
    state: Mutex<State>,
    wake: Condvar,
    spawn: Spawn,
    /// Number of threads that are not stuck.
    n_threads: usize,
    /// Maximum number of stuck threads that are replaced.
    max_stuck: usize,
}

#[derive(Default)]
struct State {
    /// Jobs that no thread has started, by number, which is the order of their arrival.
    waiting: BTreeMap<u64, Work>,
    /// Numbers of the jobs that are running, without those of stuck threads.
    running: BTreeSet<u64>,
    n_jobs: u64,
    /// All threads, stuck or not.
    n_threads: usize,
    n_stuck: usize,
    closed: bool,
}

impl Threads {
    /// Starts `n_threads` threads.
    ///
    /// # Errors
    /// The I/O error if `spawn` fails.
    pub fn start(spawn: Spawn, n_threads: usize, max_stuck: usize) -> io::Result<Arc<Self>> {
        let (state, wake) = (Mutex::default(), Condvar::new());
        let threads = Arc::new(Self { state, wake, spawn, n_threads, max_stuck });
        threads.fill(&mut threads.lock())?;
        Ok(threads)
    }

    /// Ends the threads once their jobs are done.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    /// Whether a thread is not stuck. Missing threads are started first.
    pub fn is_alive(self: &Arc<Self>) -> bool {
        let mut state = self.lock();
        self.fill_or_log(&mut state);
        state.n_threads > state.n_stuck
    }

    /// Takes a job out of the queue, and says whether a thread runs it instead. The work is dropped after the lock is released.
    pub fn abandon(&self, job: u64) -> bool {
        let mut state = self.lock();
        let work = state.waiting.remove(&job);
        let is_running = state.running.contains(&job);
        drop(state);
        drop(work);
        is_running
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a job to the queue; returns its number.
    pub fn push(self: &Arc<Self>, work: Work) -> u64 {
        let mut state = self.lock();
        let job = state.n_jobs;
        state.n_jobs += 1;
        state.waiting.insert(job, work);
        self.fill_or_log(&mut state);
        self.wake.notify_one();
        job
    }

    /// Starts the threads that are missing, as far as `max_stuck` allows.
    fn fill(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let most = self.n_threads + self.max_stuck;
        while state.n_threads - state.n_stuck < self.n_threads && state.n_threads < most {
            let threads = Arc::clone(self);
            (self.spawn)(Box::new(move || threads.work()))?;
            state.n_threads += 1;
        }
        Ok(())
    }

    /// A thread that the operating system refuses is tried again with the next job and the next question whether the pool is alive.
    fn fill_or_log(self: &Arc<Self>, state: &mut State) {
        if let Err(error) = self.fill(state) {
            tracing::error!(%error, "cannot start a thread");
        }
    }

    /// Runs jobs until the pool is dropped, or until this thread has been replaced.
    fn work(&self) {
        while let Some((job, work)) = self.next() {
            // Work catches its own panics, but a result that nobody waits for can panic when it is dropped.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                std::mem::forget(panic);
            }
            let mut state = self.lock();
            if !state.running.remove(&job) {
                state.n_stuck -= 1;
            }
            if state.n_threads - state.n_stuck > self.n_threads {
                state.n_threads -= 1;
                return;
            }
        }
    }

    /// Waits for a job; `None` once the pool is dropped.
    fn next(&self) -> Option<(u64, Work)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some((job, work)) = state.waiting.pop_first() {
                state.running.insert(job);
                return Some((job, work));
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Counts the thread that still runs `job` as stuck and starts another one in its place, as far as `max_stuck` allows.
    pub fn replace_thread_of(self: &Arc<Self>, job: u64) {
        let mut state = self.lock();
        if state.running.remove(&job) {
            state.n_stuck += 1;
            self.fill_or_log(&mut state);
        }
    }

    /// Numbers of waiting jobs, threads and stuck threads.
    #[cfg(test)]
    pub fn counts(&self) -> (usize, usize, usize) {
        let state = self.lock();
        (state.waiting.len(), state.n_threads, state.n_stuck)
    }
}
