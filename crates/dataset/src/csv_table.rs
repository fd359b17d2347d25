//! Tables that people give: CSV of any spreadsheet program.
//!
//! Values are separated by commas, semicolons or tabs; the header decides. Its capitals, the spaces around values, the
//! order of the columns, other columns, empty lines and the line ends do not matter. The encoding is UTF-8 or UTF-16.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use crate::Error;
use crate::text_encoding::{count_line_ends, decode};

/// Largest table that is read, bytes: a million lines or more.
const MAX_BYTES: u64 = 256 << 20;

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// A line of a table.
#[derive(Debug, PartialEq)]
pub(crate) struct Line<const N: usize> {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its values in the columns that were asked for, without the spaces around them.
    pub values: [String; N],
}

/// A finite number, with a point or a comma.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.replace(',', ".").parse::<f64>().ok().filter(|number| number.is_finite())
}

/// The lines of the table in `path` below its header, which names at least `columns`, in lower case.
///
/// # Errors
/// As [`read_text`], and [`Error::Csv`] if a column is missing or a line does not fit the header.
pub(crate) fn read_table<const N: usize>(path: &Path, columns: [&str; N]) -> Result<Vec<Line<N>>, Error> {
    lines(&read_text(path)?, columns).map_err(|reason| Error::Csv { path: path.into(), reason })
}

/// The text of the table in `path`.
///
/// # Errors
/// [`Error::Read`] if the file cannot be read, [`Error::Csv`] if it is too large or its encoding is unknown.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    let malformed = |reason: String| Error::Csv { path: path.into(), reason };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::read(path))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Error::read(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(malformed(format!("it is larger than {} MiB, so it is no table of recordings", MAX_BYTES >> 20)));
    }
    decode(&bytes).map_err(malformed)
}

fn lines<const N: usize>(text: &str, columns: [&str; N]) -> Result<Vec<Line<N>>, String> {
    let wanted = columns.map(|column| [column]);
    let rows = Rows::parse(text, &wanted.each_ref().map(|names| &names[..]))?;
    let places = columns.map(|column| rows.names.iter().position(|name| name == column).unwrap_or_default());
    let line = |(number, values): (usize, Vec<String>)| {
        let value = |place: usize| values.get(place).cloned().unwrap_or_default();
        Line { number, values: places.map(value) }
    };
    Ok(rows.lines.into_iter().map(line).collect())
}

/// A table with whatever columns it has.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The names in the header, trimmed and in lower case.
    pub names: Vec<String>,
    /// Number of each line in the file, from 1, and its values without the spaces around them; those at its end may be missing.
    pub lines: Vec<(usize, Vec<String>)>,
}

impl Rows {
    /// Parses a table whose header names each of `columns` by one of its names.
    ///
    /// # Errors
    /// What is wrong with the header, or with which line.
    pub fn parse(text: &str, columns: &[&[&str]]) -> Result<Self, String> {
        let header = Header::find(text, columns)?;
        let lines = records(text, &header)?;
        Ok(Self { names: header.names, lines })
    }
}

fn records(text: &str, header: &Header) -> Result<Vec<(usize, Vec<String>)>, String> {
    let body = &text[header.end..];
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(header.delimiter).from_reader(body.as_bytes());
    let mut lines = Vec::new();
    let (mut number, mut counted) = (1 + count_line_ends(&text.as_bytes()[..header.end]), 0);
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|e| e.to_string())? {
        // The reader's position is before the line ends that separate the record from the one above it.
        let start = record.position().map_or(counted, |position| position.byte() as usize);
        let start = start + body[start..].bytes().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        number += count_line_ends(&body.as_bytes()[counted..start]);
        counted = start;
        if record.iter().any(|value| !value.trim().is_empty()) {
            lines.push((number, header.values(&record).map_err(|e| format!("line {number}: {e}"))?));
        }
    }
    Ok(lines)
}

/// What the first line of a table says.
struct Header {
    delimiter: u8,
    names: Vec<String>,
    /// Where the columns that were asked for are among `names`.
    places: Vec<usize>,
    /// Where the line ends in the text, bytes.
    end: usize,
}

impl Header {
    /// The header of `text`, split by the delimiter with which it has one of the names of each of `columns`.
    fn find(text: &str, columns: &[&[&str]]) -> Result<Self, String> {
        let mut closest = Vec::new();
        for delimiter in DELIMITERS {
            let (names, end) = first_line(text, delimiter)?;
            let place = |column: &&[&str]| column.iter().find_map(|known| names.iter().position(|name| name == known));
            let places: Vec<Option<usize>> = columns.iter().map(place).collect();
            let mut wanted = columns.iter().flat_map(|column| column.iter());
            if let Some(twice) = wanted.find(|column| names.iter().filter(|name| name == *column).count() > 1) {
                return Err(format!("its header names the column {twice} twice"));
            }
            if let Some(places) = places.into_iter().collect() {
                return Ok(Self { delimiter, names, places, end });
            }
            if names.len() > closest.len() {
                closest = names;
            }
        }
        let has = |column: &&[&str]| column.iter().any(|known| closest.iter().any(|name| name == known));
        let first = |column: &&[&str]| column.first().copied().unwrap_or_default().to_owned();
        let wanted: Vec<String> = columns.iter().map(first).collect();
        let missing: Vec<String> = columns.iter().filter(|column| !has(column)).map(first).collect();
        Err(format!(
            "its first line must name the columns {}, separated by commas, semicolons or tabs; it lacks {}, and has {:?}",
            wanted.join(" and "),
            missing.join(" and "),
            closest
        ))
    }

    /// The values of `record`, which has one for each column that was asked for.
    fn values(&self, record: &StringRecord) -> Result<Vec<String>, String> {
        if record.iter().skip(self.names.len()).any(|value| !value.trim().is_empty()) {
            return Err(format!(
                "it has {} values, but the header has {}; put a value that contains {:?} into double quotes",
                record.len(),
                self.names.len(),
                char::from(self.delimiter)
            ));
        }
        if let Some(place) = self.places.iter().find(|place| record.get(**place).is_none()) {
            return Err(format!("there is no value in the column {}", self.names[*place]));
        }
        Ok(record.iter().map(plain).collect())
    }
}

/// The names in the first line of `text` that has any, trimmed and in lower case, and where the next line starts, bytes.
fn first_line(text: &str, delimiter: u8) -> Result<(Vec<String>, usize), String> {
    // Excel's own first line, which says how the others are separated.
    let is_note = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sep="));
    let start = if is_note { text.find(['\r', '\n']).unwrap_or(text.len()) } else { 0 };
    let mut reader =
        ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(&text.as_bytes()[start..]);
    let mut record = StringRecord::new();
    reader.read_record(&mut record).map_err(|e| e.to_string())?;
    let end = start + reader.position().byte() as usize;
    let line_ends = text[end..].bytes().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    Ok((record.iter().map(|name| plain(name).to_lowercase()).collect(), end + line_ends))
}

/// A value without the spaces around it, and without quotes that the reader left because of a space before them.
fn plain(value: &str) -> String {
    let trimmed = value.trim();
    let quoted = trimmed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted.filter(|_| value.starts_with(char::is_whitespace)) {
        Some(inner) => inner.replace("\"\"", "\"").trim().to_owned(),
        None => trimmed.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(usize, String)>, String> {
        let lines = lines(text, ["class", "path"])?;
        Ok(lines.into_iter().map(|Line { number, values }| (number, values.join("|"))).collect())
    }

    #[test]
    fn tables_of_spreadsheet_programs_say_the_same() {
        let expected = vec![(2, "tired|tired/a.wav".to_owned()), (3, "hungry|hungry/b.wav".to_owned())];
        for text in [
            "class,path\ntired,tired/a.wav\nhungry,hungry/b.wav\n",
            "class,path\r\ntired,tired/a.wav\r\nhungry,hungry/b.wav",
            "class,path\rtired,tired/a.wav\rhungry,hungry/b.wav\r",
            "Class;PATH;Label\ntired;tired/a.wav;0\nhungry;hungry/b.wav;1\n",
            "path\tnotes, remarks\tClass\ntired/a.wav\tloud, long\ttired\nhungry/b.wav\t\thungry\n",
            " class , path \n tired ,  tired/a.wav\nhungry ,hungry/b.wav \n",
            "\"class\",\"path\"\n\"tired\",\"tired/a.wav\"\n\"hungry\",\"hungry/b.wav\"\n",
            "\"Class\", \"Path\"\n\"tired\", \"tired/a.wav\"\n\"hungry\", \"hungry/b.wav\" \n",
            "class;path;;\ntired;tired/a.wav;;\nhungry;hungry/b.wav;;\n;;;\n;;;\n",
            "class,path\ntired,tired/a.wav,\nhungry,hungry/b.wav,,\n",
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_keep_their_numbers() {
        for (text, expected) in [
            ("sep=;\r\nclass;path\r\ntired;a.wav\r\n", vec![(3, "tired|a.wav")]),
            ("\nclass,path\n\n\ntired,a.wav\n,\n\nhungry,b.wav\n", vec![(5, "tired|a.wav"), (8, "hungry|b.wav")]),
            (
                "class,path\r\n\r\ntired,\"two\r\nlines.wav\"\r\nhungry,b.wav\r\n",
                vec![(3, "tired|two\r\nlines.wav"), (5, "hungry|b.wav")],
            ),
            ("class,path\ntired,\"C:\\new\\a, b;\"\"c\"\".wav\"\n", vec![(2, "tired|C:\\new\\a, b;\"c\".wav")]),
            ("class,path\n", vec![]),
        ] {
            let found = read(text).unwrap();
            assert_eq!(found.iter().map(|(n, values)| (*n, values.as_str())).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_that_do_not_fit_are_named() {
        for (text, expected) in [
            ("", "must name the columns class and path"),
            ("klasse;path\ntired;a.wav\n", "it lacks class, and has [\"klasse\", \"path\"]"),
            ("tired/a.wav\n", "it lacks class and path"),
            ("class,path,Path\n", "names the column path twice"),
            ("class,path\r\ntired,a.wav\r\ntired\r\n", "line 3: there is no value in the column path"),
            (
                "class,path\ntired,a,b.wav\n",
                "line 2: it has 3 values, but the header has 2; put a value that contains ','",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_file_is_read_in_its_encoding_and_named_in_the_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text: Vec<u8> =
            "Class;Path\r\ntired;b\u{e9}b\u{e9}.wav\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(file.path(), [b"\xff\xfe", &text[..]].concat()).unwrap();
        let values = ["tired", "b\u{e9}b\u{e9}.wav"].map(String::from);
        assert_eq!(read_table(file.path(), ["class", "path"]).unwrap(), [Line { number: 2, values }]);
        std::fs::write(file.path(), b"class;path\ntired;b\xe9b\xe9.wav\n").unwrap();
        let error = read_table(file.path(), ["class", "path"]).unwrap_err().to_string();
        assert!(error.starts_with(&file.path().display().to_string()) && error.contains("line 2"), "{error}");
    }
}
