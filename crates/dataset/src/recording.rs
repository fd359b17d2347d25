//! A labelled recording: a file or a segment of it, and what is known about it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use durable::{from_hex, sha256_hex};
use features::Segment;

use crate::table::Key;

/// The column with the name of the device.
pub const RECORDER: &str = "recorder";
/// The column with the name of the baby.
pub const BABY: &str = "baby";
/// The column with the name of the corpus.
pub const CORPUS: &str = "corpus";
/// The column with the split: `train`, `val` or `test`.
pub const SPLIT: &str = "split";

/// One recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// Its name, which no other recording of the corpus has: the path relative to the root, with `/` between its parts, and for a
    /// segment its times, such as `night.wav#t=12.5,15`.
    pub path: String,
    /// Index of the class in [`Corpus::labels`](crate::Corpus::labels).
    pub label: usize,
    /// SHA-256 of the file, or of the file's and the segment's times; 64 hexadecimal digits; empty if the file cannot be read.
    pub sha256: String,
    /// Length of the file, bytes.
    pub bytes: u64,
    /// The file, absolute or relative to the root; `None` if it is at `path`.
    pub file: Option<PathBuf>,
    /// The part of the file; `None` for all of it.
    pub segment: Option<Segment>,
    /// SHA-256 of the whole file of a segment.
    pub sha256_of_whole: Option<String>,
    /// Name of its corpus; empty if there is only one.
    pub corpus: String,
    /// What else is known about it, such as `age` and `sex`, by names in lower case. No value is empty.
    pub columns: BTreeMap<String, String>,
}

impl Recording {
    /// This recording, cut to `segment`.
    pub fn cut(self, segment: Segment) -> Self {
        Self {
            path: format!("{}#{segment}", self.path),
            sha256: if self.sha256.is_empty() {
                String::new()
            } else {
                sha256_hex(format!("{} {segment}", self.sha256).as_bytes())
            },
            file: Some(self.file.unwrap_or_else(|| self.path.into())),
            segment: Some(segment),
            sha256_of_whole: Some(self.sha256),
            ..self
        }
    }

    /// SHA-256 of its whole file; `None` if it cannot be read.
    pub fn whole_file(&self) -> Option<&str> {
        Some(self.sha256_of_whole.as_deref().unwrap_or(&self.sha256)).filter(|digest| !digest.is_empty())
    }

    /// What it shares with recordings that are not independent of it: `recorder`, if that is known, else its file if it is a
    /// segment.
    pub fn source<'a>(&'a self, recorder: Option<&'a str>) -> Option<&'a str> {
        recorder.or(self.sha256_of_whole.as_deref().filter(|digest| !digest.is_empty()))
    }

    /// Its value in the column `name`, one of [`Corpus::columns`](crate::Corpus::columns); `None` without one.
    pub fn column(&self, name: &str) -> Option<&str> {
        match name {
            CORPUS => Some(self.corpus.as_str()).filter(|corpus| !corpus.is_empty()),
            _ => self.columns.get(name).map(String::as_str),
        }
    }

    /// The columns, without those that its name repeats.
    pub fn columns_beyond_name(&self) -> impl Iterator<Item = (&String, &String)> {
        let of_name = columns_of_name(&self.path);
        self.columns.iter().filter(move |(name, value)| of_name.get(*name) != Some(value))
    }

    /// [`Recording::sha256`] as bytes, the key of what is cached about it; `None` if the file could not be read.
    pub fn key(&self) -> Option<Key> {
        from_hex(&self.sha256)
    }

    /// The device, and so usually the baby: the column `recorder`, else the column `baby`, else the app instance in a
    /// Donate-a-Cry file name, in its original case.
    pub fn recorder(&self) -> Option<&str> {
        let of_column = [RECORDER, BABY].iter().find_map(|name| self.columns.get(*name));
        of_column.map(String::as_str).or_else(|| donate_a_cry(&self.path).map(|(instance, _)| instance))
    }
}

/// Sex and age in a Donate-a-Cry file name, `INSTANCE-TIME-VERSION-SEX-AGE-REASON.wav`.
pub(crate) fn columns_of_name(path: &str) -> BTreeMap<String, String> {
    let parts: Vec<&str> = donate_a_cry(path).map_or(Vec::new(), |(_, rest)| rest.split('-').collect());
    let [_time, _version, sex, age, _reason] = parts[..] else { return BTreeMap::new() };
    let sex = match sex {
        "m" => Some("male"),
        "f" => Some("female"),
        _ => None,
    };
    let age = match age {
        "04" => Some("0-4 weeks"),
        "48" => Some("4-8 weeks"),
        "26" => Some("2-6 months"),
        "72" => Some("7 months - 2 years"),
        "22" => Some("over 2 years"),
        _ => None,
    };
    let known = [("sex", sex), ("age", age)].into_iter().filter_map(|(name, value)| Some((name.into(), value?.into())));
    known.collect()
}

/// The app instance in a Donate-a-Cry file name, a UUID in its original case, and what follows it and a hyphen. A prefix such
/// as `generated2_`, which marks copies that a program changed, is skipped.
fn donate_a_cry(path: &str) -> Option<(&str, &str)> {
    let name = path.rsplit('/').next()?;
    let name = match name.strip_prefix("generated").and_then(|rest| rest.split_once('_')) {
        Some((number, rest)) if number.chars().all(|c| c.is_ascii_digit()) => rest,
        _ => name,
    };
    let uuid = name.get(..36)?;
    let groups: Vec<&str> = uuid.split('-').collect();
    let well_formed = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.chars().all(|c| c.is_ascii_hexdigit()));
    name[36..].strip_prefix('-').filter(|_| well_formed).map(|rest| (uuid, rest))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn donate_a_cry_names_give_recorder_sex_and_age() {
        let known = |path: &str| {
            let recording = Recording { path: path.into(), columns: columns_of_name(path), ..Recording::default() };
            let column = |name: &str| recording.columns.get(name).cloned().unwrap_or_default();
            [recording.recorder().unwrap_or_default().to_owned(), column("sex"), column("age")]
        };
        let uuid = "549a46d8-9c84-430e-ade8-97eae2bef787";
        for (name, sex, age) in [
            ("1430130772174-1.7-m-48-bp.wav", "male", "4-8 weeks"),
            ("1430130772-1.0-f-04-hu.caf", "female", "0-4 weeks"),
            ("1430130772-1.0-f-26-hu.wav#t=1,2", "female", "2-6 months"),
            ("1430130772-1.0-m-72-hu.wav", "male", "7 months - 2 years"),
            ("1430130772-1.0-x-22-hu.wav", "", "over 2 years"),
            ("1430130772-1.0-m-99-hu.wav", "male", ""),
            ("1430130772-1.0-m-04.wav", "", ""),
            ("extra-1430130772-1.0-m-04-hu.wav", "", ""),
        ] {
            for prefix in ["hungry/", "", "hungry/generated2_"] {
                assert_eq!(known(&format!("{prefix}{uuid}-{name}")), [uuid, sex, age], "{prefix}{name}");
            }
        }
        assert_eq!(known("hungry/549a46d8-1430130772-1.0-m-04-hu.wav"), ["", "", ""]);
    }

    #[test]
    fn columns_name_the_recorder_before_the_file_name_does() {
        let path = "549a46d8-9c84-430e-ade8-97eae2bef787-1430130772174-1.7-m-48-bp.wav";
        let mut recording = Recording { path: path.into(), columns: columns_of_name(path), ..Recording::default() };
        assert_eq!(recording.columns_beyond_name().count(), 0);
        for (name, value) in [("baby", "Anna"), ("recorder", "phone 1"), ("sex", "female")] {
            recording.columns.insert(name.into(), value.into());
            assert_eq!(recording.recorder(), Some(if name == "baby" { "Anna" } else { "phone 1" }));
        }
        let others: Vec<&str> = recording.columns_beyond_name().map(|(name, _)| name.as_str()).collect();
        assert_eq!(others, ["baby", "recorder", "sex"], "a column may contradict the name");
    }

    #[test]
    fn a_segment_has_a_name_and_a_digest_of_its_own_and_keeps_its_file() {
        let whole = Recording { path: "a/night.wav".into(), sha256: "ab".repeat(32), ..Recording::default() };
        let segment = |start, end| Segment { start: Duration::from_secs(start), end: Some(Duration::from_secs(end)) };
        let [one, other] = [(1, 2), (2, 3)].map(|(start, end)| whole.clone().cut(segment(start, end)));
        assert_eq!((one.path.as_str(), one.file.as_deref()), ("a/night.wav#t=1,2", Some("a/night.wav".as_ref())));
        assert!(one.sha256 != other.sha256 && one.sha256 != whole.sha256 && one.key().is_some());
        assert_eq!(one.whole_file(), whole.whole_file());
        assert_eq!((one.source(None), one.source(Some("phone"))), (whole.whole_file(), Some("phone")));
        assert_eq!(whole.source(None), None);
        let unreadable = Recording { sha256: String::new(), ..whole }.cut(segment(1, 2));
        assert_eq!((unreadable.key(), unreadable.whole_file(), unreadable.source(None)), (None, None, None));
    }
}
