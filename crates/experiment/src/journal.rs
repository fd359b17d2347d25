//! The journal of a run: one append-only file that records what is finished, so that a killed run can be resumed.
//!
//! ```text
//! header:   "WAILJ\x01\0\0", process id of the last writer (u64, little endian; 0 when the run is finished)
//! records:  framed CBOR, see `frame.rs`
//! ```
//! A record is written and synced after the files it refers to. The process that opens the journal holds an OS lock on it until
//! the process ends, for whatever reason. A torn record at the end, which only a crash can leave, is removed when the journal
//! is opened.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::frame::{frame, unframe};
use crate::{Error, TrialResult};

/// Name of the journal inside a run's folder.
pub const JOURNAL_FILE: &str = "journal";

const MAGIC: [u8; 8] = *b"WAILJ\x01\0\0";
const HEADER_BYTES: usize = 16;

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
        /// Name of the trial.
        id: String,
        /// How it ended.
        outcome: Outcome,
    },
    /// The whole run is finished for the configuration of this hash, and everything is written.
    Run {
        /// SHA-256 of the resolved configuration, in hexadecimal.
        config: String,
    },
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was trained.
    Trained(TrialResult),
    /// It failed with this message.
    Failed(String),
}

/// Outcome of each trial, by its search and name.
pub type Outcomes = BTreeMap<(String, String), Outcome>;

/// The state that a journal's records lead to.
#[derive(Debug, Default)]
pub struct JournalState {
    /// Outcome of each trial that still counts.
    pub trials: Outcomes,
    /// Hash of the configuration for which the run is finished.
    pub finished: Option<String>,
}

impl JournalState {
    /// Replays `records` in the order in which they were written.
    pub fn replay(records: impl IntoIterator<Item = Record>) -> Self {
        let mut state = Self::default();
        let mut current_epochs = None;
        for record in records {
            match record {
                Record::Begin { epochs } => {
                    state.finished = None;
                    if current_epochs.replace(epochs) != Some(epochs) {
                        state.trials.clear();
                    }
                }
                Record::Trial { search, id, outcome } => {
                    state.trials.insert((search, id), outcome);
                }
                Record::Run { config } => state.finished = Some(config),
            }
        }
        state
    }
}

/// The journal of a run, locked by this process.
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Opens and locks the journal in the folder `run`, creates it if there is none, and reads its records.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process holds the lock, [`Error::Read`] or [`Error::Write`] for I/O, [`Error::Format`] if the
    /// file is not a journal.
    pub fn open(run: &Path) -> Result<(Self, Vec<Record>), Error> {
        let path = run.join(JOURNAL_FILE);
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(Error::write(&path))?;
        lock(&mut file, run)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::read(&path))?;
        if bytes.len() >= HEADER_BYTES && bytes[..8] != MAGIC {
            return Err(Error::Format { path, problem: "it is not a journal that this program reads".into() });
        }
        let (records, good) = read_records(bytes.get(HEADER_BYTES..).unwrap_or_default());
        let mut cut = || -> io::Result<()> {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header(std::process::id().into()))?;
            file.set_len((HEADER_BYTES + good) as u64)?;
            file.seek(SeekFrom::End(0))?;
            file.sync_all()
        };
        cut().map_err(Error::write(&path))?;
        Ok((Self { path, file: Mutex::new(file) }, records))
    }

    /// Appends a record and waits until it is on disk.
    ///
    /// # Errors
    /// [`Error::Write`] or [`Error::Encode`].
    pub fn append(&self, record: &Record) -> Result<(), Error> {
        let framed = frame(record)?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        durable::append(&mut file, &framed).map_err(Error::write(&self.path))
    }

    /// Rewrites the journal to `records` with process id 0, so that finished runs are byte-identical, regardless of
    /// interruptions.
    ///
    /// # Errors
    /// [`Error::Write`] or [`Error::Encode`]; the old journal then stays intact.
    pub fn finish(self, records: &[Record]) -> Result<(), Error> {
        let mut bytes = header(0).to_vec();
        for record in records {
            bytes.extend(frame(record)?);
        }
        durable::write_atomic(&self.path, &bytes).map_err(Error::write(&self.path))
    }
}

/// Locks the journal `file` of the folder `run`; waits up to 200 ms for a process that is about to end.
fn lock(file: &mut File, run: &Path) -> Result<(), Error> {
    let mut locked = file.try_lock();
    for _ in 0..20 {
        if matches!(locked, Err(TryLockError::WouldBlock)) {
            std::thread::sleep(Duration::from_millis(10));
            locked = file.try_lock();
        }
    }
    match locked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let mut header = [0; HEADER_BYTES];
            let holder = match file.read_exact(&mut header) {
                Ok(()) => format!("process {}", pid(&header)),
                Err(_) => "another process".into(),
            };
            Err(Error::Busy { run: run.into(), holder })
        }
        Err(TryLockError::Error(source)) => Err(Error::Write { path: run.join(JOURNAL_FILE), source }),
    }
}

fn header(pid: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..].copy_from_slice(&pid.to_le_bytes());
    header
}

fn pid(header: &[u8; HEADER_BYTES]) -> u64 {
    let mut pid = [0; 8];
    pid.copy_from_slice(&header[8..]);
    u64::from_le_bytes(pid)
}

/// Reads the records up to the first torn one; returns them with their total length in bytes.
fn read_records(bytes: &[u8]) -> (Vec<Record>, usize) {
    let mut records = Vec::new();
    let mut good = 0;
    while let Some((record, length)) = unframe(&bytes[good..]) {
        records.push(record);
        good += length;
    }
    (records, good)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use metrics::Calibration;

    use super::*;
    use crate::{Epoch, Scored};

    fn failed(id: &str) -> Record {
        Record::Trial {
            search: "folds/1-1".into(),
            id: id.into(),
            outcome: Outcome::Failed(format!("{id} went wrong")),
        }
    }

    fn trained(id: &str) -> Record {
        let epoch =
            Epoch { epoch: 1, learning_rate: 0.1, train_loss: 0.1 + 0.2, val_loss: 1e-300, val_macro_f1: 1.0 / 3.0 };
        let result = TrialResult {
            epochs: vec![epoch; 3],
            best: 2,
            val: Scored { recordings: vec![7, 9], probabilities: vec![vec![0.1, 0.9], vec![f32::MIN_POSITIVE, 1.0]] },
            calibration: Calibration { n_examples: 2, temperature: 1.1, sets: vec![] },
        };
        Record::Trial { search: String::new(), id: id.into(), outcome: Outcome::Trained(result) }
    }

    #[test]
    fn appended_records_are_read_back_exactly() {
        let run = tempfile::tempdir().unwrap();
        let expected = [failed("a"), trained("b"), Record::Run { config: "00".into() }];
        for (n, record) in expected.iter().enumerate() {
            let (journal, found) = Journal::open(run.path()).unwrap();
            assert_eq!(found, expected[..n]);
            journal.append(record).unwrap();
        }
        let (journal, found) = Journal::open(run.path()).unwrap();
        assert_eq!(found, expected);
        journal.finish(&expected[1..]).unwrap();
        assert_eq!(Journal::open(run.path()).unwrap().1, expected[1..]);
    }

    #[test]
    fn a_record_torn_at_any_byte_is_removed_and_the_journal_stays_usable() {
        let run = tempfile::tempdir().unwrap();
        let path = run.path().join(JOURNAL_FILE);
        let records = [failed("a"), trained("b"), failed("c"), failed("d")];
        let mut ends = vec![HEADER_BYTES];
        for record in &records {
            Journal::open(run.path()).unwrap().0.append(record).unwrap();
            ends.push(std::fs::metadata(&path).unwrap().len() as usize);
        }
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (journal, found) = Journal::open(run.path()).unwrap();
            let expected = ends.iter().skip(1).filter(|end| **end <= length).count();
            assert_eq!(found, records[..expected], "cut at {length}");
            journal.append(&failed("next")).unwrap();
            drop(journal);
            assert_eq!(Journal::open(run.path()).unwrap().1, [&records[..expected], &[failed("next")]].concat());
        }
        for at in ends[2]..ends[3] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(Journal::open(run.path()).unwrap().1, records[..2], "byte {at} changed");
        }
    }

    #[test]
    fn a_begin_record_invalidates_the_end_of_the_run_and_trials_with_other_epochs() {
        let run = |config: &str| Record::Run { config: config.into() };
        let state = |records: &[&Record]| {
            let JournalState { trials, finished } = JournalState::replay(records.iter().copied().cloned());
            (trials.into_keys().map(|(_, id)| id).collect::<Vec<_>>().concat(), finished)
        };
        let (two, three) = (&Record::Begin { epochs: 2 }, &Record::Begin { epochs: 3 });
        let (a, b, whole) = (&trained("a"), &failed("b"), &run("00"));
        assert_eq!(state(&[two, a, whole]), ("a".into(), Some("00".into())));
        assert_eq!(state(&[two, a, whole, two, b]), ("ab".into(), None), "a larger grid keeps its trials");
        assert_eq!(
            state(&[two, a, b, whole, three]),
            (String::new(), None),
            "another number of epochs makes other trials"
        );
        assert_eq!(state(&[two, a, whole, three, b, whole]), ("b".into(), Some("00".into())));
    }

    #[test]
    fn only_one_process_can_open_a_journal_and_the_error_names_it() {
        let run = tempfile::tempdir().unwrap();
        let held = Journal::open(run.path()).unwrap();
        let message = Journal::open(run.path()).err().unwrap().to_string();
        assert!(message.contains(&format!("process {} is at work", std::process::id())), "{message}");
        drop(held);
        assert!(Journal::open(run.path()).is_ok());
        std::fs::write(run.path().join(JOURNAL_FILE), "something else entirely").unwrap();
        assert!(matches!(Journal::open(run.path()), Err(Error::Format { .. })));
    }
}
