//! A corpus from a table of recordings.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use durable::{open_regular_file, sha256_hex_of};
use features::Segment;
use rayon::prelude::*;

use crate::audio_files::below;
use crate::known_files::KnownFiles;
use crate::passed_over::PassedOver;
use crate::recording::{Recording, columns_of_name};
use crate::recording_table::{Row, read};
use crate::text_encoding::{composed, decomposed};
use crate::{Corpus, Error};

impl Corpus {
    /// The recordings that the table in the file `table` names: CSV, TSV or JSON lines with the columns `file` and `label`, and
    /// perhaps `start` and `end` in seconds, `recorder`, `baby`, `split`, `corpus`, and any others. Files are relative to
    /// `audio`, or to the folder of the table. Rows without a label are passed over. Segments may overlap.
    ///
    /// # Errors
    /// [`Error::Read`] if the table cannot be read, [`Error::Csv`] if it is malformed, names a file that does not exist, names a
    /// recording twice, or has no labels.
    pub fn from_table(table: &Path, audio: Option<&Path>) -> Result<Self, Error> {
        Self::of_rows(table, audio, |path, _| open_regular_file(path).and_then(sha256_hex_of))
    }

    /// As [`Corpus::from_table`], but reads only the files that may have changed, as [`Corpus::scan_cached`] does.
    ///
    /// # Errors
    /// As [`Corpus::from_table`], and [`Error::Write`] if the cache cannot be written.
    pub fn from_table_cached(table: &Path, audio: Option<&Path>, cache: &Path) -> Result<Self, Error> {
        let known = KnownFiles::open(cache, root_of(table, audio));
        let corpus = Self::of_rows(table, audio, |path, name| known.digest(path, name))?;
        known.save()?;
        Ok(corpus)
    }

    /// `digest` returns SHA-256 and length of the file at a path, which also has a name.
    fn of_rows(
        table: &Path,
        audio: Option<&Path>,
        digest: impl Fn(&Path, &str) -> io::Result<(String, u64)> + Sync,
    ) -> Result<Self, Error> {
        let malformed = |reason: String| Error::Csv { path: table.into(), reason };
        let root = root_of(table, audio);
        let rows = read(table)?;
        let files = Files::find(root, &rows).map_err(malformed)?;
        let read = |file: &File| digest(&file.path, &file.name).unwrap_or_default();
        let digests: Vec<(String, u64)> = files.all.par_iter().map(read).collect();
        files.refuse_repetition(&rows).map_err(malformed)?;

        let labels: BTreeSet<&str> = rows.iter().map(|row| row.label.as_str()).filter(|l| !l.is_empty()).collect();
        let labels: Vec<String> = labels.into_iter().map(String::from).collect();
        if labels.is_empty() {
            return Err(malformed("no row has a label; fill the column label".into()));
        }
        let mut passed_over = PassedOver::default();
        let mut recordings = Vec::new();
        for (row, file) in rows.into_iter().zip(&files.of_rows) {
            let ((sha256, bytes), file) = (digests[*file].clone(), &files.all[*file]);
            let Ok(label) = labels.binary_search(&row.label) else {
                passed_over.add_file("unlabelled row", || format!("line {} of {}", row.line, table.display()));
                continue;
            };
            let mut columns = columns_of_name(&file.name);
            columns.extend(row.columns);
            let whole = Recording {
                path: file.name.clone(),
                label,
                sha256,
                bytes,
                file: Some(file.name.clone().into()),
                corpus: row.corpus,
                columns,
                ..Recording::default()
            };
            recordings.push(match row.segment {
                Some(segment) => whole.cut(segment),
                None => whole,
            });
        }
        // Segments of one file are in the order of their times.
        recordings.sort_by(|a, b| (&a.file, &a.segment, &a.path).cmp(&(&b.file, &b.segment, &b.path)));
        Ok(Self { root: root.into(), labels, recordings, passed_over })
    }
}

/// The folder that the files of `table` are relative to.
pub(crate) fn root_of<'a>(table: &'a Path, audio: Option<&'a Path>) -> &'a Path {
    let parent = table.parent().filter(|parent| !parent.as_os_str().is_empty());
    audio.unwrap_or_else(|| parent.unwrap_or(Path::new(".")))
}

/// The file in `root` that a table calls `name`; accents may be composed or decomposed.
pub(crate) fn find_file(root: &Path, name: &str) -> Option<PathBuf> {
    let forms = [name.to_owned(), composed(name), decomposed(name)];
    forms.iter().map(|form| root.join(form)).find(|path| path.is_file())
}

/// A file that rows name.
struct File {
    /// Where it is.
    path: PathBuf,
    /// Its path relative to the root if it is below it.
    name: String,
    /// Where it is, without links.
    canonical: PathBuf,
}

/// The files that rows name.
struct Files {
    all: Vec<File>,
    /// The index of the file of each row, `[n rows]`.
    of_rows: Vec<usize>,
}

impl Files {
    /// Finds the files of `rows`.
    fn find(root: &Path, rows: &[Row]) -> Result<Self, String> {
        let (mut all, mut of_rows) = (Vec::new(), Vec::new());
        let mut known: HashMap<&str, usize> = HashMap::new();
        for row in rows {
            let index = match known.get(row.file.as_str()) {
                Some(index) => *index,
                None => {
                    let missing =
                        || format!("line {}: {}: there is no such file in {}", row.line, row.file, root.display());
                    all.push(File::find(root, &row.file).ok_or_else(missing)?);
                    all.len() - 1
                }
            };
            known.insert(&row.file, index);
            of_rows.push(index);
        }
        Ok(Self { all, of_rows })
    }

    /// Fails if two rows name the same part of the same file.
    fn refuse_repetition(&self, rows: &[Row]) -> Result<(), String> {
        let mut lines: HashMap<(&Path, Option<Segment>), usize> = HashMap::new();
        for (row, file) in rows.iter().zip(&self.of_rows) {
            if let Some(before) = lines.insert((&self.all[*file].canonical, row.segment), row.line) {
                let part = row.segment.map_or(String::new(), |segment| format!("#{segment}"));
                return Err(format!(
                    "line {}: {}{part} is named in line {before} already; keep one of the two",
                    row.line, row.file
                ));
            }
        }
        Ok(())
    }
}

impl File {
    fn find(root: &Path, name: &str) -> Option<Self> {
        let path = find_file(root, name)?;
        let canonical = std::fs::canonicalize(&path).ok()?;
        let name = if path.starts_with(root) { below(root, &path) } else { path.to_string_lossy().replace('\\', "/") };
        Some(Self { name, path, canonical })
    }
}
