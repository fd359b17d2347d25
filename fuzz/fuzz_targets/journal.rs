//! A run's journal: whatever its bytes, an appended record can be read back.
#![no_main]

use experiment::Identity;
use experiment::journal::{JOURNAL_FILE, Journal, Record};
use libfuzzer_sys::fuzz_target;
use readers::with_file;

fuzz_target!(|bytes: &[u8]| with_file(JOURNAL_FILE, bytes, |path| {
    let Some(folder) = path.parent() else { return };
    // Most bytes are refused for their identity, so they are given one that fits.
    let identity = bytes.get(16..48).and_then(|digest| digest.try_into().ok()).map(Identity::from_bytes);
    let identity = identity.unwrap_or_else(|| Identity::from_bytes([0; Identity::BYTES]));
    let Ok((journal, before)) = Journal::open(folder, &identity) else { return };
    let record = Record::Begin { epochs: 7 };
    assert!(journal.append(&record).is_ok());
    drop(journal);
    let after = Journal::open(folder, &identity).map(|(_, records)| records).unwrap_or_default();
    assert_eq!(after, [before, vec![record]].concat());
}));
