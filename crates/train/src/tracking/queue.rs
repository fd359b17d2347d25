//! A bounded queue and a thread between a run and a sink that may be slow or down.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::sink::Sink;
use super::watch::{Event, Watch};
use crate::terminal::stderr;

/// Events that wait for the sink; further ones are dropped.
const CAPACITY: usize = 4096;
/// How long the end of a run waits for the sink.
const PATIENCE: Duration = Duration::from_secs(5);

/// Passes events to a sink in a thread of its own. When it is dropped, it waits a short time for the sink, and says whether
/// something was missed.
pub struct Queued {
    name: String,
    events: Option<SyncSender<Event>>,
    missed: Arc<AtomicUsize>,
    /// Disconnected when the thread has ended.
    ended: Mutex<Receiver<()>>,
    patience: Duration,
}

impl Queued {
    /// Starts the thread of `sink`; `name` is what its messages call it, and how `wail track` names it.
    pub fn new(name: &str, sink: Box<dyn Sink>) -> Self {
        Self::with(name, sink, CAPACITY, PATIENCE)
    }

    fn with(name: &str, mut sink: Box<dyn Sink>, capacity: usize, patience: Duration) -> Self {
        let (events, queue) = sync_channel::<Event>(capacity);
        let (end, ended) = channel();
        let missed = Arc::new(AtomicUsize::new(0));
        let (count, who) = (Arc::clone(&missed), name.to_owned());
        std::thread::spawn(move || {
            for event in queue {
                if let Err(error) = sink.take(&event)
                    && count.fetch_add(1, Ordering::Relaxed) == 0
                {
                    stderr::line(format_args!("tracking   {who}: {error}; the run goes on without it"));
                }
            }
            drop(end);
        });
        Self { name: name.into(), events: Some(events), missed, ended: Mutex::new(ended), patience }
    }
}

impl Watch for Queued {
    fn tell(&self, event: &Event) {
        if self.events.as_ref().is_none_or(|events| events.try_send(event.clone()).is_err()) {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        drop(self.events.take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let late = ended.recv_timeout(self.patience) == Err(RecvTimeoutError::Timeout);
        if late || self.missed.load(Ordering::Relaxed) > 0 {
            stderr::line(format_args!(
                "tracking   {0} missed a part of this run; to send it: wail track RUN --track {0}",
                self.name
            ));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc::Sender;

    use super::super::sink::TrackError;
    use super::*;

    /// The events that a sink took.
    type Taken = Arc<Mutex<Vec<Event>>>;

    struct Recorder {
        taken: Taken,
        /// The sink waits for a message before each event, until the sender is dropped.
        gate: Option<Receiver<()>>,
        is_down: bool,
    }

    impl Sink for Recorder {
        fn take(&mut self, event: &Event) -> Result<(), TrackError> {
            if let Some(gate) = &self.gate {
                let _ = gate.recv();
            }
            if self.is_down {
                return Err(TrackError::Io { path: "x".into(), source: std::io::ErrorKind::NotFound.into() });
            }
            self.taken.lock().unwrap().push(event.clone());
            Ok(())
        }
    }

    fn queued(gated: bool, is_down: bool, capacity: usize) -> (Queued, Taken, Option<Sender<()>>) {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (open, gate) = channel();
        let recorder = Recorder { taken: Arc::clone(&taken), gate: gated.then_some(gate), is_down };
        let queued = Queued::with("test", Box::new(recorder), capacity, Duration::from_secs(60));
        (queued, taken, gated.then_some(open))
    }

    fn event(n_trials: usize) -> Event {
        Event::SearchStarted { n_trials }
    }

    #[test]
    fn events_arrive_in_order_and_the_end_waits_for_them() {
        let (queued, taken, _) = queued(false, false, 10);
        (0..5).for_each(|i| queued.tell(&event(i)));
        drop(queued);
        assert_eq!(*taken.lock().unwrap(), (0..5).map(event).collect::<Vec<_>>());
    }

    #[test]
    fn a_sink_that_hangs_holds_nobody_up_and_what_does_not_fit_is_counted() {
        let (queued, taken, open) = queued(true, false, 2);
        // The first may be with the sink already; two are in the queue.
        (0..10).for_each(|i| queued.tell(&event(i)));
        let missed = queued.missed.load(Ordering::Relaxed);
        assert!((7..=8).contains(&missed), "{missed}");
        drop(open);
        drop(queued);
        assert_eq!(taken.lock().unwrap().len(), 10 - missed);
    }

    #[test]
    fn a_sink_that_is_down_is_counted() {
        let (queued, taken, _) = queued(false, true, 10);
        (0..3).for_each(|i| queued.tell(&event(i)));
        let missed = Arc::clone(&queued.missed);
        drop(queued);
        assert_eq!((taken.lock().unwrap().len(), missed.load(Ordering::Relaxed)), (0, 3));
    }
}
