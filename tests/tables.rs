//! Tables of recordings, annotations of other programs, and several corpora, through `wail`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::run_files::{only_entry, stderr, stdout, wail};
use serde_json::Value;
use tempfile::TempDir;

/// A network without a download, and a small search.
const SMALL: [&str; 8] = [
    "--set",
    "backbone.arch=resnet18-w8",
    "--set",
    "backbone.weights=random",
    "--set",
    "features.image_size=32",
    "--set",
    "sweep.c=[1.0]",
];

/// A folder with `n` synthetic recordings in `data/NAME/CLASS/`, which nothing marks as synthetic, for each of `corpora`.
fn with_corpora(corpora: &[(&str, usize)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    for (seed, (name, n)) in corpora.iter().enumerate() {
        let (out, n, seed) = (format!("data/{name}"), n.to_string(), (seed + 1).to_string());
        stdout(&wail(folder.path(), &["synth", "--out", &out, "--recordings", &n, "--seed", &seed]));
        std::fs::remove_file(folder.path().join(out).join("synthetic.json")).unwrap();
    }
    folder
}

/// The sound files of the corpus `name`, with their classes.
fn recordings(folder: &Path, name: &str) -> Vec<(PathBuf, String)> {
    let files = dataset::audio_files(&folder.join("data").join(name)).unwrap().into_iter();
    let class = |path: &Path| path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    files.map(|path| (path.clone(), class(&path))).collect()
}

fn samples(path: &Path) -> (Vec<i16>, hound::WavSpec) {
    let mut reader = hound::WavReader::open(path).unwrap();
    (reader.samples::<i16>().map(Result::unwrap).collect(), reader.spec())
}

/// Joins the recordings of each class of the corpus `name` to nights of six, `data/nights/CLASS-N.wav`; returns the table that
/// names each recording as a segment, and the classes.
fn into_nights(folder: &Path, name: &str) -> (String, BTreeSet<String>) {
    let nights = folder.join("data/nights");
    std::fs::create_dir(&nights).unwrap();
    let (mut table, mut classes) = ("file;label;start;end;baby;age\n".to_owned(), BTreeSet::new());
    let all = recordings(folder, name);
    for chunk in all.chunk_by(|a, b| a.1 == b.1) {
        for (number, night) in chunk.chunks(6).enumerate() {
            let file = format!("{}-{number}.wav", night[0].1);
            let mut writer = hound::WavWriter::create(nights.join(&file), samples(&night[0].0).1).unwrap();
            let mut n = 0;
            for (path, class) in night {
                let (samples, spec) = samples(path);
                let seconds = |n: usize| n as f64 / f64::from(spec.sample_rate);
                let (start, end) = (seconds(n), seconds(n + samples.len()));
                table += &format!("nights/{file};{class};{start};{end};baby of {file};{number}\n");
                n += samples.len();
                samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
                classes.insert(class.clone());
            }
            writer.finalize().unwrap();
        }
    }
    (table, classes)
}

fn train(folder: &Path, arguments: &[&str]) -> (PathBuf, String) {
    let output = wail(folder, &[arguments, &SMALL].concat());
    stdout(&output);
    (only_entry(&folder.join("experiments")), stderr(&output))
}

fn report(run: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(run.join("report.json")).unwrap()).unwrap()
}

/// The rows of a table as its columns.
fn rows(path: &Path) -> Vec<std::collections::HashMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn a_table_of_segments_trains_without_cutting_a_file() {
    let folder = with_corpora(&[("cut", 64)]);
    let (table, classes) = into_nights(folder.path(), "cut");
    std::fs::write(folder.path().join("data/recordings.csv"), table).unwrap();
    let (run, said) = train(folder.path(), &["--config", "table.toml", "--set", "data.split.folds=3"]);
    assert!(
        said.contains("reads      data/recordings.csv") || said.contains("recordings in data/recordings.csv"),
        "{said}"
    );

    let manifest = rows(&run.join("manifest.csv"));
    assert_eq!(manifest.len(), 64);
    assert!(manifest.iter().all(|row| row["path"].contains("#t=") && row["recorder"].starts_with("baby of")));
    let nights = |row: &std::collections::HashMap<String, String>| row["path"].split('#').next().unwrap().to_owned();
    let groups: BTreeSet<(String, String)> = manifest.iter().map(|row| (nights(row), row["group"].clone())).collect();
    let files: BTreeSet<String> = manifest.iter().map(nights).collect();
    assert_eq!(groups.len(), files.len(), "a night is in one group");
    assert_eq!(manifest[0]["age"], "0");
    let report = report(&run);
    assert_eq!(report["data"]["labels"], serde_json::json!(classes));
    assert_eq!(report["data"]["leaks"]["recorders"], 0);
    assert!(run.join("mistakes/1.wav").is_file(), "the sound of a segment");
}

#[test]
fn annotations_become_a_table_that_trains() {
    let folder = with_corpora(&[("cut", 48)]);
    let (table, _) = into_nights(folder.path(), "cut");
    // What Audacity would have exported for each night.
    for line in table.lines().skip(1) {
        let values: Vec<&str> = line.split(';').collect();
        let track = folder.path().join("data").join(values[0]).with_extension("txt");
        let before = std::fs::read_to_string(&track).unwrap_or_default();
        std::fs::write(&track, format!("{before}{}\t{}\t{}\n", values[2], values[3], values[1])).unwrap();
    }
    let mut tracks: Vec<String> = std::fs::read_dir(folder.path().join("data/nights"))
        .unwrap()
        .map(|entry| format!("data/nights/{}", entry.unwrap().file_name().to_str().unwrap()))
        .filter(|name| name.ends_with(".txt"))
        .collect();
    tracks.sort();
    let arguments: Vec<&str> = ["table"].into_iter().chain(tracks.iter().map(String::as_str)).collect();
    let made = wail(folder.path(), &arguments);
    let csv = stdout(&made);
    assert!(stderr(&made).contains("48 rows of"), "{}", stderr(&made));
    std::fs::write(folder.path().join("made.csv"), &csv).unwrap();
    let (run, _) = train(
        folder.path(),
        &["--config", "table.toml", "--set", "data.table=made.csv", "--set", "data.split={ kind = \"stratified\" }"],
    );
    assert_eq!(rows(&run.join("manifest.csv")).len(), 48);
    let leaks = &report(&run)["data"]["leaks"];
    assert!(leaks["recorders"].as_u64().unwrap() > 10, "segments of one night on both sides: {leaks}");
    let audit = wail(folder.path(), &["audit", "made.csv"]);
    assert!(stdout(&audit).contains("48 recordings"), "{}", stdout(&audit));

    std::fs::write(folder.path().join("empty.txt"), "1\t1\tpoint\n").unwrap();
    let refused = wail(folder.path(), &["table", "empty.txt"]);
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("passed over 1 point without a length"), "{}", stderr(&refused));
}

#[test]
fn each_corpus_is_the_test_of_a_search_on_the_others() {
    let folder = with_corpora(&[("home", 48), ("raw", 56)]);
    // The clinic calls one class by another name, has one that nobody knows, and a copy of a recording of the other corpus.
    let mut table = "file,label,sex\n".to_owned();
    for (path, class) in recordings(folder.path(), "raw") {
        let path = path.strip_prefix(folder.path().join("data")).unwrap().display().to_string();
        let class = match class.as_str() {
            "belly_pain" => "belly pain",
            "scared" => "dontknow",
            other => other,
        };
        table += &format!("{path},{class},female\n");
    }
    let (copied, class) = recordings(folder.path(), "home").pop().unwrap();
    std::fs::copy(copied, folder.path().join("data/copy.wav")).unwrap();
    table += &format!("copy.wav,{class},\n");
    std::fs::write(folder.path().join("data/clinic.csv"), table).unwrap();

    let (run, said) = train(folder.path(), &["--config", "corpora.toml"]);
    assert!(said.contains("left-out \"dontknow\" recording"), "{said}");
    let found = report(&run);
    let rule = found["data"]["split"].as_str().unwrap();
    assert!(rule.starts_with("each corpus left out once") && rule.contains("of training in one group"), "{rule}");
    assert!(found["data"]["labels"].as_array().unwrap().contains(&Value::from("belly_pain")));
    let manifest = rows(&run.join("manifest.csv"));
    for row in &manifest {
        assert!(row["path"].starts_with(&format!("{}/", row["corpus"])), "{row:?}");
    }
    let tested: Vec<_> = rows(&run.join("predictions.csv")).into_iter().filter(|row| row["split"] == "test").collect();
    assert_eq!(tested.len(), manifest.len(), "each recording is tested once");
    assert!(tested.iter().all(|row| row["path"].starts_with(&format!("{}/", row["fold"]))));
    assert_eq!(found["data"]["leaks"]["copies"], 0);

    for (split, expected) in [
        ("{ kind = \"corpora\", train = [\"home\"], test = [\"clinic\"] }", Ok("train on home, test on clinic")),
        ("{ kind = \"corpora\", train = [\"home\"], test = [\"ward\"] }", Err("there is no corpus \"ward\"")),
        ("{ kind = \"table\" }", Err("needs a table with a column split")),
    ] {
        let out = format!("runs{}", split.len());
        let arguments = ["--config", "corpora.toml", "--out", &out, "--set"];
        let setting = format!("data.split={split}");
        let output = wail(folder.path(), &[&arguments[..], &[&setting], &SMALL].concat());
        match expected {
            Ok(rule) => {
                stdout(&output);
                let run = only_entry(&folder.path().join(out));
                assert!(report(&run)["data"]["split"].as_str().unwrap().starts_with(rule));
                let tested = rows(&run.join("predictions.csv")).into_iter().filter(|row| row["split"] == "test");
                assert!(tested.map(|row| row["path"].clone()).all(|path| path.starts_with("clinic/")));
            }
            Err(message) => {
                assert!(!output.status.success() && stderr(&output).contains(message), "{}", stderr(&output));
            }
        }
    }
}

#[test]
fn the_column_split_decides_the_split() {
    let folder = with_corpora(&[("raw", 64)]);
    let mut table = "file\tlabel\tsplit\n".to_owned();
    for (index, (path, class)) in recordings(folder.path(), "raw").into_iter().enumerate() {
        let split = ["train", "train", "train", "dev", "test", ""][index % 6];
        table += &format!("{}\t{class}\t{split}\n", path.display());
    }
    std::fs::write(folder.path().join("data/recordings.tsv"), table).unwrap();
    let common = ["--config", "table.toml", "--set", "data.table=data/recordings.tsv", "--set"];
    let (run, _) = train(folder.path(), &[&common[..], &["data.split={ kind = \"table\" }"]].concat());
    let predictions = rows(&run.join("predictions.csv"));
    let n = |split: &str| predictions.iter().filter(|row| row["split"] == split).count();
    assert_eq!((n("val"), n("test")), (11, 10));
    let damaged =
        std::fs::read_to_string(folder.path().join("data/recordings.tsv")).unwrap().replace("\tdev\n", "\tlater\n");
    std::fs::write(folder.path().join("data/recordings.tsv"), damaged).unwrap();
    let refused = wail(folder.path(), &[&common[..], &["data.split={ kind = \"table\" }"]].concat());
    assert_eq!(refused.status.code(), Some(3));
    assert!(stderr(&refused).contains("recordings.tsv: line 5: the split \"later\""), "{}", stderr(&refused));
}
