//! Segments that people marked in other programs, as a table of recordings: label tracks of Audacity, selection tables of
//! Raven, TextGrids of Praat. Each is beside the sound file whose name it has.

mod annotation;
mod audacity;
mod raven;
mod text_grid;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use annotation::Annotation;

use crate::Error;
use crate::audio_files::has_sound_extension;
use crate::csv_table::read_text;
use crate::csv_text::csv_text;
use crate::passed_over::PassedOver;

/// What to take of files of annotations.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// The only tier of TextGrids to take; `None` for all interval tiers.
    pub tier: Option<&'a str>,
    /// The column of Raven's tables with the label; `None` for one with a usual name.
    pub label_column: Option<&'a str>,
}

/// The table that annotations give.
#[derive(Debug)]
pub struct AnnotationTable {
    /// CSV with the columns `file`, `label`, `start` and `end`, and `tier` if there are several.
    pub csv: String,
    /// Number of its rows.
    pub n_rows: usize,
    /// Annotations that no row stands for.
    pub passed_over: PassedOver,
}

/// The table of recordings of annotation files of any of these formats; their content decides which. Points and annotations
/// without a label are passed over.
///
/// # Errors
/// [`Error::Read`] if a file cannot be read, [`Error::Csv`] if it is malformed or its sound file is missing.
pub fn annotation_table(files: &[PathBuf], selection: &Selection) -> Result<AnnotationTable, Error> {
    let (mut rows, mut passed_over) = (Vec::new(), PassedOver::default());
    for path in files {
        let malformed = |reason: String| Error::Csv { path: path.clone(), reason };
        let annotations = parse(&read_text(path)?, selection).map_err(malformed)?;
        for annotation in annotations {
            let place = || format!("line {} of {}", annotation.line, path.display());
            if annotation.start == annotation.end {
                passed_over.add_file("point without a length", place);
            } else if annotation.label.is_empty() {
                passed_over.add_file("annotation without a label", place);
            } else {
                let sound = match &annotation.file {
                    Some(name) => path.with_file_name(name),
                    None => sound_beside(path).map_err(malformed)?,
                };
                rows.push((sound.to_string_lossy().replace('\\', "/"), annotation));
            }
        }
    }
    let tiers: HashSet<&str> = rows.iter().map(|(_, annotation)| annotation.tier.as_str()).collect();
    let csv = match tiers.len() {
        0 | 1 => csv_text(
            ["file", "label", "start", "end"],
            rows.iter().map(|(file, a)| [file, &a.label, &a.start, &a.end].map(String::clone)),
        ),
        _ => csv_text(
            ["file", "label", "start", "end", "tier"],
            rows.iter().map(|(file, a)| [file, &a.label, &a.start, &a.end, &a.tier].map(String::clone)),
        ),
    };
    Ok(AnnotationTable { csv, n_rows: rows.len(), passed_over })
}

/// The annotations in a text of any format.
fn parse(text: &str, selection: &Selection) -> Result<Vec<Annotation>, String> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if text_grid::is_text_grid(first) {
        text_grid::parse(text, selection.tier)
    } else if raven::is_selection_table(first) {
        raven::parse(text, selection.label_column)
    } else {
        audacity::parse(text)
    }
}

/// The sound file beside the annotations at `path` that has their name, up to a dot: `night.wav` for `night.TextGrid` and for
/// `night.Table.1.selections.txt`.
fn sound_beside(path: &Path) -> Result<PathBuf, String> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).map_err(|error| error.to_string())?;
    let sounds: Vec<PathBuf> = entries
        .filter_map(|entry| Some(PathBuf::from(entry.ok()?.file_name())))
        .filter(|name| has_sound_extension(name))
        .collect();
    for (end, _) in name.match_indices('.').collect::<Vec<_>>().into_iter().rev() {
        let mut found: Vec<&PathBuf> =
            sounds.iter().filter(|sound| sound.file_stem() == Some(OsStr::new(&name[..end]))).collect();
        found.sort();
        match found[..] {
            [] => {}
            [one] => return Ok(path.with_file_name(one)),
            [one, other, ..] => {
                let (one, other) = (one.display(), other.display());
                return Err(format!("both {one} and {other} are beside it; it must be clear which one it is about"));
            }
        }
    }
    Err("there is no sound file with its name beside it, such as night.wav for night.txt".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn table_of(files: &[(&str, &str)], selection: &Selection) -> Result<(String, String), String> {
        let folder = tempfile::tempdir().unwrap();
        let mut annotations = Vec::new();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            if !has_sound_extension(&path) {
                annotations.push(path);
            }
        }
        let in_folder = |text: String| text.replace(&folder.path().display().to_string(), "DIR");
        let table = annotation_table(&annotations, selection).map_err(|error| in_folder(error.to_string()))?;
        assert_eq!(table.n_rows + 1, table.csv.lines().count());
        Ok((in_folder(table.csv), in_folder(table.passed_over.summary())))
    }

    #[test]
    fn files_of_several_programs_give_one_table() {
        let raven =
            "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tAnnotation\n1\tWaveform 1\t1\t5.5\t6\ttired\n";
        let files = [
            ("a.wav", ""),
            ("b.flac", ""),
            ("a.txt", "0.5\t2.25\thungry\n3\t3\tclick\n4\t5\t\n"),
            ("b.Table.1.selections.txt", raven),
        ];
        let (csv, passed_over) = table_of(&files, &Selection::default()).unwrap();
        assert_eq!(csv, "file,label,start,end\nDIR/a.wav,hungry,0.5,2.25\nDIR/b.flac,tired,5.5,6\n");
        assert_eq!(
            passed_over,
            "1 annotation without a label (line 3 of DIR/a.txt), 1 point without a length (line 2 of DIR/a.txt)"
        );
    }

    #[test]
    fn annotations_need_exactly_one_sound_file_of_their_name() {
        for (files, expected) in [
            (&[("a.txt", "0\t1\tx\n"), ("ab.wav", "")][..], "DIR/a.txt: there is no sound file with its name"),
            (&[("a.txt", "0\t1\tx\n"), ("a.wav", ""), ("a.mp3", "")], "DIR/a.txt: both a.mp3 and a.wav are beside it"),
            (&[("a.txt", "no labels here\n"), ("a.wav", "")], "DIR/a.txt: line 1: "),
            (&[("a.txt", ""), ("a.wav", "")], "DIR/a.txt: it holds no annotations"),
        ] {
            let error = table_of(files, &Selection::default()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
