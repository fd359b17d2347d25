//! `wail synth --nights`: long recordings and the tables about them.

use std::path::Path;

use crate::run_files::{stdout, wail};
use tempfile::TempDir;

/// The rows of a table, each with `N` columns.
fn rows<const N: usize>(path: &Path, header: [&str; N]) -> Vec<[String; N]> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    assert_eq!(reader.headers().unwrap(), &header[..]);
    reader.records().map(|row| std::array::from_fn(|column| row.as_ref().unwrap()[column].to_owned())).collect()
}

#[test]
fn nights_are_recordings_with_tables_of_what_sounds_when() {
    let folder = TempDir::new().unwrap();
    let options = ["--nights", "4", "--hours", "0.03", "--seed", "5", "--cries-per-hour", "30"];
    let arguments = [&["synth", "--out", "nights"], &options[..]].concat();
    assert_eq!(stdout(&wail(folder.path(), &arguments)), "nights\n");
    let nights = folder.path().join("nights");
    for number in 1..=4 {
        let reader = hound::WavReader::open(nights.join(format!("night-00{number}.wav"))).unwrap();
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 16_000, 16));
        assert_eq!(reader.duration(), 1_728_000, "108 s");
    }
    let truth = rows(&nights.join("truth.csv"), ["file", "start", "end", "label"]);
    assert!(!truth.is_empty());
    let sounds = rows(&nights.join("sounds.csv"), ["file", "start", "end", "family", "kind", "dbfs", "reverberation"]);
    for [file, start, end, label] in &truth {
        let [from, to] = [start, end].map(|time| time.parse::<f64>().unwrap());
        assert!(10.0 < to - from && to <= 108.0 && label == "cry", "{file} {start} {end} {label}");
        assert!(sounds.iter().any(|row| [&row[0], &row[1], &row[2], &row[3]] == [file, start, end, label]));
    }
    let backgrounds = sounds.iter().filter(|row| row[3] == "background" && row[1..3] == ["0.000", "108.000"]);
    assert_eq!(backgrounds.count(), 4);
    assert!(sounds.iter().any(|row| !["background", "cry"].contains(&&*row[3])));
}
