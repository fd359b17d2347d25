//! Folders of recordings and tables as people have them, through `wail audit` and a small training.

use std::path::{Path, PathBuf};

use crate::run_files::{contents, fresh, only_entry, stderr, stdout, wail};
use serde_json::Value;
use tempfile::TempDir;

const TINY: &str = r#"
name = "tiny"
[data]
roots = ["recordings"]
[features]
image_size = 32
[backbone]
arch = "resnet18-w8"
weights = "random"
[train]
epochs = 2
augmented_views = 1
[sweep]
learning_rate = [1e-2]
inner = [8]
dropout = [0.5]
[gate]
enabled = false
"#;

/// A folder with 40 recordings in 8 class folders, which nothing marks as synthetic.
fn with_recordings() -> TempDir {
    let folder = fresh(TINY);
    stdout(&wail(folder.path(), &["synth", "--out", "recordings", "--recordings", "40"]));
    std::fs::remove_file(folder.path().join("recordings/synthetic.json")).unwrap();
    folder
}

/// Trains into the folder `out`; returns the run's folder and what was printed on stderr.
fn train(folder: &Path, out: &str, settings: &[&str]) -> (PathBuf, String) {
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = ["--config", "tiny.toml", "--out", out].into_iter().chain(settings).collect();
    let output = wail(folder, &arguments);
    stdout(&output);
    (only_entry(&folder.join(out)), stderr(&output))
}

fn report(run: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(run.join("report.json")).unwrap()).unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

#[test]
fn what_is_no_recording_changes_no_score_and_is_counted_once_by_audit_training_and_report() {
    let folder = with_recordings();
    let (clean, printed) = train(folder.path(), "clean", &[]);
    assert!(!printed.contains("passed over"), "{printed}");

    let root = folder.path().join("recordings");
    std::fs::create_dir(root.join("empty")).unwrap();
    for path in [
        "__MACOSX/hungry/._a.wav",
        ".Trash/old.wav",
        "hungry/._a.wav",
        "hungry/@eaDir/a.wav/SYNOAUDIO_01.wav",
        "hungry/Thumbs.db",
        "notes/deep/read me.txt",
        "tired/notes.TXT",
        "loose.wav",
    ] {
        write(&root.join(path), "no sound");
    }
    let passed_over = "5 folders (.Trash, __MACOSX, empty, hungry/@eaDir, notes), 2 .txt files (notes/deep/read me.txt ...), \
                       1 .db file (hungry/Thumbs.db), 1 hidden file (hungry/._a.wav), \
                       1 sound file outside the class folders (loose.wav)";
    let (run, printed) = train(folder.path(), "cluttered", &[]);
    assert_eq!(printed.matches(&format!("passed over {passed_over}\n")).count(), 1, "{printed}");
    let data = &report(&run)["data"];
    assert_eq!(data["passed_over"], passed_over);
    assert_eq!(data["labels"].as_array().unwrap().len(), 8);
    assert_eq!(data["fingerprint"], report(&clean)["data"]["fingerprint"]);
    assert_eq!(read(&run.join("predictions.csv")), read(&clean.join("predictions.csv")));
    assert!(read(&run.join("report.html")).contains("__MACOSX") && read(&run.join("report.md")).contains("Thumbs.db"));

    let audit = stdout(&wail(folder.path(), &["audit", "recordings"]));
    assert!(audit.starts_with("recordings: 40 recordings, 8 classes, "), "{audit}");
    assert!(audit.contains(&format!("\npassed over: {passed_over}\n")), "{audit}");
    assert!(read(&folder.path().join("audit/audit.html")).contains("Thumbs.db"));
    let json: Value = serde_json::from_str(&read(&folder.path().join("audit/audit.json"))).unwrap();
    assert_eq!(json["passed_over"]["files"][".txt file"]["count"], 2);
}

#[test]
fn a_class_without_a_readable_recording_stops_training_or_is_left_out_and_the_audit_says_so() {
    let folder = with_recordings();
    write(&folder.path().join("recordings/static/broken.wav"), "RIFF");
    let audit = stdout(&wail(folder.path(), &["audit", "recordings"]));
    let advice = "training stops at them, unless data.skip_unreadable = true leaves them out, and with them the classes \
                  without another recording: static.";
    assert!(audit.contains(advice), "{audit}");
    assert!(!audit.contains("static (1)"), "{audit}");

    let output = wail(folder.path(), &["--config", "tiny.toml"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("static/broken.wav"), "{}", stderr(&output));
    let (run, printed) = train(folder.path(), "skipped", &["data.skip_unreadable=true"]);
    assert!(printed.contains("these classes have no usable recording, so they are left out: static"), "{printed}");
    let data = &report(&run)["data"];
    assert_eq!(data["labels"].as_array().unwrap().len(), 8);
    assert_eq!((&data["unused_classes"][0], &data["unreadable"][0]), (&"static".into(), &"static/broken.wav".into()));

    // A split file may name recordings of the class that is left out.
    let split = run.join("split");
    let training = split.join("train.csv");
    write(&training, read(&training) + "static,static/broken.wav,8\n");
    let dir = format!("data.split.dir={:?}", split.display().to_string());
    let (again, _) = train(folder.path(), "again", &["data.skip_unreadable=true", "data.split.kind=csv", &dir]);
    assert_eq!(report(&again)["data"]["counts"], data["counts"]);
}

/// Moves each recording from `recordings/CLASS` to `recordings/SPLIT/CLASS`; `split` gives the folder of the n-th of a class.
fn into_split_folders(folder: &Path, split: impl Fn(usize) -> &'static str) {
    let plain = folder.join("plain");
    std::fs::rename(folder.join("recordings"), &plain).unwrap();
    for class in std::fs::read_dir(&plain).unwrap().map(|entry| entry.unwrap().file_name()) {
        let mut files: Vec<_> =
            std::fs::read_dir(plain.join(&class)).unwrap().map(|e| e.unwrap().file_name()).collect();
        files.sort();
        for (index, file) in files.iter().enumerate() {
            let target = folder.join("recordings").join(split(index)).join(&class);
            std::fs::create_dir_all(&target).unwrap();
            std::fs::rename(plain.join(&class).join(file), target.join(file)).unwrap();
        }
    }
}

/// The first folder of each path in a split file of a run.
fn outer_folders(run: &Path, part: &str) -> Vec<String> {
    let mut rows = csv::Reader::from_path(run.join("split").join(part)).unwrap();
    rows.records().map(|row| row.unwrap()[1].split('/').next().unwrap().to_owned()).collect()
}

#[test]
fn folders_named_as_splits_are_offered_as_the_split() {
    let folder = with_recordings();
    into_split_folders(folder.path(), |index| ["Train", "TEST", "validation"][index % 3]);
    let (run, printed) = train(folder.path(), "pooled", &[]);
    assert!(printed.contains("To use the folders as the split: --set data.split.kind=folders"), "{printed}");
    assert_eq!(report(&run)["data"]["labels"].as_array().unwrap().len(), 8);
    assert!(outer_folders(&run, "test.csv").iter().any(|outer| outer != "TEST"), "a new split");

    let (run, printed) = train(folder.path(), "as-they-are", &["data.split.kind=folders"]);
    assert!(!printed.contains("To use the folders"), "{printed}");
    for (part, expected) in [("train.csv", "Train"), ("val.csv", "validation"), ("test.csv", "TEST")] {
        let folders = outer_folders(&run, part);
        assert!(!folders.is_empty() && folders.iter().all(|outer| outer == expected), "{part}: {folders:?}");
    }
    assert_eq!(report(&run)["data"]["split"], "the folders of recordings");
    let audit = wail(folder.path(), &["audit", "recordings", "--fail-on", "leak"]);
    assert_eq!(
        audit.status.code(),
        Some(3),
        "the recorders of synthetic cries are in several folders: {}",
        stderr(&audit)
    );

    write(&folder.path().join("recordings/tired/a.wav"), "no sound");
    let mixed = wail(folder.path(), &["--config", "tiny.toml"]);
    assert_eq!(mixed.status.code(), Some(3), "{}", stderr(&mixed));
    assert!(stderr(&mixed).contains("but these are beside them: tired"), "{}", stderr(&mixed));
}

#[test]
fn without_a_validation_folder_a_fifth_of_training_validates() {
    let folder = with_recordings();
    into_split_folders(folder.path(), |index| if index % 3 == 2 { "test" } else { "train" });
    let (run, _) = train(folder.path(), "folders", &["data.split.kind=folders"]);
    let [training, validation, test] = ["train.csv", "val.csv", "test.csv"].map(|part| outer_folders(&run, part));
    assert!(
        training.iter().chain(&validation).all(|outer| outer == "train") && test.iter().all(|outer| outer == "test")
    );
    let share = validation.len() as f64 / (training.len() + validation.len()) as f64;
    assert!((0.1..0.35).contains(&share), "{share}");
    assert_eq!(report(&run)["data"]["split"], "the folders of recordings, a fifth of training for validation, seed 42");

    let plain = with_recordings();
    let output = wail(plain.path(), &["--config", "tiny.toml", "--set", "data.split.kind=folders"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("needs folders named train, val and test"), "{}", stderr(&output));
}

#[test]
fn tables_of_a_spreadsheet_program_say_the_same_as_our_own() {
    let folder = with_recordings();
    let at = |path: &str| folder.path().join(path);
    let (run, _) = train(folder.path(), "first", &[]);
    let utf_16 = |text: &str| [vec![0xFF, 0xFE], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
    for part in ["train.csv", "val.csv", "test.csv"] {
        let own = read(&run.join("split").join(part));
        let (_, rows) = own.split_once('\n').unwrap();
        let foreign =
            format!(" Class ;PATH;Label\n{rows};;\n").replace(',', ";").replace('/', "\\").replace('\n', "\r\n");
        write(&at("foreign").join(part), utf_16(&foreign));
    }
    let csv = ["data.split.kind=csv", "data.split.dir=foreign"];
    let (again, _) = train(folder.path(), "again", &csv);
    assert_eq!(contents(&again.join("split")), contents(&run.join("split")));

    let manifest = read(&run.join("manifest.csv"));
    let paths: Vec<&str> = manifest.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    let rows: Vec<String> = paths.iter().map(|path| format!("anna\t \"{}\"", path.replace('/', "\\"))).collect();
    write(&at("recorders.csv"), format!("\u{feff}Recorder\tPath\r\n{}\r\n", rows.join("\r\n")));
    let audit = wail(folder.path(), &["audit", "recordings", "--recorder-csv", "recorders.csv"]);
    assert!(stdout(&audit).contains(" 1 group (same recorder or same sound)"), "{}", stdout(&audit));

    write(&at("foreign/val.csv"), b"class;path\r\ntired;b\xe9b\xe9.wav\r\n");
    let latin = wail(folder.path(), &["audit", "recordings", "--split", "foreign"]);
    assert_eq!(latin.status.code(), Some(3), "{}", stderr(&latin));
    for part in ["foreign/val.csv: line 2: byte 0xE9 is not UTF-8", "Windows-1252", "iconv"] {
        assert!(stderr(&latin).contains(part), "{}", stderr(&latin));
    }
}

#[test]
fn damaged_cache_entries_are_computed_again() {
    let folder = with_recordings();
    let (run, _) = train(folder.path(), "first", &[]);
    let cache = folder.path().join("data/cache");
    let entries = contents(&cache);
    let folders = ["copies", "embeddings", "files", "fingerprints"];
    assert!(folders.iter().all(|folder| entries.iter().any(|(path, _)| path.starts_with(folder))));
    for damage in ["cut", "changed", "emptied"] {
        for (path, bytes) in &entries {
            let mut damaged = bytes.clone();
            match damage {
                "cut" => damaged.truncate(bytes.len() / 2),
                "changed" => damaged.iter_mut().rev().step_by(100).for_each(|byte| *byte ^= 0xFF),
                _ => damaged.clear(),
            }
            std::fs::write(cache.join(path), damaged).unwrap();
        }
        let (again, _) = train(folder.path(), damage, &[]);
        assert_eq!(read(&again.join("predictions.csv")), read(&run.join("predictions.csv")), "{damage}");
    }
}
