//! Events for everyone who wants to know of them.

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use crate::Event;

/// How many events other than levels a reader may be behind before it loses the oldest.
const FACTS: usize = 1024;
/// How many levels a reader may be behind before it loses the oldest.
const LEVELS: usize = 64;

/// Where events are published. A reader never holds it up.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// Dropped before the levels.
    facts: Sender<Event>,
    levels: Sender<Event>,
}

/// A reader of events. If it is slow, it loses levels first.
#[derive(Debug)]
pub struct Subscription {
    facts: Receiver<Event>,
    levels: Receiver<Event>,
}

impl Publisher {
    pub fn new() -> Self {
        Self { facts: channel(FACTS).0, levels: channel(LEVELS).0 }
    }

    pub fn publish(&self, event: Event) {
        let sender = if matches!(event, Event::Level(_)) { &self.levels } else { &self.facts };
        // An error means that nobody reads at the moment.
        let _ = sender.send(event);
    }

    /// Reads everything but levels.
    pub fn facts(&self) -> Receiver<Event> {
        self.facts.subscribe()
    }

    pub fn subscribe(&self) -> Subscription {
        Subscription { facts: self.facts.subscribe(), levels: self.levels.subscribe() }
    }
}

impl Subscription {
    /// A subscription that has ended.
    pub(crate) fn ended() -> Self {
        Publisher::new().subscribe()
    }

    /// Waits for the next event; `None` once the monitor has stopped.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                biased;
                fact = self.facts.recv() => match fact {
                    Ok(event) => return Some(event),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                // Closed only after the facts, which then end the loop.
                level = self.levels.recv() => if let Ok(event) = level { return Some(event) },
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Level, SourceState, SourceStatus};

    fn level(time: usize) -> Event {
        Event::Level(Level { source: "a".into(), time: time.to_string(), level_dbfs: -20.0, cry_score: None })
    }

    fn fact(since: usize) -> Event {
        let since = since.to_string();
        let state = SourceState::Listening;
        Event::Source(SourceStatus { name: "a".into(), state, problem: None, since, last: None, episode: None })
    }

    #[test]
    fn a_slow_reader_loses_levels_and_nothing_else_and_then_the_end_comes() {
        let publisher = Publisher::new();
        let mut slow = publisher.subscribe();
        for i in 0..1000 {
            publisher.publish(level(i));
            publisher.publish(fact(i));
        }
        let expected: Vec<Event> = (0..1000).map(fact).chain((1000 - LEVELS..1000).map(level)).collect();
        drop(publisher);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut facts = Vec::new();
            while let Some(event) = slow.next().await {
                facts.push(event);
            }
            assert_eq!(facts, expected[..facts.len()]);
            assert!(facts.len() >= 1000);
            assert_eq!(Subscription::ended().next().await, None);
        });
    }
}
