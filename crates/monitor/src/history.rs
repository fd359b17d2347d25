//! The history of episodes: an append-only file of JSON lines, one for each fact.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use durable::{LockError, LockedFile};
use serde::{Deserialize, Serialize};

use crate::{Error, Recorded, Review};

/// Name of the file in the folder of a monitor.
const FILE: &str = "history.jsonl";
/// Episodes in memory; earlier ones are in the file only.
const MAX_EPISODES: usize = 10_000;
/// How many bytes may wait for a disk that has no room.
const MAX_WAITING: usize = 16 << 20;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fact {
    /// An episode was confirmed.
    Start(Recorded),
    /// An episode ended.
    End(Recorded),
    /// An episode was reviewed.
    Review(Reviewed),
}

#[derive(Debug, Serialize, Deserialize)]
struct Reviewed {
    id: u64,
    review: Review,
}

/// All episodes that a monitor found, the last ones in memory.
#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    locked: LockedFile,
    /// Length of the file up to the last whole line, bytes.
    len: u64,
    /// Lines that could not be written yet.
    waiting: Vec<u8>,
    /// By ascending number.
    episodes: VecDeque<Recorded>,
    next_id: u64,
}

impl History {
    /// Reads the history in `folder`, which is created if there is none. A line that a crash left incomplete is dropped.
    ///
    /// # Errors
    /// [`Error::InUse`] if another process uses the folder, [`Error::Folder`] for I/O.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|source| Error::Folder { path: folder.into(), source })?;
        let path = folder.join(FILE);
        let locked = LockedFile::open(&path, Duration::ZERO).map_err(|error| match error {
            LockError::Held(holder) => Error::InUse { folder: folder.into(), holder },
            LockError::Io(source) => Error::Folder { path: path.clone(), source },
        })?;
        let mut history = Self { path, locked, len: 0, waiting: vec![], episodes: VecDeque::new(), next_id: 1 };
        history.read().map_err(|source| Error::Folder { path: history.path.clone(), source })?;
        Ok(history)
    }

    /// Notes which episodes have a clip. Their numbers are taken.
    pub fn set_clips(&mut self, clips: &BTreeSet<u64>) {
        self.next_id = self.next_id.max(clips.last().map_or(1, |last| last + 1));
        for episode in &mut self.episodes {
            episode.has_clip = clips.contains(&episode.id);
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut lines = BufReader::new(self.locked.file.try_clone()?);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let n_bytes = lines.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                break;
            }
            self.len += n_bytes as u64;
            match serde_json::from_slice(&line) {
                Ok(fact) => self.apply(fact),
                Err(error) => {
                    tracing::warn!(file = %self.path.display(), line = number, %error, "a line of the history was skipped");
                }
            }
        }
        self.locked.file.set_len(self.len)?;
        self.locked.file.seek(SeekFrom::End(0)).map(drop)
    }

    /// The episodes that last. At the start, these are those that lasted when the former process ended.
    pub fn open_episodes(&self) -> Vec<Recorded> {
        self.episodes.iter().filter(|episode| episode.ended.is_none()).cloned().collect()
    }

    fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Start(episode) => {
                self.next_id = self.next_id.max(episode.id + 1);
                self.episodes.push_back(episode);
                if self.episodes.len() > MAX_EPISODES {
                    self.episodes.pop_front();
                }
            }
            Fact::End(ended) => {
                if let Some(episode) = self.of_id(ended.id) {
                    let review = episode.review.take();
                    *episode = Recorded { review, ..ended };
                }
            }
            Fact::Review(Reviewed { id, review }) => {
                if let Some(episode) = self.of_id(id) {
                    episode.review = Some(review);
                }
            }
        }
    }

    fn of_id(&mut self, id: u64) -> Option<&mut Recorded> {
        let index = self.episodes.binary_search_by_key(&id, |episode| episode.id).ok()?;
        self.episodes.get_mut(index)
    }

    /// Adds an episode, which gets its number. The I/O result says whether the disk has it; if not, the next fact tries again.
    pub fn start(&mut self, episode: Recorded) -> (Recorded, io::Result<()>) {
        let episode = Recorded { id: self.next_id, ..episode };
        let written = self.add(Fact::Start(episode.clone()));
        (episode, written)
    }

    /// Ends an episode. A review that it has stays.
    pub fn end(&mut self, episode: Recorded) -> (Recorded, io::Result<()>) {
        let written = self.add(Fact::End(episode.clone()));
        (self.episode(episode.id).unwrap_or(episode), written)
    }

    /// Reviews an episode; `None` if there is none with this number.
    pub fn review(&mut self, id: u64, review: Review) -> Option<(Recorded, io::Result<()>)> {
        self.of_id(id)?;
        let written = self.add(Fact::Review(Reviewed { id, review }));
        self.episode(id).map(|episode| (episode, written))
    }

    /// The episode with this number.
    pub fn episode(&self, id: u64) -> Option<Recorded> {
        let index = self.episodes.binary_search_by_key(&id, |episode| episode.id).ok()?;
        self.episodes.get(index).cloned()
    }

    /// The episodes in memory, the oldest first.
    pub fn episodes(&self) -> impl DoubleEndedIterator<Item = &Recorded> + Clone {
        self.episodes.iter()
    }

    /// Notes that the clips of these episodes were deleted.
    pub fn lost_clips(&mut self, ids: &[u64]) {
        for id in ids {
            if let Some(episode) = self.of_id(*id) {
                episode.has_clip = false;
            }
        }
    }

    fn add(&mut self, fact: Fact) -> io::Result<()> {
        let line = serde_json::to_vec(&fact)?;
        self.apply(fact);
        if self.waiting.len() + line.len() < MAX_WAITING {
            self.waiting.extend(line);
            self.waiting.push(b'\n');
        }
        self.write()
    }

    /// Writes what waits. After an error, the file ends with a whole line again, if the disk allows that much.
    pub fn write(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.locked.check()?;
        self.locked.file.set_len(self.len)?;
        self.locked.file.seek(SeekFrom::Start(self.len))?;
        let written = durable::append(&mut self.locked.file, &self.waiting);
        match written {
            Ok(()) => {
                self.len += self.waiting.len() as u64;
                self.waiting = vec![];
            }
            Err(_) => self.locked.file.set_len(self.len)?,
        }
        written
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;
    use crate::Verdict;

    fn episode(source: &str) -> Recorded {
        serde_json::from_value(serde_json::json!({
            "id": 0, "source": source, "began": "2026-11-27T20:00:00.000Z", "confirmed": "2026-11-27T20:00:02.500Z", "seconds": 2.5,
            "label": "hungry", "probability": 0.75, "all_probs": {"hungry": 0.75, "tired": 0.25}, "level_dbfs": -30.0,
        }))
        .unwrap()
    }

    fn add(history: &mut History, source: &str) -> Recorded {
        let (episode, written) = history.start(episode(source));
        written.unwrap();
        episode
    }

    fn ids(history: &History) -> Vec<u64> {
        history.episodes().map(|episode| episode.id).collect()
    }

    #[test]
    fn a_history_is_read_as_it_was_written_and_its_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let review = Review { verdict: Verdict::Cry, label: Some("tired".into()) };
        let before = {
            let mut history = History::open(folder.path()).unwrap();
            let [first, second] = ["nursery", "attic"].map(|source| add(&mut history, source));
            let reviewed = history.review(second.id, review.clone()).unwrap().0;
            assert_eq!(reviewed.review, Some(review.clone()));
            let ended = history.end(Recorded { interrupted: false, seconds: 9.0, ..second.interrupted() }).0;
            assert_eq!((ended.review, ended.seconds), (Some(review), 9.0), "the review of an episode that lasts stays");
            assert!(history.review(3, Review { verdict: Verdict::NotACry, label: None }).is_none());
            assert_eq!(history.open_episodes(), [first]);
            history.episodes().cloned().collect::<Vec<_>>()
        };
        let mut history = History::open(folder.path()).unwrap();
        assert_eq!(history.episodes().cloned().collect::<Vec<_>>(), before);
        assert_eq!(add(&mut history, "nursery").id, 3);
        history.set_clips(&[2, 7].into());
        let has_clips: Vec<bool> = history.episodes().map(|episode| episode.has_clip).collect();
        assert_eq!(
            (has_clips, add(&mut history, "nursery").id),
            (vec![false, true, false], 8),
            "the clip 7 is another's"
        );
        history.lost_clips(&[2, 7]);
        assert!(history.episodes().all(|episode| !episode.has_clip));
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_a_broken_one_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for source in ["a", "b"] {
            add(&mut History::open(folder.path()).unwrap(), source);
        }
        let whole = std::fs::read(&path).unwrap();
        for torn in 1..whole.len() {
            std::fs::write(&path, &whole[..torn]).unwrap();
            let history = History::open(folder.path()).unwrap();
            let n_lines = whole[..torn].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!((ids(&history).len(), history.next_id), (n_lines, n_lines as u64 + 1), "{torn}");
        }
        std::fs::write(&path, [b"\xff nonsense\n", &whole[..], b"{\"start\""].concat()).unwrap();
        let mut history = History::open(folder.path()).unwrap();
        assert_eq!((ids(&history), add(&mut history, "c").id), (vec![1, 2], 3));
        drop(history);
        assert_eq!(ids(&History::open(folder.path()).unwrap()), [1, 2, 3]);
    }

    #[test]
    fn one_process_opens_a_history() {
        let folder = tempfile::tempdir().unwrap();
        let _held = History::open(folder.path()).unwrap();
        assert!(matches!(History::open(folder.path()), Err(Error::InUse { .. })));
    }

    #[test]
    fn what_cannot_be_written_is_written_with_the_next_fact() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        add(&mut history, "a");
        let file = std::mem::replace(&mut history.locked.file, File::open("/dev/null").unwrap());
        for id in [2, 3] {
            let (episode, written) = history.start(episode("b"));
            assert_eq!((episode.id, written.is_err()), (id, true));
        }
        history.locked.file = file;
        // What a failed write may leave.
        history.locked.file.write_all(b"{\"start\": {").unwrap();
        add(&mut history, "c");
        assert_eq!(ids(&history), [1, 2, 3, 4]);
        drop(history);
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
        assert_eq!(ids(&History::open(folder.path()).unwrap()), [1, 2, 3, 4]);
    }

    #[test]
    fn memory_holds_the_last_episodes() {
        let folder = tempfile::tempdir().unwrap();
        let line = serde_json::to_string(&Fact::Start(episode("a"))).unwrap() + "\n";
        let lines: String =
            (1..=MAX_EPISODES + 5).map(|id| line.replace("\"id\":0", &format!("\"id\":{id}"))).collect();
        std::fs::write(folder.path().join(FILE), lines).unwrap();
        let history = History::open(folder.path()).unwrap();
        let ids = ids(&history);
        assert_eq!((ids.len(), ids[0], history.next_id), (MAX_EPISODES, 6, MAX_EPISODES as u64 + 6));
    }
}
