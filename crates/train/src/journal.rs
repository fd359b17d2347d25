//! What a run has finished so far: one append-only file, `journal` in the run's folder, so that a run that was killed goes on
//! where it stood.
//!
//! ```text
//! header:  "WAILJ\x01\0\0", process id of the last writer (u64, little endian; 0 when the run is finished)
//! record:  length of the body (u32, little endian), first 8 bytes of the body's SHA-256, body (CBOR of a Record)
//! ```
//! A record is written and synced after the files that it speaks of. Whoever opens the journal holds an OS lock on it until
//! the process ends, however it ends; a torn record at the end, which only a crash leaves, is then cut off.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::results::TrialResult;

/// Name of the journal inside a run's folder.
pub const JOURNAL_FILE: &str = "journal";

const MAGIC: [u8; 8] = *b"WAILJ\x01\0\0";
const HEADER_BYTES: usize = 16;
const CHECK_BYTES: usize = 8;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// Work began: what an earlier [`Record::Run`] says no longer holds, nor do trials of another number of epochs.
    Begin {
        /// Epochs of every trial from here on.
        epochs: usize,
    },
    /// A trial, whose folder is whole.
    Trial {
        /// Folder of its search below the run's; empty for the run's own.
        search: String,
        /// Name of the trial.
        id: String,
        /// What became of it.
        outcome: Outcome,
    },
    /// The whole run, with the configuration of this hash; everything is written.
    Run {
        /// SHA-256 of the resolved configuration, in hexadecimal.
        config: String,
    },
}

/// What became of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was trained.
    Trained(TrialResult),
    /// It failed, with this message.
    Failed(String),
}

/// What records say together.
#[derive(Debug, Default)]
pub struct Standing {
    /// What became of each trial, by its search and name.
    pub trials: BTreeMap<(String, String), Outcome>,
    /// Hash of the configuration for which everything is written.
    pub finished: Option<String>,
}

impl Standing {
    /// After `records`, in the order in which they were written.
    pub fn after(records: impl IntoIterator<Item = Record>) -> Self {
        let mut standing = Self::default();
        let mut length = None;
        for record in records {
            match record {
                Record::Begin { epochs } => {
                    standing.finished = None;
                    if length.replace(epochs) != Some(epochs) {
                        standing.trials.clear();
                    }
                }
                Record::Trial { search, id, outcome } => {
                    standing.trials.insert((search, id), outcome);
                }
                Record::Run { config } => standing.finished = Some(config),
            }
        }
        standing
    }
}

/// The journal of a run, locked by this process.
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Opens the journal in the folder `run`, makes it if there is none, and reads what it holds.
    ///
    /// # Errors
    /// [`Error::Failed`] if another process holds it (its id is told) or it cannot be read or written, [`Error::Data`] if it
    /// is of another format.
    pub fn open(run: &Path) -> Result<(Self, Vec<Record>), Error> {
        let path = run.join(JOURNAL_FILE);
        let fail = |e: std::io::Error| Error::Failed(format!("{}: {e}", path.display()));
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fail)?;
        let mut locked = file.try_lock();
        // A process that just ended may still be on its way out, and so may a child that it was starting.
        for _ in 0..20 {
            if matches!(locked, Err(TryLockError::WouldBlock)) {
                std::thread::sleep(Duration::from_millis(10));
                locked = file.try_lock();
            }
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut header = [0; HEADER_BYTES];
                let holder = match file.read_exact(&mut header) {
                    Ok(()) => format!("process {}", pid(&header)),
                    Err(_) => "another process".into(),
                };
                return Err(Error::Failed(format!(
                    "{}: {holder} is at work in this folder; wait for it, or stop it",
                    run.display()
                )));
            }
            Err(TryLockError::Error(e)) => return Err(fail(e)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() >= HEADER_BYTES && bytes[..8] != MAGIC {
            return Err(Error::Data(format!("{}: it is no journal that this program reads", path.display())));
        }
        let (records, good) = read(bytes.get(HEADER_BYTES..).unwrap_or_default());
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        file.write_all(&header(std::process::id().into())).map_err(fail)?;
        file.set_len((HEADER_BYTES + good) as u64).map_err(fail)?;
        file.seek(SeekFrom::End(0)).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        Ok((Self { path, file: Mutex::new(file) }, records))
    }

    /// Appends a record and waits until it is on disk.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be written.
    pub fn append(&self, record: &Record) -> Result<(), Error> {
        let framed = frame(record).map_err(|e| self.failed(&e))?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        durable::append(&mut file, &framed).map_err(|e| self.failed(&e))
    }

    /// Replaces the journal by one that holds `records` alone, with no process id: that of a finished run, which does not
    /// tell how it came about.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be written; the old one then stays.
    pub fn finish(self, records: &[Record]) -> Result<(), Error> {
        let mut bytes = header(0).to_vec();
        for record in records {
            bytes.extend(frame(record).map_err(|e| self.failed(&e))?);
        }
        durable::write_atomic(&self.path, &bytes).map_err(|e| self.failed(&e))
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> Error {
        Error::Failed(format!("{}: cannot be written: {why}", self.path.display()))
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

/// A body with its length and checksum before it.
pub fn frame(body: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    ciborium::into_writer(body, &mut bytes).map_err(|e| e.to_string())?;
    let length = u32::try_from(bytes.len()).map_err(|e| e.to_string())?;
    Ok([&length.to_le_bytes()[..], &Sha256::digest(&bytes)[..CHECK_BYTES], &bytes].concat())
}

/// The records up to the first that is torn, and the bytes that they take.
fn read(bytes: &[u8]) -> (Vec<Record>, usize) {
    let mut records = Vec::new();
    let mut good = 0;
    while let Some((record, length)) = unframe(&bytes[good..]) {
        records.push(record);
        good += length;
    }
    (records, good)
}

/// What [`frame`] made, at the start of `bytes`, and the bytes that it takes; `None` if it is torn or damaged.
pub fn unframe<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (check, rest) = rest.split_first_chunk::<CHECK_BYTES>()?;
    let body = rest.get(..u32::from_le_bytes(*length) as usize)?;
    if Sha256::digest(body)[..CHECK_BYTES] != check[..] {
        return None;
    }
    Some((ciborium::from_reader(body).ok()?, 4 + CHECK_BYTES + body.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use metrics::Calibration;

    use super::*;
    use crate::search::Scored;
    use crate::trial::Epoch;

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
    fn what_was_appended_is_read_to_the_bit() {
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
    fn a_torn_tail_is_cut_off_at_every_byte_and_the_next_record_can_be_read() {
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
    fn what_records_say_holds_until_work_begins_again() {
        let run = |config: &str| Record::Run { config: config.into() };
        let standing = |records: &[&Record]| {
            let Standing { trials, finished } = Standing::after(records.iter().copied().cloned());
            (trials.into_keys().map(|(_, id)| id).collect::<Vec<_>>().concat(), finished)
        };
        let (two, three) = (&Record::Begin { epochs: 2 }, &Record::Begin { epochs: 3 });
        let (a, b, whole) = (&trained("a"), &failed("b"), &run("00"));
        assert_eq!(standing(&[two, a, whole]), ("a".into(), Some("00".into())));
        assert_eq!(standing(&[two, a, whole, two, b]), ("ab".into(), None), "a longer grid keeps what it had");
        assert_eq!(standing(&[two, a, b, whole, three]), (String::new(), None), "more epochs make other trials");
        assert_eq!(standing(&[two, a, whole, three, b, whole]), ("b".into(), Some("00".into())));
    }

    #[test]
    fn only_one_process_has_it_and_others_are_told_which() {
        let run = tempfile::tempdir().unwrap();
        let held = Journal::open(run.path()).unwrap();
        let message = Journal::open(run.path()).err().unwrap().to_string();
        assert!(message.contains(&format!("process {} is at work", std::process::id())), "{message}");
        drop(held);
        assert!(Journal::open(run.path()).is_ok());
        std::fs::write(run.path().join(JOURNAL_FILE), "something else entirely").unwrap();
        assert!(matches!(Journal::open(run.path()), Err(Error::Data(_))));
    }
}
