//! Corpora from tables.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::Path;

use dataset::audit::{Fingerprints, RecorderRule, Relations};
use dataset::{Corpus, Selection, Split, annotation_table};
use features::{Extractor, FeatureConfig};
use tempfile::TempDir;

/// A mono WAV file of 8 kHz; sample `i` is `sample(i)`.
fn wav(path: &Path, seconds: usize, sample: impl Fn(usize) -> i16) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    (0..seconds * 8000).for_each(|i| writer.write_sample(sample(i)).unwrap());
    writer.finalize().unwrap();
}

/// A chirp that is different at every time and for every `seed`.
fn chirp(seed: usize) -> impl Fn(usize) -> i16 {
    move |i| ((i * i / (700 + 37 * seed) % 199) as i16 - 99) * 200
}

/// A folder with a night of 20 s, two short files, and the table `lines`.
fn with_table(lines: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    wav(&folder.path().join("night.wav"), 20, chirp(1));
    wav(&folder.path().join("day/a.wav"), 2, chirp(2));
    wav(&folder.path().join("day/b\u{e9}.wav"), 2, chirp(3));
    std::fs::write(folder.path().join("recordings.csv"), lines).unwrap();
    folder
}

const TABLE: &str = "file,label,start,end,baby,age,split\n\
    night.wav,tired,8.5,11,Anna,3,train\n\
    night.wav,hungry,1,2.25,Anna,3,train\n\
    day/a.wav,hungry,,,Ben,,test\n\
    day/be\u{301}.wav,tired,,,,5,\n\
    day/a.wav,,0,1,,,\n";

fn read(folder: &TempDir) -> Result<Corpus, String> {
    let table = folder.path().join("recordings.csv");
    Corpus::from_table(&table, None)
        .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
}

/// The same annotations as each program writes them.
#[test]
fn annotations_of_every_program_say_the_same() {
    let folder = with_table("");
    for (name, n_points) in
        [("night.txt", 1), ("night.Table.1.selections.txt", 0), ("night.long.TextGrid", 1), ("night.short.TextGrid", 1)]
    {
        let path = folder.path().join(name);
        std::fs::copy(Path::new("tests/fixtures").join(name), &path).unwrap();
        let table = annotation_table(&[path], &Selection::default()).unwrap();
        let rows: Vec<Vec<String>> = csv::Reader::from_reader(table.csv.as_bytes())
            .records()
            .map(|row| row.unwrap().iter().map(String::from).collect())
            .collect();
        let night = folder.path().join("night.wav").display().to_string();
        let seconds = |text: &String| text.parse::<f64>().unwrap();
        let found: Vec<_> =
            rows.iter().map(|row| (row[0].as_str(), row[1].as_str(), seconds(&row[2]), seconds(&row[3]))).collect();
        assert_eq!(found, [(&*night, "hungry", 12.5, 15.0), (&*night, "tired", 60.0, 67.25)], "{name}");
        assert_eq!(table.passed_over.files.values().map(|files| files.count).sum::<usize>(), n_points, "{name}");
    }
}

#[test]
fn a_table_names_files_and_segments_with_labels_and_columns() {
    let folder = with_table(TABLE);
    let corpus = read(&folder).unwrap();
    assert_eq!(corpus.labels, ["hungry", "tired"]);
    let found: Vec<(&str, usize)> = corpus.recordings.iter().map(|r| (r.path.as_str(), r.label)).collect();
    let expected = [("day/a.wav", 0), ("day/b\u{e9}.wav", 1), ("night.wav#t=1,2.25", 0), ("night.wav#t=8.5,11", 1)];
    assert_eq!(found, expected, "in the order of files and times");
    assert_eq!(corpus.columns(), ["age", "baby"]);
    let column = |index: usize, name: &str| corpus.recordings[index].columns.get(name).map(String::as_str);
    assert_eq!((column(3, "baby"), column(3, "age"), column(1, "baby")), (Some("Anna"), Some("3"), None));
    assert_eq!(
        corpus.passed_over.summary().replace(&folder.path().display().to_string(), "DIR"),
        "1 unlabelled row (line 6 of DIR/recordings.csv)"
    );
    let [train, test] = [Some(Split::Train), Some(Split::Test)];
    assert_eq!(corpus.column_split(), Some(vec![test, None, train, train]));
    assert_eq!(corpus.file(&corpus.recordings[3]), folder.path().join("night.wav"));

    let cache = folder.path().join("cache");
    let table = folder.path().join("recordings.csv");
    for _ in ["cold", "warm"] {
        assert_eq!(Corpus::from_table_cached(&table, None, &cache).unwrap(), corpus);
    }
}

#[test]
fn files_are_relative_to_the_table_or_to_a_folder_of_their_own() {
    let folder = with_table(TABLE);
    let elsewhere = tempfile::tempdir().unwrap();
    let table = elsewhere.path().join("t.csv");
    std::fs::write(&table, TABLE).unwrap();
    let by_folder = Corpus::from_table(&table, Some(folder.path())).unwrap();
    let here = read(&folder).unwrap();
    assert_eq!((by_folder.fingerprint(), &by_folder.recordings), (here.fingerprint(), &here.recordings));
    let night = folder.path().join("night.wav").display().to_string();
    std::fs::write(&table, TABLE.replace("night.wav", &night)).unwrap();
    assert_eq!(Corpus::from_table(&table, Some(folder.path())).unwrap().recordings, here.recordings);
    let error = Corpus::from_table(&table, None).unwrap_err().to_string();
    assert!(error.contains("line 4: day/a.wav: there is no such file"), "{error}");
}

#[test]
fn whatever_decides_a_result_changes_the_fingerprint() {
    let folder = with_table(TABLE);
    let before = read(&folder).unwrap().fingerprint();
    let mut seen = vec![before.clone()];
    for (from, to) in [
        ("8.5,11", "8.5,11.5"),
        ("day/a.wav,hungry", "day/a.wav,tired"),
        ("Ben", "Anna"),
        ("Ben,,test", "Ben,,val"),
        (",5,", ",6,"),
        ("label,start,end,baby,age", "label,start,end,baby,months"),
    ] {
        std::fs::write(folder.path().join("recordings.csv"), TABLE.replace(from, to)).unwrap();
        let fingerprint = read(&folder).unwrap().fingerprint();
        assert!(!seen.contains(&fingerprint), "{from} to {to}");
        seen.push(fingerprint);
    }
    let mut lines: Vec<&str> = TABLE.lines().collect();
    lines[1..].reverse();
    std::fs::write(folder.path().join("recordings.csv"), lines.join("\r\n")).unwrap();
    assert_eq!(read(&folder).unwrap().fingerprint(), before, "the order of the rows decides nothing");
}

#[test]
fn rows_that_cannot_be_meant_are_refused_with_their_line() {
    for (lines, expected) in [
        ("night.wav,x,1,2\nnight.wav,y,3,4\nmissing.wav,x,,\n", "line 4: missing.wav: there is no such file in DIR"),
        ("night.wav,x,1,2\nnight.wav,y,3,4\nnight.wav,y,1,2\n", "line 4: night.wav#t=1,2 is named in line 2 already"),
        ("day/a.wav,x,,\nday/../day/a.wav,y,,\n", "line 3: day/../day/a.wav is named in line 2 already"),
        ("night.wav,,1,2\n", "no row has a label"),
        ("night.wav,x,2,1\n", "line 2: it ends at 1 s, but starts at 2 s"),
        ("day,x,,\n", "line 2: day: there is no such file"),
    ] {
        let error = read(&with_table(&format!("file,label,start,end\n{lines}"))).unwrap_err();
        assert!(error.starts_with("DIR/recordings.csv: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn segments_of_one_file_and_rows_of_one_baby_are_one_group() {
    let folder = with_table(
        "file,label,start,end,baby,recorder\nnight.wav,a,1,4,,\nnight.wav,b,6,9,,p1\nday/a.wav,a,,,Ben,\nday/b\u{e9}.wav,b,,,Ben,p2\n",
    );
    let corpus = read(&folder).unwrap();
    let cache = folder.path().join("cache");
    let extractor = Extractor::new(&FeatureConfig::default()).unwrap();
    let take = || Fingerprints::take(&corpus, &cache, &extractor, &|_, _| ControlFlow::Continue(())).unwrap().unwrap();
    let fingerprints = take();
    assert_eq!((fingerprints.decoded, fingerprints.unreadable.len()), (4, 0));
    let relations = Relations::find(&RecorderRule::FileName, &fingerprints).unwrap();
    assert_eq!(relations.groups, [0, 0, 1, 1]);
    assert_eq!(relations.families, [0, 1, 2, 3], "other parts of a file are other sounds");
    assert_eq!(take().decoded, 0, "segments are cached");
    assert_eq!(RecorderRule::FileName.recorders(&corpus), [Some("Ben"), Some("p2"), None, Some("p1")]);
}

#[test]
fn a_segment_after_the_end_is_unreadable_and_one_beyond_it_is_used_up_to_there() {
    let folder = with_table("file,label,start,end\nnight.wav,a,25,26\nnight.wav,b,18,24\nnight.wav,b,18.5,18.75\n");
    let corpus = read(&folder).unwrap();
    assert_eq!(corpus.contradicting_overlaps(), 0);
    let cache = folder.path().join("cache");
    let extractor = Extractor::new(&FeatureConfig::default()).unwrap();
    let taken = Fingerprints::take(&corpus, &cache, &extractor, &|_, _| ControlFlow::Continue(())).unwrap().unwrap();
    let unreadable: Vec<(&str, &str)> = taken.unreadable.iter().map(|u| (u.path.as_str(), u.reason.as_str())).collect();
    let reason = "the segment starts at 25 s, but the recording ends at 20 s; correct its times";
    assert_eq!(unreadable, [("night.wav#t=25,26", reason)]);
    let warnings: Vec<&str> = taken.warnings.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(warnings, ["night.wav#t=18,24"]);
    let [beyond, inside] = [0, 1].map(|index| corpus.decode(&corpus.recordings[index], &extractor).unwrap());
    assert_eq!((beyond.samples.len(), inside.samples.len()), (16_000, 2000));
    assert!(beyond.samples[4000..6000] == inside.samples);
}

#[test]
fn an_audit_measures_segments_and_not_their_files() {
    let folder = with_table("file,label,start,end\nnight.wav,a,1,4\nnight.wav,b,6,8.5\n");
    let audit = dataset::audit::audit(&read(&folder).unwrap(), None, &RecorderRule::FileName, 1).unwrap();
    let facts: Vec<_> = audit.recordings.iter().filter_map(|row| row.facts.as_ref()).collect();
    assert_eq!(facts.iter().map(|facts| facts.seconds).collect::<Vec<_>>(), [3.0, 2.5]);
    assert!(facts.iter().all(|facts| (facts.bytes_per_second - 16_000.0).abs() < 20.0), "{facts:?}");
}

#[test]
fn overlapping_segments_with_other_labels_are_counted() {
    let folder = with_table(
        "file,label,start,end\nnight.wav,a,1,4\nnight.wav,b,3,5\nnight.wav,a,4.5,6\nnight.wav,a,5,7\nday/a.wav,b,0,2\n",
    );
    assert_eq!(read(&folder).unwrap().contradicting_overlaps(), 2);
}

/// Tables of `scripts/goldens/parquet_tables.py`, with the rows of [`TABLE`].
#[cfg(feature = "parquet")]
mod parquet {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(Path::new("tests/fixtures").join(name)).unwrap()
    }

    fn read_bytes(folder: &TempDir, bytes: &[u8]) -> Result<Corpus, String> {
        let table = folder.path().join("recordings.parquet");
        std::fs::write(&table, bytes).unwrap();
        Corpus::from_table(&table, None).map_err(|error| error.to_string())
    }

    #[test]
    fn tables_of_another_program_are_read_however_they_are_compressed() {
        let folder = with_table(TABLE);
        let expected = read(&folder).unwrap().recordings;
        for compression in ["none", "snappy", "gzip", "lz4"] {
            let found = read_bytes(&folder, &fixture(&format!("{compression}.parquet"))).unwrap();
            assert_eq!(found.recordings, expected, "{compression}");
        }
    }

    #[test]
    fn embedded_sound_and_other_compression_are_named() {
        let folder = with_table(TABLE);
        let error = read_bytes(&folder, &fixture("embedded.parquet")).unwrap_err();
        assert!(error.ends_with("row 1: audio must be a text, a number, true or false"), "{error}");
        let error = read_bytes(&folder, &fixture("zstd.parquet")).unwrap_err();
        assert!(error.to_lowercase().contains("zstd"), "{error}");
    }

    #[test]
    fn cut_and_changed_tables_are_errors_or_tables_but_never_end_the_program() {
        let (folder, whole) = (tempfile::tempdir().unwrap(), fixture("snappy.parquet"));
        for cut in 0..whole.len() {
            assert!(read_bytes(&folder, &whole[..cut]).is_err(), "cut after {cut} bytes");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1 << (place % 8);
            // There are no such sound files.
            assert!(read_bytes(&folder, &changed).is_err(), "changed byte {place}");
        }
    }
}
