//! A running monitor.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use predict::Classifier;

use crate::history::History;
use crate::mqtt;
use crate::shared::Shared;
use crate::source::Source;
use crate::webhook::{self, Hook};
use crate::{Config, Error, Recorded, Review, SourceStatus, Subscription};

/// Listens to its sources until it is stopped or dropped.
pub struct Monitor {
    shared: Arc<Shared>,
    threads: Mutex<Threads>,
}

/// The threads that still run.
#[derive(Default)]
struct Threads {
    /// Those that listen, and the one that deletes old clips.
    sources: Vec<JoinHandle<()>>,
    /// Those that tell others of events.
    outputs: Vec<JoinHandle<()>>,
}

/// Which episodes are asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Name of their source.
    pub source: Option<String>,
    /// The first time at which they may have begun, RFC 3339 in UTC with milliseconds.
    pub since: Option<String>,
    /// The time before which they began, likewise.
    pub until: Option<String>,
}

impl Filter {
    fn has(&self, episode: &Recorded) -> bool {
        let Self { source, since, until } = self;
        // Times of one format are ordered as their texts.
        source.as_ref().is_none_or(|source| *source == episode.source)
            && since.as_ref().is_none_or(|since| *since <= episode.began)
            && until.as_ref().is_none_or(|until| episode.began < *until)
    }
}

impl Monitor {
    /// Starts listening with the model that `classifier` returns. It is asked often: another model is used soon after it returns it, once
    /// [`Config::episode_settings`] accepts it.
    ///
    /// # Errors
    /// [`Error::Episodes`] if the settings do not fit the model, [`Error::InUse`] and [`Error::Folder`] if the folder cannot be used,
    /// [`Error::Thread`].
    pub fn start(
        config: Config,
        classifier: impl Fn() -> Arc<Classifier> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let model = classifier();
        config.episode_settings(&model)?;
        let (broker, hooks) = config.outputs().map_err(Error::Outputs)?;
        let history = History::open(&config.folder)?;
        let sources = config.sources.clone();
        let shared = Arc::new(Shared::new(config, Box::new(classifier), history)?);
        let monitor = Self { shared, threads: Mutex::default() };
        monitor.start_outputs(model.name(), broker, hooks).map_err(Error::Thread)?;
        // Brokers and webhooks still take them for open.
        monitor.shared.end_earlier_episodes();
        for (index, config) in sources.into_iter().enumerate() {
            let source = Source { shared: Arc::clone(&monitor.shared), index, config };
            let thread = std::thread::Builder::new().name(source.config.name.clone()).spawn(move || source.run());
            monitor.threads().sources.push(thread.map_err(Error::Thread)?);
        }
        if monitor.keeps_clips() {
            let shared = Arc::clone(&monitor.shared);
            let thread = std::thread::Builder::new().name("clips".into()).spawn(move || shared.tidy_clips_every_hour());
            monitor.threads().sources.push(thread.map_err(Error::Thread)?);
        }
        Ok(monitor)
    }

    fn start_outputs(&self, model: &str, broker: Option<mqtt::Output>, hooks: Vec<Hook>) -> std::io::Result<()> {
        if let Some(broker) = broker {
            let shared = Arc::clone(&self.shared);
            let thread = broker.start(model, self.subscribe(), move || shared.sources())?;
            self.threads().outputs.push(thread);
        }
        if let Some(facts) = self.shared.facts().filter(|_| !hooks.is_empty()) {
            self.threads().outputs.push(webhook::start(hooks, facts)?);
        }
        Ok(())
    }

    /// Checks that the monitor can use `classifier`.
    ///
    /// # Errors
    /// [`Error::Episodes`] if its settings do not fit it.
    pub fn check(&self, classifier: &Classifier) -> Result<(), Error> {
        self.shared.config.episode_settings(classifier).map(drop)
    }

    /// The sources as they are.
    pub fn sources(&self) -> Vec<SourceStatus> {
        self.shared.sources()
    }

    /// Whether the sound of episodes is kept.
    pub fn keeps_clips(&self) -> bool {
        self.shared.config.clips.is_some()
    }

    /// At most `limit` episodes, the newest first, of the last 10,000.
    pub fn episodes(&self, filter: &Filter, limit: usize) -> Vec<Recorded> {
        self.shared.history().episodes().rev().filter(|episode| filter.has(episode)).take(limit).cloned().collect()
    }

    /// The episode with this number.
    pub fn episode(&self, id: u64) -> Option<Recorded> {
        self.shared.history().episode(id)
    }

    /// The clip of an episode, FLAC; `None` if none is kept.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn clip(&self, id: u64) -> std::io::Result<Option<Vec<u8>>> {
        self.shared.clips.read(id)
    }

    /// Notes what somebody said of an episode; `None` if there is none with this number.
    pub fn review(&self, id: u64, review: Review) -> Option<Recorded> {
        self.shared.review(id, review)
    }

    /// Reads events from now on.
    pub fn subscribe(&self) -> Subscription {
        self.shared.subscribe()
    }

    /// Ends the commands, the episodes that last, and all subscriptions. Waits for all of it.
    pub fn stop(&self) {
        self.shared.stop();
        let Threads { sources, outputs } = std::mem::take(&mut *self.threads());
        sources.iter().for_each(|thread| thread.thread().unpark());
        join(sources);
        self.shared.close();
        join(outputs);
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // A panic was printed when it happened.
        let _ = thread.join();
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop();
    }
}
