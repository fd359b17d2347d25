//! A corpus in an object store: its files are copied into the cache, and only those that changed the next time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use durable::{Address, Entry, LockedFile, Store, open_store, sha256_hex};
use experiment::folder;
use rayon::prelude::*;

use crate::Error;
use crate::terminal::progress::Progress;

/// Files between two writes of the index: after an interruption, at most these are copied again.
const FILES_AT_ONCE: usize = 256;

/// The tag of each file that was copied.
type Index = BTreeMap<String, String>;

/// A folder inside `cache` with the files of the corpus at `url`, as they are now.
///
/// # Errors
/// [`Error::Registry`] if the address is wrong or the store cannot be read, [`Error::Data`] if there is nothing, [`Error::Io`] or
/// [`Error::Run`] if the cache cannot be written.
pub fn local_copy(url: &str, cache: &Path) -> Result<PathBuf, Error> {
    let address = Address::parse(url).map_err(registry::Error::from)?;
    let store = open_store(&address).map_err(registry::Error::from)?;
    let id = sha256_hex(address.to_string().as_bytes());
    let copy = cache.join("corpora").join(&id[..16]);
    let files = copy.join("files");
    std::fs::create_dir_all(&files).map_err(Error::io(&files))?;
    let lock = copy.join("lock");
    let _held = LockedFile::wait_for(&lock).map_err(Error::io(&lock))?;

    let entries = without_folders(store.list("").map_err(registry::Error::from)?);
    if entries.is_empty() {
        return Err(Error::Data(format!("{url}: there is nothing at this address")));
    }
    let mut index = read_index(&copy);
    let is_current = |entry: &Entry| {
        let length = files.join(&entry.name).metadata().ok().map(|metadata| metadata.len());
        length == Some(entry.n_bytes) && index.get(&entry.name) == Some(&entry.tag.to_string())
    };
    let missing: Vec<&Entry> = entries.iter().filter(|entry| !is_current(entry)).collect();
    let progress = Progress::new("copying", "files");
    for (number, part) in missing.chunks(FILES_AT_ONCE).enumerate() {
        let copied: Result<Index, Error> = part.par_iter().map(|entry| fetch(&*store, entry, &files)).collect();
        index.extend(copied?);
        write_index(&copy, &index)?;
        progress.set((number * FILES_AT_ONCE) + part.len(), missing.len());
    }
    remove_others(&copy, &mut index, &entries)?;
    Ok(files)
}

/// Copies a file; returns its name and the tag of what was read.
fn fetch(store: &dyn Store, entry: &Entry, files: &Path) -> Result<(String, String), Error> {
    let gone =
        || Error::Data(format!("{}: it was removed while the corpus was copied; run the command again", entry.name));
    let object = store.get(&entry.name).map_err(registry::Error::from)?.ok_or_else(gone)?;
    folder::write(&files.join(&entry.name), &object.bytes)?;
    Ok((entry.name.clone(), object.tag.to_string()))
}

/// The entries without the empty objects that stand for folders in some tools.
fn without_folders(entries: Vec<Entry>) -> Vec<Entry> {
    let parents: BTreeSet<String> = entries.iter().flat_map(|entry| parents(&entry.name)).collect();
    entries.into_iter().filter(|entry| entry.n_bytes > 0 || !parents.contains(&entry.name)).collect()
}

/// Every folder that a name is in.
fn parents(name: &str) -> impl Iterator<Item = String> {
    name.match_indices('/').map(|(end, _)| name[..end].to_owned())
}

/// Removes the files that the store no longer has.
fn remove_others(copy: &Path, index: &mut Index, entries: &[Entry]) -> Result<(), Error> {
    let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let others: Vec<String> = index.keys().filter(|name| !names.contains(name.as_str())).cloned().collect();
    for name in &others {
        let path = copy.join("files").join(name);
        if path.exists() {
            std::fs::remove_file(&path).map_err(Error::io(&path))?;
        }
        index.remove(name);
    }
    if others.is_empty() { Ok(()) } else { write_index(copy, index) }
}

/// The index of a copy; an empty one if there is none or it cannot be read, so that everything is copied again.
fn read_index(copy: &Path) -> Index {
    let bytes = std::fs::read(copy.join("index.json")).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn write_index(copy: &Path, index: &Index) -> Result<(), Error> {
    let bytes = serde_json::to_vec(index).map_err(Error::encode("the index of a corpus"))?;
    Ok(folder::write(&copy.join("index.json"), &bytes)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn contents(folder: &Path) -> Vec<(String, String)> {
        let files = dataset::audio_files(folder).unwrap().into_iter();
        let read = |path: PathBuf| {
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            (name, std::fs::read_to_string(&path).unwrap())
        };
        files.map(read).collect()
    }

    #[test]
    fn a_copy_follows_its_store_and_reads_only_what_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (source, cache) = (folder.path().join("source"), folder.path().join("cache"));
        let put = |name: &str, text: &str| {
            std::fs::create_dir_all(source.join(name).parent().unwrap()).unwrap();
            std::fs::write(source.join(name), text).unwrap();
        };
        let url = format!("file://{}", source.display());
        assert!(matches!(local_copy(&url, &cache), Err(Error::Data(_))));
        put("a/1.wav", "one");
        put("b/2.wav", "two");
        let copy = local_copy(&url, &cache).unwrap();
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(contents(&copy), [pair("a/1.wav", "one"), pair("b/2.wav", "two")]);
        // A file of the same length that the index knows is not read again; one of another tag is.
        std::fs::write(copy.join("a/1.wav"), "???").unwrap();
        put("b/2.wav", "TWO");
        put("b/3.wav", "three");
        assert_eq!(local_copy(&url, &cache).unwrap(), copy);
        assert_eq!(contents(&copy), [pair("a/1.wav", "???"), pair("b/2.wav", "TWO"), pair("b/3.wav", "three")]);
        std::fs::remove_file(source.join("b/2.wav")).unwrap();
        std::fs::remove_file(copy.join("a/1.wav")).unwrap();
        local_copy(&url, &cache).unwrap();
        assert_eq!(contents(&copy), [pair("a/1.wav", "one"), pair("b/3.wav", "three")]);
    }

    #[test]
    fn empty_objects_that_stand_for_folders_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let names = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        for (name, text) in [("a/1.wav", "one"), ("empty.wav", ""), ("marker", "")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let url = format!("file://{}", folder.path().display());
        let mut entries = open_store(&Address::parse(&url).unwrap()).unwrap().list("").unwrap();
        entries[2].name = "a".into();
        assert_eq!(names(without_folders(entries)), ["a/1.wav", "empty.wav"]);
    }
}
