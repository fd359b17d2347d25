//! A cache of numbers for many keys, such as the embedding of each recording, in a few large files.
//!
//! A table is a folder of segments: safetensors files that appear whole, by a rename, and never change (the module
//! `segment` describes them). Every process writes segments of its own and sees those that were there when it opened the
//! table, so two processes that fill a table at once only do the same work twice. A damaged entry counts as missing.

mod element;
mod key;
mod segment;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use durable::{sha256_hex, write_atomic};

use crate::Error;
pub use element::Element;
pub use key::Key;
use segment::{Draft, Segment};

/// Most bytes of values that wait for the next segment.
const SEGMENT_BYTES: usize = 32 << 20;
/// Entries wait at most this long, or a twentieth of the time since the table was opened: so much work a kill can undo, and
/// a long job writes few segments.
const SHORTEST_WAIT: Duration = Duration::from_secs(10);
const SHARE_OF_WORK: u32 = 20;
/// Most segments that are open at once.
const MAX_OPEN: usize = 64;

/// A folder of number lists of one kind. Safe to delete at any time.
pub struct Table<T: Element> {
    folder: PathBuf,
    kind: String,
    opened: Instant,
    entries: RwLock<Entries>,
    /// Open segments, by index.
    files: Mutex<HashMap<usize, File>>,
    element: PhantomData<T>,
}

struct Entries {
    segments: Vec<Segment>,
    /// Segment and slot of each entry, by the first bytes of its key.
    places: HashMap<u64, (u32, u32)>,
    /// Entries that no segment holds yet.
    waiting: Draft,
    written: Instant,
}

impl<T: Element> Table<T> {
    /// Opens the table of `kind` in the folder `tables`; it is created with its first segment. `kind` is everything that
    /// decides the numbers of a key, as text.
    ///
    /// # Errors
    /// [`Error::Read`] if the folder cannot be listed. A damaged segment counts as missing.
    pub fn open(tables: &Path, kind: &str) -> Result<Self, Error> {
        let folder = tables.join(&sha256_hex(kind.as_bytes())[..16]);
        let now = Instant::now();
        let mut entries =
            Entries { segments: Vec::new(), places: HashMap::new(), waiting: Draft::default(), written: now };
        for path in segment_paths(&folder).map_err(Error::read(&folder))? {
            if let Some(segment) = Segment::open(&path, kind, T::DTYPE) {
                entries.add(segment);
            }
        }
        let files = Mutex::default();
        let (kind, entries) = (kind.to_owned(), RwLock::new(entries));
        Ok(Self { folder, kind, opened: now, entries, files, element: PhantomData })
    }

    /// The numbers of `key`; `None` if they are missing or damaged.
    pub fn get(&self, key: &Key) -> Option<Vec<T>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = entries.waiting.get(key) {
            return Some(T::all_from_bytes(bytes));
        }
        let bytes = entries.places_of(key).find_map(|(segment, slot)| self.read(&entries.segments, segment, slot))?;
        Some(T::all_from_bytes(&bytes))
    }

    /// Whether there is an entry of `key`. Only [`Table::get`] checks that it is intact.
    pub fn contains(&self, key: &Key) -> bool {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.waiting.get(key).is_some() || entries.places_of(key).next().is_some()
    }

    /// Stores `values` as the numbers of `key`. They reach the disk with the next segment: when many wait, when some have waited
    /// long, with [`Table::flush`], or when the table is dropped.
    ///
    /// # Errors
    /// [`Error::Write`] if a segment cannot be written.
    pub fn put(&self, key: &Key, values: &[T]) -> Result<(), Error> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.waiting.add(key, T::all_to_bytes(values));
        let longest = SHORTEST_WAIT.max(self.opened.elapsed() / SHARE_OF_WORK);
        if entries.waiting.n_bytes() >= SEGMENT_BYTES || entries.written.elapsed() >= longest {
            self.write(&mut entries)?;
        }
        Ok(())
    }

    /// Writes the entries that wait into a segment.
    ///
    /// # Errors
    /// [`Error::Write`] if it cannot be written.
    pub fn flush(&self) -> Result<(), Error> {
        self.write(&mut self.entries.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, entries: &mut Entries) -> Result<(), Error> {
        entries.written = Instant::now();
        if entries.waiting.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut entries.waiting);
        let path = self.folder.join(format!("{}.safetensors", waiting.name()));
        let write = || -> io::Result<()> {
            std::fs::create_dir_all(&self.folder)?;
            write_atomic(&path, &waiting.into_bytes(&self.kind, T::DTYPE, T::BYTES)?)
        };
        write().map_err(Error::write(&path))?;
        if let Some(segment) = Segment::open(&path, &self.kind, T::DTYPE) {
            entries.add(segment);
        }
        Ok(())
    }

    fn read(&self, segments: &[Segment], index: usize, slot: usize) -> Option<Vec<u8>> {
        let segment = segments.get(index)?;
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= MAX_OPEN && !files.contains_key(&index) {
            files.clear();
        }
        let file = match files.entry(index) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(closed) => closed.insert(File::open(&segment.path).ok()?),
        };
        segment.read(file, slot)
    }
}

impl<T: Element> Drop for Table<T> {
    /// Keeps what an error left waiting. If it cannot be written, it is computed again.
    fn drop(&mut self) {
        _ = self.flush();
    }
}

impl Entries {
    fn add(&mut self, segment: Segment) {
        let index = self.segments.len() as u32;
        self.places.extend(segment.keys.iter().enumerate().map(|(slot, key)| (prefix(key), (index, slot as u32))));
        self.segments.push(segment);
    }

    /// Segment and slot of every entry of `key`. There are several if a damaged one was stored again.
    fn places_of(&self, key: &Key) -> impl Iterator<Item = (usize, usize)> {
        let known = self.places.get(&prefix(key)).map(|(segment, slot)| (*segment as usize, *slot as usize));
        let is_of_key =
            move |place: &(usize, usize)| self.segments.get(place.0).is_some_and(|s| s.keys.get(place.1) == Some(key));
        // Only damage, or another key that begins alike, needs the search.
        let others = known.into_iter().flat_map(move |_| self.segments.iter().enumerate());
        let others = others.filter_map(move |(index, segment)| Some((index, segment.slot_of(key)?)));
        known.into_iter().filter(is_of_key).chain(others)
    }
}

fn prefix(key: &Key) -> u64 {
    key.iter().take(8).fold(0, |prefix, byte| prefix << 8 | u64::from(*byte))
}

/// The segments in `folder`, by name; none if there is no folder.
fn segment_paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    // Temporary files of a killed process have other names.
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        let mut key = [7; 32];
        key[9] = number;
        key[0] = number;
        key
    }

    fn open(folder: &Path) -> Table<f32> {
        Table::open(folder, "numbers").unwrap()
    }

    /// The only segment below `folder`.
    fn only_segment(folder: &Path) -> PathBuf {
        let kind = folder.read_dir().unwrap().next().unwrap().unwrap().path();
        let mut paths = segment_paths(&kind).unwrap();
        assert_eq!(paths.len(), 1);
        paths.remove(0)
    }

    #[test]
    fn entries_are_read_back_by_this_process_and_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let values = [vec![1.0, -0.0, f32::MIN_POSITIVE], Vec::new(), vec![3.0]];
        let table = open(folder.path());
        assert_eq!(table.get(&key(0)), None);
        for _ in ["first", "again"] {
            values.iter().enumerate().for_each(|(n, values)| table.put(&key(n as u8), values).unwrap());
        }
        let check = |table: &Table<f32>| {
            for (n, values) in values.iter().enumerate() {
                assert!(table.contains(&key(n as u8)));
                assert_eq!(table.get(&key(n as u8)).unwrap(), *values);
            }
            assert!(!table.contains(&key(9)) && table.get(&key(9)).is_none());
        };
        check(&table);
        table.flush().unwrap();
        check(&table);
        check(&open(folder.path()));
        only_segment(folder.path());
        assert!(!Table::<f32>::open(folder.path(), "other numbers").unwrap().contains(&key(0)), "another kind");
        assert!(!Table::<u16>::open(folder.path(), "numbers").unwrap().contains(&key(0)), "other elements");
    }

    #[test]
    fn what_an_error_left_waiting_is_written_when_the_table_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).put(&key(1), &[2.0]).unwrap();
        assert_eq!(open(folder.path()).get(&key(1)).unwrap(), [2.0]);
    }

    #[test]
    fn writers_of_one_table_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = [(); 2].map(|()| open(folder.path()));
        for (table, numbers) in [(&one, [1, 2]), (&two, [2, 3])] {
            numbers.iter().for_each(|n| table.put(&key(*n), &[f32::from(*n)]).unwrap());
        }
        one.flush().unwrap();
        two.flush().unwrap();
        let all = open(folder.path());
        (1..=3).for_each(|n| assert_eq!(all.get(&key(n)).unwrap(), [f32::from(n)]));
        assert_eq!(one.get(&key(3)), None, "written after this process opened the table");
    }

    #[test]
    fn a_segment_that_is_full_is_written_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let table = open(folder.path());
        let values = vec![1.0; SEGMENT_BYTES / 8];
        table.put(&key(1), &values).unwrap();
        assert!(!open(folder.path()).contains(&key(1)));
        table.put(&key(2), &values).unwrap();
        let other = open(folder.path());
        assert!(other.get(&key(1)).unwrap() == values && other.contains(&key(2)));
    }

    /// Every damaged byte and every length of a cut file leaves entries that are intact or missing, and what is missing can be
    /// stored again.
    #[test]
    fn a_damaged_entry_is_missing_until_it_is_stored_again() {
        let folder = tempfile::tempdir().unwrap();
        let values = |n: u8| vec![f32::from(n), 0.5];
        let fill = || {
            let table = open(folder.path());
            let missing: Vec<u8> = (0..3).filter(|n| table.get(&key(*n)).is_none()).collect();
            missing.iter().for_each(|n| table.put(&key(*n), &values(*n)).unwrap());
            missing.len()
        };
        assert_eq!(fill(), 3);
        let path = only_segment(folder.path());
        let intact = std::fs::read(&path).unwrap();
        let mut unnoticed = 0;
        for at in 0..intact.len() {
            let mut flipped = intact.clone();
            flipped[at] ^= 1;
            for damaged in [&flipped[..], &intact[..at]] {
                std::fs::write(&path, damaged).unwrap();
                let table = open(folder.path());
                for n in 0..3 {
                    assert!(table.get(&key(n)).is_none_or(|found| found == values(n)), "byte {at}");
                }
                drop(table);
                let missing = fill();
                assert!(missing > 0 || damaged.len() == intact.len(), "a file of {at} bytes");
                unnoticed += usize::from(missing == 0);
                assert_eq!(fill(), 0, "byte {at}");
                std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
                std::fs::create_dir(path.parent().unwrap()).unwrap();
            }
        }
        // Spaces that pad the header, and the case of letters in names that are not read.
        assert!(unnoticed < 30, "{unnoticed} of {} flipped bytes", intact.len());
    }
}
