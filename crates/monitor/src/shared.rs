//! What the threads of a monitor share: the history, the states of the sources, and the events.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use predict::Classifier;
use tokio::sync::broadcast::Receiver;

use crate::clips::Clips;
use crate::history::History;
use crate::reviews;
use crate::subscription::{Publisher, Subscription};
use crate::time::now_text;
use crate::{Config, Error, Event, Level, Recorded, Review, SourceState, SourceStatus};

/// What is written, as it is called in messages.
const HISTORY: &str = "the history";
const CLIPS: &str = "the clip of an episode";
const TABLES: &str = "the table of reviews";

/// How often old clips are deleted.
const HOUR: Duration = Duration::from_hours(1);

/// Returns the model that is used from now on.
pub(crate) type CurrentModel = Box<dyn Fn() -> Arc<Classifier> + Send + Sync>;

/// What the threads of a monitor share.
pub(crate) struct Shared {
    pub config: Config,
    pub classifier: CurrentModel,
    pub clips: Clips,
    history: Mutex<History>,
    board: Mutex<Board>,
    /// `None` once the monitor has stopped.
    publisher: Mutex<Option<Publisher>>,
    stopping: AtomicBool,
}

/// The states of the sources.
struct Board {
    sources: Vec<SourceStatus>,
    /// What cannot be written, and why.
    disk_problems: BTreeMap<&'static str, String>,
}

impl Board {
    fn status(&self, index: usize) -> Option<SourceStatus> {
        let status = self.sources.get(index)?.clone();
        let problem = status.problem.or_else(|| self.disk_problems.values().next().cloned());
        Some(SourceStatus { problem, ..status })
    }

    fn all(&self) -> Vec<SourceStatus> {
        (0..self.sources.len()).filter_map(|index| self.status(index)).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// # Errors
    /// [`Error::Folder`] if the clips cannot be listed.
    pub fn new(config: Config, classifier: CurrentModel, mut history: History) -> Result<Self, Error> {
        let in_folder = |source| Error::Folder { path: config.folder.clone(), source };
        let clips = Clips::open(&config.folder).map_err(in_folder)?;
        history.set_clips(&clips.all().map_err(in_folder)?.into_keys().collect());
        let status = |name: &String| SourceStatus {
            name: name.clone(),
            state: SourceState::Starting,
            problem: None,
            since: now_text(),
            last: None,
            episode: None,
        };
        let sources = config.sources.iter().map(|source| status(&source.name)).collect();
        Ok(Self {
            config,
            classifier,
            clips,
            history: Mutex::new(history),
            board: Mutex::new(Board { sources, disk_problems: BTreeMap::new() }),
            publisher: Mutex::new(Some(Publisher::new())),
            stopping: AtomicBool::new(false),
        })
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Tells the sources to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Ends all subscriptions, after a last attempt to write what waits.
    pub fn close(&self) {
        let written = lock(&self.history).write();
        self.note_disk(HISTORY, written);
        *lock(&self.publisher) = None;
    }

    pub fn subscribe(&self) -> Subscription {
        lock(&self.publisher).as_ref().map_or_else(Subscription::ended, Publisher::subscribe)
    }

    /// Reads everything but levels; `None` once the monitor has stopped.
    pub fn facts(&self) -> Option<Receiver<Event>> {
        lock(&self.publisher).as_ref().map(Publisher::facts)
    }

    fn publish(&self, event: Event) {
        if let Some(publisher) = &*lock(&self.publisher) {
            publisher.publish(event);
        }
    }

    pub fn sources(&self) -> Vec<SourceStatus> {
        lock(&self.board).all()
    }

    pub fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    /// Notes what one window of a source sounded like.
    pub fn level(&self, index: usize, level: Level) {
        if let Some(status) = lock(&self.board).sources.get_mut(index) {
            status.last = Some(level.clone());
        }
        self.publish(Event::Level(level));
    }

    /// Notes the state of a source, and why. A source that is starting keeps its problem, until sound arrives.
    pub fn state(&self, index: usize, state: SourceState, problem: Option<String>) {
        let mut board = lock(&self.board);
        let Some(status) = board.sources.get_mut(index) else { return };
        let problem = if state == SourceState::Starting { status.problem.take() } else { problem };
        let is_heard = |state| state == SourceState::Listening;
        if is_heard(status.state) != is_heard(state) {
            status.since = now_text();
        }
        (status.state, status.problem) = (state, problem);
        let status = board.status(index);
        drop(board);
        status.map(Event::Source).into_iter().for_each(|event| self.publish(event));
    }

    fn set_episode(&self, index: usize, id: Option<u64>) {
        if let Some(status) = lock(&self.board).sources.get_mut(index) {
            status.episode = id;
        }
    }

    /// Notes an episode of a source; it gets its number.
    pub fn start_episode(&self, index: usize, episode: Recorded) -> Recorded {
        let mut history = self.history();
        let (episode, written) = history.start(episode);
        self.set_episode(index, Some(episode.id));
        self.publish(Event::Start(episode.clone()));
        drop(history);
        self.note_disk(HISTORY, written);
        episode
    }

    /// Notes that an episode of a source has ended.
    pub fn end_episode(&self, index: usize, episode: Recorded) {
        self.set_episode(index, None);
        self.note_end(episode);
    }

    /// Ends the episodes that lasted when the former process ended.
    pub fn end_earlier_episodes(&self) {
        let open = self.history().open_episodes();
        open.into_iter().for_each(|episode| self.note_end(episode.interrupted()));
    }

    fn note_end(&self, episode: Recorded) {
        let mut history = self.history();
        let (episode, written) = history.end(episode);
        let tabled = episode.review.as_ref().map(|_| self.write_tables(&history));
        self.publish(Event::End(episode));
        drop(history);
        self.note_disk(HISTORY, written);
        tabled.into_iter().for_each(|tabled| self.note_disk(TABLES, tabled));
    }

    /// Reviews an episode; `None` if there is none with this number.
    pub fn review(&self, id: u64, review: Review) -> Option<Recorded> {
        let mut history = self.history();
        let (episode, written) = history.review(id, review)?;
        let tabled = self.write_tables(&history);
        self.publish(Event::Review(episode.clone()));
        drop(history);
        self.note_disk(HISTORY, written);
        self.note_disk(TABLES, tabled);
        Some(episode)
    }

    fn write_tables(&self, history: &History) -> io::Result<()> {
        reviews::write(&self.config.folder, history.episodes())
    }

    /// Keeps `samples` as the clip of an episode. Returns whether it is kept.
    pub fn keep_clip(&self, id: u64, samples: &[i16], sample_rate_hz: u32) -> bool {
        let written = self.clips.write(id, samples, sample_rate_hz);
        let is_kept = written.is_ok();
        self.note_disk(CLIPS, written);
        is_kept && !self.tidy_clips().contains(&id)
    }

    /// Deletes old clips and those beyond the limit. Returns their episodes.
    fn tidy_clips(&self) -> Vec<u64> {
        let Some(config) = &self.config.clips else { return vec![] };
        match self.clips.tidy(config, SystemTime::now()) {
            Ok(deleted) if deleted.is_empty() => deleted,
            Ok(deleted) => {
                let mut history = self.history();
                history.lost_clips(&deleted);
                let tabled = self.write_tables(&history);
                drop(history);
                self.note_disk(TABLES, tabled);
                deleted
            }
            Err(error) => {
                tracing::error!(%error, "old clips cannot be deleted");
                vec![]
            }
        }
    }

    /// Deletes old clips and those beyond the limit from time to time, until the monitor stops.
    pub fn tidy_clips_every_hour(&self) {
        while !self.is_stopping() {
            self.tidy_clips();
            std::thread::park_timeout(HOUR);
        }
    }

    /// Notes whether `what` was written. A problem is shown with every source, until something is written again.
    fn note_disk(&self, what: &'static str, written: io::Result<()>) {
        let mut board = lock(&self.board);
        let was = match written {
            Ok(()) => board.disk_problems.remove(what),
            Err(error) => {
                let problem = format!("{what} cannot be written: {error}; listening goes on");
                tracing::error!("{problem}");
                board.disk_problems.insert(what, problem)
            }
        };
        if was.as_ref() == board.disk_problems.get(what) {
            return;
        }
        let all = board.all();
        drop(board);
        all.into_iter().map(Event::Source).for_each(|event| self.publish(event));
    }
}
