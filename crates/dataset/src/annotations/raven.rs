//! Selection tables of Raven: values separated by tabs below a header, a row for each view of each selection.

use std::collections::HashSet;
use std::path::Path;

use super::annotation::Annotation;
use crate::csv_table::{self, Rows};

const BEGIN: &str = "begin time (s)";
const END: &str = "end time (s)";
/// Names that columns with labels usually have. Raven has none of its own.
const LABELS: [&str; 8] = ["label", "annotation", "annotations", "class", "category", "type", "call type", "species"];

/// Whether `first` is the header of a selection table.
pub(super) fn is_selection_table(first: &str) -> bool {
    let first = first.to_lowercase();
    first.contains('\t') && first.contains(BEGIN)
}

/// The selections, each once. Where the table names files and times in them, those count, since other times are relative to the
/// start of a sequence of files.
pub(super) fn parse(text: &str, label_column: Option<&str>) -> Result<Vec<Annotation>, String> {
    let Rows { names, lines } = Rows::parse(text, &[&[BEGIN], &[END]])?;
    let place = |name: &str| names.iter().position(|known| known == name);
    let label = match label_column {
        Some(name) => place(&name.to_lowercase()),
        None => LABELS.iter().find_map(|name| place(name)),
    };
    let Some(label) = label else {
        let wanted = label_column.unwrap_or("label, annotation or the like");
        return Err(format!(
            "it has no column {wanted}; name the one with the labels: --label COLUMN. It has {names:?}"
        ));
    };
    let (begin, end) = (place(BEGIN), place(END));
    let in_file = place("begin file").zip(place("file offset (s)"));
    let selection = place("selection");
    let mut seen = HashSet::new();
    let mut annotations = Vec::new();
    for (line, values) in lines {
        let value = |place: Option<usize>| place.and_then(|place| values.get(place)).map_or("", String::as_str);
        if selection.is_some() && !seen.insert(value(selection).to_owned()) {
            continue;
        }
        let number = |place: Option<usize>, name: &str| {
            csv_table::number(value(place))
                .ok_or_else(|| format!("line {line}: {name} must be a number, but is {:?}", value(place)))
        };
        let (start, end) = (number(begin, BEGIN)?, number(end, END)?);
        let (offset, file) = match in_file {
            Some((file, offset)) => {
                let name = value(Some(file));
                let file = Path::new(name).file_name().map(|name| name.to_string_lossy().into_owned());
                (number(Some(offset), "file offset (s)")?, file)
            }
            None => (start, None),
        };
        // The difference of two times that are written with nine digits at most.
        let micros = |seconds: f64| ((seconds * 1e6).round() / 1e6).to_string();
        annotations.push(Annotation {
            line,
            start: micros(offset),
            end: micros(offset + (end - start)),
            label: value(Some(label)).to_owned(),
            tier: String::new(),
            file,
        });
    }
    if annotations.is_empty() { Err("it holds no annotations".into()) } else { Ok(annotations) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HEADER: &str =
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\tNotes\n";

    fn found(text: &str, label: Option<&str>) -> Result<Vec<[String; 3]>, String> {
        Ok(parse(text, label)?.into_iter().map(|a| [a.start, a.end, a.label]).collect())
    }

    #[test]
    fn each_selection_counts_once_and_its_label_is_where_it_usually_is() {
        let text = format!(
            "{HEADER}1\tWaveform 1\t1\t0.000000000\t1.250000000\t0.0\t8000.0\thungry\tloud\n\
             1\tSpectrogram 1\t1\t0.000000000\t1.250000000\t0.0\t8000.0\thungry\tloud\n\
             2\tSpectrogram 1\t1\t3.1\t4.2\t0.0\t8000.0\ttired\t\n"
        );
        assert!(is_selection_table(text.lines().next().unwrap()));
        let expected = [["0", "1.25", "hungry"], ["3.1", "4.2", "tired"]];
        assert_eq!(found(&text, None).unwrap(), expected);
        assert_eq!(found(&text, Some("Notes")).unwrap()[0][2], "loud");
        let error = found(&text, Some("reason")).unwrap_err();
        assert!(error.contains("no column reason") && error.contains("--label"), "{error}");
        let error = found(&format!("{HEADER}1\tWaveform 1\t1\tx\t1\n"), None).unwrap_err();
        assert_eq!(error, "line 2: begin time (s) must be a number, but is \"x\"");
        assert_eq!(found(HEADER, None).unwrap_err(), "it holds no annotations");
    }

    #[test]
    fn selections_in_sequences_of_files_are_placed_in_their_files() {
        let text = "Selection\tBegin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\tAnnotation\n\
                    1\t3601.5\t3602.75\tC:\\night\\2.wav\t1.5\thungry\n2\t5\t6\t1.wav\t5\ttired\n";
        let found = parse(&text.replace("C:\\night\\", ""), None).unwrap();
        let found: Vec<_> = found.iter().map(|a| (a.file.as_deref(), a.start.as_str(), a.end.as_str())).collect();
        assert_eq!(found, [(Some("2.wav"), "1.5", "2.75"), (Some("1.wav"), "5", "6")]);
    }
}
