//! The journal of a run: one append-only file that records what is finished, so that a killed run can be resumed.
//!
//! ```text
//! header:   "WAILJ\x02\0\0", process id of the last writer (u64, little endian; 0 when the run is finished), identity (32 bytes)
//! records:  framed CBOR, see `frame.rs`
//! ```
//! A record is written and synced after the files it refers to. The process that opens the journal holds a lock on it until the
//! process ends, for whatever reason (see [`durable::LockedFile`]). A torn record at the end, which only a crash can leave, is
//! removed when the journal is opened. A journal of another identity or version is refused and left unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use durable::{LockError, LockedFile};
use serde::{Deserialize, Serialize};

use crate::frame::{Unreadable, frame, unframe};
use crate::{Error, Identity, TrialConfig, TrialResult};

/// Name of the journal inside a run's folder.
pub const JOURNAL_FILE: &str = "journal";

const NAME: [u8; 5] = *b"WAILJ";
/// Version of the header and the records.
const VERSION: u8 = 2;
const MAGIC: [u8; 8] = [NAME[0], NAME[1], NAME[2], NAME[3], NAME[4], VERSION, 0, 0];
const HEADER_BYTES: usize = MAGIC.len() + 8 + Identity::BYTES;

/// How long to wait for a process that is about to end.
const PATIENCE: Duration = Duration::from_millis(200);

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Record {
    /// Work began. It invalidates an earlier [`Record::Run`], and trials with another number of epochs.
    Begin {
        /// Epochs of every trial from here on.
        epochs: usize,
    },
    /// A trial ended; its folder is complete.
    Trial {
        /// Folder of its search below the run's folder; empty for the search of the saved model.
        search: String,
        /// Its settings.
        trial: TrialConfig,
        /// How it ended.
        outcome: Outcome,
    },
    /// The whole run, or the shard, is finished, and everything is written.
    Run,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was trained.
    Trained(TrialResult),
    /// It failed with this message.
    Failed(String),
}

/// A trial that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedTrial {
    /// Its settings.
    pub trial: TrialConfig,
    /// How it ended.
    pub outcome: Outcome,
}

/// Every trial that ended, by its search and name.
pub type EndedTrials = BTreeMap<(String, String), EndedTrial>;

/// The state that a journal's records lead to.
#[derive(Debug, Default)]
pub struct JournalState {
    /// Epochs of every trial; `None` if no work began.
    pub epochs: Option<usize>,
    /// Trials that ended and still count.
    pub trials: EndedTrials,
    /// Whether the whole run is finished.
    pub finished: bool,
}

impl JournalState {
    /// Replays `records` in the order in which they were written.
    pub fn replay(records: impl IntoIterator<Item = Record>) -> Self {
        let mut state = Self::default();
        for record in records {
            match record {
                Record::Begin { epochs } => {
                    state.finished = false;
                    if state.epochs.replace(epochs) != Some(epochs) {
                        state.trials.clear();
                    }
                }
                Record::Trial { search, trial, outcome } => {
                    state.trials.insert((search, trial.id()), EndedTrial { trial, outcome });
                }
                Record::Run => state.finished = true,
            }
        }
        state
    }

    /// The names of the searches with trials that ended.
    pub fn searches(&self) -> BTreeSet<&str> {
        self.trials.keys().map(|(search, _)| search.as_str()).collect()
    }

    /// The trials that ended in every one of `searches`, in the order of [`TrialConfig::order`].
    pub fn ended_in_all(&self, searches: &BTreeSet<&str>) -> Vec<TrialConfig> {
        let mut times: BTreeMap<&str, (usize, &TrialConfig)> = BTreeMap::new();
        for ((search, id), ended) in &self.trials {
            if searches.contains(search.as_str()) {
                times.entry(id).or_insert((0, &ended.trial)).0 += 1;
            }
        }
        let in_all = times.into_values().filter(|(n, _)| *n == searches.len());
        let mut trials: Vec<TrialConfig> = in_all.map(|(_, trial)| trial.clone()).collect();
        trials.sort_by(TrialConfig::order);
        trials
    }
}

/// The journal of a run, locked by this process.
pub struct Journal {
    path: PathBuf,
    identity: Identity,
    file: Mutex<LockedFile>,
}

impl Journal {
    /// Opens and locks the journal of the run with `identity` in the folder `run`, creates it if there is none, and reads its
    /// records.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process holds the lock, [`Error::Read`] or [`Error::Write`] for I/O, [`Error::Format`] if the
    /// file is not a journal, or one of another identity or version.
    pub fn open(run: &Path, identity: &Identity) -> Result<(Self, Vec<Record>), Error> {
        let path = run.join(JOURNAL_FILE);
        let mut locked = lock(&path, run)?;
        let mut bytes = Vec::new();
        locked.file.read_to_end(&mut bytes).map_err(Error::read(&path))?;
        let (records, good) =
            parse(&bytes, identity).map_err(|problem| Error::Format { path: path.clone(), problem })?;
        let mut cut = || -> io::Result<()> {
            let file = &mut locked.file;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header(std::process::id().into(), identity))?;
            file.set_len((HEADER_BYTES + good) as u64)?;
            file.seek(SeekFrom::End(0))?;
            file.sync_all()
        };
        cut().map_err(Error::write(&path))?;
        Ok((Self { path, identity: identity.clone(), file: Mutex::new(locked) }, records))
    }

    /// The records of the journal in the folder `run`, none if there is no journal. Needs no lock and changes nothing: another
    /// process may be at work.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Format`] as [`Journal::open`].
    pub fn read(run: &Path, identity: &Identity) -> Result<Vec<Record>, Error> {
        let path = run.join(JOURNAL_FILE);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            bytes => bytes.map_err(Error::read(&path))?,
        };
        parse(&bytes, identity).map(|(records, _)| records).map_err(|problem| Error::Format { path, problem })
    }

    /// Appends a record and waits until it is on disk.
    ///
    /// # Errors
    /// [`Error::Write`], also if another process has taken over the journal, or [`Error::Encode`].
    pub fn append(&self, record: &Record) -> Result<(), Error> {
        let framed = frame(record)?;
        let mut locked = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let appended = locked.check().and_then(|()| durable::append(&mut locked.file, &framed));
        appended.map_err(Error::write(&self.path))
    }

    /// Rewrites the journal to `records` with process id 0, so that finished runs are byte-identical, regardless of
    /// interruptions.
    ///
    /// # Errors
    /// As [`Journal::append`]; the old journal then stays intact.
    pub fn finish(self, records: &[Record]) -> Result<(), Error> {
        let mut bytes = header(0, &self.identity).to_vec();
        for record in records {
            bytes.extend(frame(record)?);
        }
        let locked = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = locked.check().and_then(|()| durable::write_atomic(&self.path, &bytes));
        written.map_err(Error::write(&self.path))
    }
}

/// Opens and locks the journal at `path` of the folder `run`.
fn lock(path: &Path, run: &Path) -> Result<LockedFile, Error> {
    LockedFile::open(path, PATIENCE).map_err(|error| match error {
        LockError::Held(holder) => {
            let holder = holder.or_else(|| Some(format!("process {}", pid(path)?)));
            Error::Busy { run: run.into(), holder: holder.unwrap_or_else(|| "another process".into()) }
        }
        LockError::Io(source) => Error::Write { path: path.into(), source },
    })
}

fn header(pid: u64, identity: &Identity) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..16].copy_from_slice(&pid.to_le_bytes());
    header[16..].copy_from_slice(identity.as_bytes());
    header
}

/// The process id in the header of the journal at `path`.
fn pid(path: &Path) -> Option<u64> {
    let mut header = [0; 16];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    header.last_chunk().map(|pid| u64::from_le_bytes(*pid))
}

/// The records of a journal up to a torn one, with their total length in bytes; else what is wrong with it.
fn parse(bytes: &[u8], identity: &Identity) -> Result<(Vec<Record>, usize), String> {
    let start = &bytes[..bytes.len().min(MAGIC.len())];
    if !MAGIC.starts_with(start) {
        return Err(match start.strip_prefix(&NAME).and_then(|rest| rest.first()) {
            Some(version) if *version < VERSION => {
                "an earlier version of Wail wrote it; that run cannot be resumed: choose another folder with --out"
                    .into()
            }
            Some(_) => NEWER.into(),
            None => "it is not a journal of this program".into(),
        });
    }
    let Some((header, records)) = bytes.split_at_checked(HEADER_BYTES) else { return Ok((Vec::new(), 0)) };
    if header[16..] != identity.as_bytes()[..] {
        return Err(
            "it belongs to another run: the folder was renamed or copied; choose another folder with --out".into()
        );
    }
    read_records(records)
}

const NEWER: &str = "a newer version of Wail wrote it: use that version, or choose another folder with --out";

/// Reads the records up to the first torn one; returns them with their total length in bytes.
fn read_records(bytes: &[u8]) -> Result<(Vec<Record>, usize), String> {
    let mut records = Vec::new();
    let mut good = 0;
    loop {
        match unframe(&bytes[good..]) {
            Ok((record, length)) => {
                records.push(record);
                good += length;
            }
            Err(Unreadable::Torn) => return Ok((records, good)),
            Err(Unreadable::Unknown(why)) => {
                return Err(format!("its record {} is unknown ({why}): {NEWER}", records.len() + 1));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use metrics::Calibration;
    use model::HeadConfig;

    use std::sync::Arc;

    use super::*;
    use crate::{Epoch, Scored};

    fn identity() -> Identity {
        Identity::new([("corpus", "a")])
    }

    fn open(run: &Path) -> Result<(Journal, Vec<Record>), Error> {
        Journal::open(run, &identity())
    }

    fn trial(inner: usize) -> TrialConfig {
        TrialConfig::new(Some(0.1), HeadConfig::mlp(inner, 0.5))
    }

    fn failed(inner: usize) -> Record {
        let outcome = Outcome::Failed(format!("{inner} went wrong"));
        Record::Trial { search: "folds/1-1".into(), trial: trial(inner), outcome }
    }

    fn trained(inner: usize) -> Record {
        let epoch =
            Epoch { epoch: 1, learning_rate: 0.1, train_loss: 0.1 + 0.2, val_loss: 1e-300, val_macro_f1: 1.0 / 3.0 };
        let result = TrialResult {
            epochs: vec![epoch; 3],
            best: 2,
            val: Arc::new(Scored {
                recordings: vec![7, 9],
                probabilities: vec![vec![0.1, 0.9], vec![f32::MIN_POSITIVE, 1.0]],
            }),
            calibration: Calibration { n_examples: 2, temperature: 1.1, sets: vec![] },
        };
        Record::Trial { search: String::new(), trial: trial(inner), outcome: Outcome::Trained(result) }
    }

    #[test]
    fn appended_records_are_read_back_exactly() {
        let run = tempfile::tempdir().unwrap();
        let expected = [failed(1), trained(2), Record::Run];
        for (n, record) in expected.iter().enumerate() {
            let (journal, found) = open(run.path()).unwrap();
            assert_eq!(found, expected[..n]);
            journal.append(record).unwrap();
        }
        let (journal, found) = open(run.path()).unwrap();
        assert_eq!(found, expected);
        journal.finish(&expected[1..]).unwrap();
        assert_eq!(open(run.path()).unwrap().1, expected[1..]);
    }

    #[test]
    fn a_record_torn_at_any_byte_is_removed_and_the_journal_stays_usable() {
        let run = tempfile::tempdir().unwrap();
        let path = run.path().join(JOURNAL_FILE);
        let records = [failed(1), trained(2), failed(3), failed(4)];
        let mut ends = vec![HEADER_BYTES];
        for record in &records {
            open(run.path()).unwrap().0.append(record).unwrap();
            ends.push(std::fs::metadata(&path).unwrap().len() as usize);
        }
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (journal, found) = open(run.path()).unwrap();
            let expected = ends.iter().skip(1).filter(|end| **end <= length).count();
            assert_eq!(found, records[..expected], "cut at {length}");
            journal.append(&failed(5)).unwrap();
            drop(journal);
            assert_eq!(open(run.path()).unwrap().1, [&records[..expected], &[failed(5)]].concat());
        }
        for at in ends[2]..ends[3] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(open(run.path()).unwrap().1, records[..2], "byte {at} changed");
        }
    }

    #[test]
    fn a_begin_record_invalidates_the_end_of_the_run_and_trials_with_other_epochs() {
        let state = |records: &[&Record]| {
            let JournalState { trials, finished, epochs } = JournalState::replay(records.iter().copied().cloned());
            (trials.values().map(|ended| ended.trial.head.values()[0].1 as usize).collect::<Vec<_>>(), finished, epochs)
        };
        let (two, three) = (&Record::Begin { epochs: 2 }, &Record::Begin { epochs: 3 });
        let (a, b, whole) = (&trained(1), &failed(2), &Record::Run);
        assert_eq!(state(&[two, a, whole]), (vec![1], true, Some(2)));
        assert_eq!(state(&[two, a, whole, two, b]), (vec![1, 2], false, Some(2)), "a larger grid keeps its trials");
        assert_eq!(state(&[two, a, b, whole, three]), (vec![], false, Some(3)), "other epochs make other trials");
        assert_eq!(state(&[two, a, whole, three, b, whole]), (vec![2], true, Some(3)));
    }

    #[test]
    fn a_trial_counts_for_the_run_once_it_ended_in_every_search() {
        let ended = |search: &str, inner| Record::Trial {
            search: search.into(),
            trial: trial(inner),
            outcome: Outcome::Failed(String::new()),
        };
        let records = [ended("", 3), ended("", 1), ended("folds/1", 1), ended("folds/1", 2), ended("folds/1", 3)];
        let state = JournalState::replay(records);
        assert_eq!(state.searches(), BTreeSet::from(["", "folds/1"]));
        assert_eq!(state.ended_in_all(&state.searches()), [trial(1), trial(3)]);
        assert_eq!(state.ended_in_all(&BTreeSet::from(["", "folds/1", "folds/2"])), []);
        assert_eq!(state.ended_in_all(&BTreeSet::from(["folds/1"])), [trial(1), trial(2), trial(3)]);
    }

    #[test]
    fn a_journal_of_another_identity_or_version_is_refused_and_left_unchanged() {
        #[derive(Serialize)]
        enum NewerRecord {
            Begin { epochs: usize, shard: usize },
            Shard,
        }
        let run = tempfile::tempdir().unwrap();
        let path = run.path().join(JOURNAL_FILE);
        open(run.path()).unwrap().0.append(&failed(1)).unwrap();
        let ours = std::fs::read(&path).unwrap();
        let with = |at: usize, byte: u8| {
            let mut bytes = ours.clone();
            bytes[at] = byte;
            bytes
        };
        let newer = |record| [ours.clone(), frame(&record).unwrap(), frame(&failed(2)).unwrap()].concat();
        for (bytes, expected) in [
            (with(0, b'X'), "not a journal"),
            (b"something".to_vec(), "not a journal"),
            (b"so".to_vec(), "not a journal"),
            (b"WAILJ\x01\0\0\0\0\0\0\0\0\0\0".to_vec(), "an earlier version"),
            (with(5, 3), "a newer version"),
            (with(6, 1), "a newer version"),
            (with(20, ours[20] ^ 1), "belongs to another run"),
            (newer(NewerRecord::Shard), "record 2 is unknown"),
            (newer(NewerRecord::Begin { epochs: 2, shard: 1 }), "record 2 is unknown"),
        ] {
            std::fs::write(&path, &bytes).unwrap();
            let error = open(run.path()).err().unwrap();
            assert!(matches!(error, Error::Format { .. }) && error.to_string().contains(expected), "{error}");
            assert!(Journal::read(run.path(), &identity()).is_err());
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{expected}");
        }
    }

    #[test]
    fn the_records_can_be_read_while_another_process_is_at_work() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(Journal::read(run.path(), &identity()).unwrap(), []);
        let (journal, _) = open(run.path()).unwrap();
        journal.append(&failed(1)).unwrap();
        let before = std::fs::read(run.path().join(JOURNAL_FILE)).unwrap();
        assert_eq!(Journal::read(run.path(), &identity()).unwrap(), [failed(1)]);
        assert_eq!(std::fs::read(run.path().join(JOURNAL_FILE)).unwrap(), before);
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_not_taken_for_an_empty_one() {
        let run = tempfile::tempdir().unwrap();
        std::fs::create_dir(run.path().join(JOURNAL_FILE)).unwrap();
        assert!(matches!(Journal::read(run.path(), &identity()), Err(Error::Read { .. })));
    }

    /// The process that waits for the lock must not work with the file that the other one has replaced.
    #[test]
    fn a_process_that_waited_while_the_run_was_finished_reads_the_new_journal() {
        let run = tempfile::tempdir().unwrap();
        let (journal, _) = open(run.path()).unwrap();
        let waiting = std::thread::spawn({
            let run = run.path().to_owned();
            move || open(&run).unwrap()
        });
        std::thread::sleep(PATIENCE / 4);
        journal.finish(&[failed(1)]).unwrap();
        let (next, records) = waiting.join().unwrap();
        assert_eq!(records, [failed(1)]);
        next.append(&failed(2)).unwrap();
        assert!(matches!(open(run.path()), Err(Error::Busy { .. })));
        drop(next);
        assert_eq!(open(run.path()).unwrap().1, [failed(1), failed(2)]);
    }

    #[test]
    fn only_one_process_can_open_a_journal_and_the_error_names_it() {
        let run = tempfile::tempdir().unwrap();
        let held = open(run.path()).unwrap();
        let message = open(run.path()).err().unwrap().to_string();
        assert!(message.contains(&format!("process {} is at work", std::process::id())), "{message}");
        drop(held);
        assert!(open(run.path()).is_ok());
    }
}
