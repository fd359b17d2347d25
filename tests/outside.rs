//! `wail` outside the repository: everything that it needs is built into the program.

use std::path::Path;
use std::process::Output;

use crate::run_files::{self, command, only_entry, stderr, stdout, wail};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn built_in_configs_are_listed_printed_and_run_by_name() {
    let folder = TempDir::new().unwrap();
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let list = stdout(&wail(folder.path(), &["config", "list"]));
    for entry in std::fs::read_dir(&configs).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(list.contains(&name), "{name} is missing in {list}");
        let shown = stdout(&wail(folder.path(), &["config", "show", &name]));
        assert_eq!(shown, std::fs::read_to_string(configs.join(&name)).unwrap(), "{name}");
    }
    let unknown = wail(folder.path(), &["config", "show", "nothing"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", stderr(&unknown));
    assert!(stderr(&unknown).contains("wail config list"), "{}", stderr(&unknown));

    let invalid = wail(folder.path(), &["--config", "quick.toml", "--set", "train.epochs=0"]);
    assert!(stderr(&invalid).contains("quick.toml (built in)"), "{}", stderr(&invalid));
    assert!(stderr(&invalid).contains("train.epochs: must be 1 to 10000"), "{}", stderr(&invalid));
}

#[test]
fn wail_home_moves_caches_and_weights_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    let work = folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let run = |arguments: &[&str]| command(&work, arguments).env("WAIL_HOME", &home).output().unwrap();
    stdout(&run(&["--config", "quick.toml", "--set", "train.epochs=1", "--set", "gate.enabled=false"]));
    assert!(home.join("data/cache").is_dir());
    assert!(work.join("experiments").is_dir() && work.join("data/synthetic").is_dir());
    assert!(!work.join("data/cache").exists());

    let bytes = std::fs::read(run_files::NARROW_BACKBONE).unwrap();
    std::fs::create_dir(home.join("models")).unwrap();
    std::fs::write(home.join("models/resnet18_Opset16.onnx"), bytes).unwrap();
    let state = |output: &str| output.lines().find(|line| line.starts_with("resnet18 ")).unwrap().to_owned();
    let inside = state(&stdout(&run(&["weights", "list"])));
    assert!(inside.contains("DAMAGED"), "{inside}");
    let outside = stdout(&wail(&work, &["weights", "list"]));
    assert!(state(&outside).contains("46748516 bytes") && state(&outside).contains("missing"), "{outside}");
    for entry in weights::Register::embedded().unwrap().weights {
        assert!(outside.contains(&entry.url) && outside.contains(&format!("{} bytes", entry.bytes)), "{outside}");
    }
    let folder = work.canonicalize().unwrap().join("models");
    assert!(outside.contains(&format!("Folder: {}\n", folder.display())), "{outside}");
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let folder = TempDir::new().unwrap();
    let script = stdout(&wail(folder.path(), &["completions", "bash"]));
    let page = stdout(&wail(folder.path(), &["man"]));
    stdout(&wail(folder.path(), &["man", "--out", "man"]));
    for name in [
        "infer", "evaluate", "pretrain", "plan", "prepare", "merge", "submit", "report", "export", "track", "push",
        "pull", "promote", "audit", "table", "features", "embed", "weights", "synth", "config",
    ] {
        assert!(script.contains(name), "{name}");
        assert!(page.contains(name), "{name}");
        assert!(folder.path().join(format!("man/wail-{name}.1")).is_file(), "{name}");
    }
    assert!(script.contains("--retry-failed") && folder.path().join("man/wail.1").is_file());
}

#[test]
fn the_main_job_says_what_it_reads_and_writes_in_an_empty_folder() {
    for arguments in [&[][..], &["--config", "sweep.toml"], &["--config", "sweep"]] {
        let folder = TempDir::new().unwrap();
        let output = wail(folder.path(), &[arguments, &["--set", "strict=true"]].concat());
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        for part in [
            "(built in); to print it: wail config show sweep",
            "reads      recordings in data/raw/CLASS/; weights in models\n",
            "writes     experiments (--out), data/cache, data/synthetic\n",
            "none of these folders exists: data/raw",
            "one folder per class",
        ] {
            assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
        }
    }
}

#[test]
fn a_config_or_a_recording_in_place_of_a_command_gives_the_command() {
    let folder = TempDir::new().unwrap();
    for (word, tip) in [
        ("sweep.toml", "tip: to run a config: wail --config sweep.toml"),
        ("mine/sweep.toml", "wail --config mine/sweep.toml"),
        ("sweep", "wail --config sweep"),
        ("train", "wail --config sweep.toml"),
        ("predict", "wail infer FILE"),
        ("cry.wav", "wail infer cry.wav"),
        ("infre", "a similar subcommand exists: 'infer'"),
        ("serve", "wail-serve"),
        ("something", "For more information, try '--help'"),
    ] {
        let output = wail(folder.path(), &[word]);
        assert_eq!(output.status.code(), Some(2), "{word}: {}", stderr(&output));
        assert!(stderr(&output).contains(tip), "{word}: {}", stderr(&output));
    }
}

#[test]
fn a_config_that_is_not_found_says_where_to_look() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    for (arguments, expected) in [
        (
            &["--config", "nothing.toml"][..],
            "nothing.toml: there is no such config here, in configs/ or built in; see: wail config list",
        ),
        (
            &["--config", "./sweep.toml"],
            "./sweep.toml: there is no such file; for the built-in config: --config sweep.toml",
        ),
        (&["--config", "mine/own.toml"], "mine/own.toml: there is no such config"),
        (&["--config", "folder"], "folder: this is a folder"),
        (&["--config", "/dev/null"], "/dev/null: this is not a regular file"),
        (&["--config", "pretrain.toml"], "this config is for another command: wail pretrain --config FILE"),
        (&["pretrain", "--config", "sweep.toml"], "this config is for another command: wail --config FILE"),
    ] {
        let output = wail(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn every_problem_of_a_config_is_reported_at_once() {
    let folder = TempDir::new().unwrap();
    let text = "nmae = \"x\"\n[data]\nrecorder_pattern = \"(\"\n[train]\nepochs = 0\n";
    std::fs::write(folder.path().join("bad.toml"), text).unwrap();
    let output =
        wail(folder.path(), &["--config", "bad.toml", "--set", "train.whiten=maybe", "--set", "sweep.inner=[]"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    for part in [
        "bad.toml: ",
        "line 1, column 1: nmae: unknown field",
        "line 3, column 1: data.recorder_pattern: ",
        "line 5, column 1: train.epochs: must be 1 to 10000",
        "--set train.whiten=maybe: train.whiten: invalid type",
        "--set sweep.inner=[]: sweep.inner: one or more sizes",
    ] {
        assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
    }
}

/// `sounds/` with 40 synthetic recordings, one with no sound in it, and a file that is not a sound.
fn sounds_with_bad_files(folder: &Path) {
    stdout(&wail(folder, &["synth", "--out", "sounds", "--recordings", "40"]));
    std::fs::write(folder.join("sounds/hungry/0.wav"), b"this is not a sound").unwrap();
    std::fs::write(folder.join("sounds/tired/empty.wav"), b"").unwrap();
}

#[test]
fn bad_files_have_a_row_in_every_format_and_do_not_hide_the_others() {
    let folder = TempDir::new().unwrap();
    sounds_with_bad_files(folder.path());
    let infer = |format: &str, more: &[&str]| -> Output {
        let arguments = ["infer", "sounds", "missing.wav", "--format", format];
        let output = wail(folder.path(), &[&arguments, more].concat());
        assert_eq!(output.status.code(), Some(3), "{format}: {}", stderr(&output));
        let summary = "summary    43 files, 3 with errors, ";
        assert!(stderr(&output).contains(summary), "{format}: {}", stderr(&output));
        assert!(stderr(&output).ends_with("error: 3 of 43 files could not be read\n"), "{}", stderr(&output));
        output
    };
    let out = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let bad = ["sounds/hungry/0.wav", "sounds/tired/empty.wav", "missing.wav"];
    let reason = "there is no such file or folder";

    let lines: Vec<Value> = out(&infer("jsonl", &[])).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let files: Vec<&str> = lines.iter().map(|line| line["file"].as_str().unwrap()).collect();
    assert_eq!((files.len(), files[42]), (43, "missing.wav"));
    assert!(files[..42].is_sorted(), "{files:?}");
    for line in &lines {
        let is_bad = bad.contains(&line["file"].as_str().unwrap());
        assert_eq!((line["error"].is_string(), line["label"].is_string()), (is_bad, !is_bad), "{line}");
    }
    assert_eq!(lines[42], serde_json::json!({ "file": "missing.wav", "error": reason }));

    let list: Vec<Value> = serde_json::from_str(&out(&infer("json", &[]))).unwrap();
    assert_eq!(list, lines);

    let csv = out(&infer("csv", &[]));
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert!(reader.headers().unwrap().iter().collect::<Vec<_>>().ends_with(&[
        "cry_score",
        "not_a_cry",
        "warnings",
        "error"
    ]));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    for (row, line) in rows.iter().zip(&lines) {
        assert_eq!((&row[0], &row[1]), (line["file"].as_str().unwrap(), line["label"].as_str().unwrap_or("")));
        assert_eq!(&row[row.len() - 1], line["error"].as_str().unwrap_or(""));
        let warnings = line["warnings"].as_array().map_or(vec![], |all| all.iter().filter_map(Value::as_str).collect());
        assert_eq!(&row[row.len() - 2], warnings.join("; "));
    }

    let table = out(&infer("table", &[]));
    assert_eq!(table.lines().count(), 43);
    let last = table.lines().last().unwrap();
    assert!(last.starts_with("missing.wav ") && last.ends_with(&format!("  error: {reason}")), "{last}");

    // Episodes: bad files have none, but their reason.
    let windows = ["--window", "3"];
    let events: Vec<Value> = serde_json::from_str(&out(&infer("json", &windows))).unwrap();
    let with_error = |rows: &[Value]| -> Vec<String> {
        let rows = rows.iter().filter(|row| row["error"].is_string());
        rows.map(|row| row["file"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((events.len(), with_error(&events)), (43, bad.map(String::from).to_vec()));
    let lines = out(&infer("jsonl", &windows));
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(with_error(&lines), bad);
    let csv = out(&infer("csv", &windows));
    let rows = csv::Reader::from_reader(csv.as_bytes()).into_records().map(Result::unwrap);
    let rows: Vec<csv::StringRecord> = rows.filter(|row| !row[row.len() - 1].is_empty()).collect();
    assert_eq!(rows.iter().map(|row| &row[0]).collect::<Vec<_>>(), bad);
    assert_eq!(rows[2].iter().collect::<Vec<_>>(), [&["missing.wav"][..], &[""; 11], &[reason]].concat());
    let table = out(&infer("table", &windows));
    assert_eq!(table.lines().last(), Some(&*format!("missing.wav  0:00:00.0  error: {reason}")));
    let labels = wail(folder.path(), &["infer", "sounds/tired/empty.wav", "--window", "3", "--format", "audacity"]);
    assert_eq!(labels.status.code(), Some(3), "{}", stderr(&labels));
    assert!(out(&labels).starts_with("0.000000\t0.000000\terror: "), "{}", out(&labels));

    let one = wail(folder.path(), &["infer", "sounds/tired/empty.wav", "--format", "json"]);
    assert_eq!(one.status.code(), Some(3), "{}", stderr(&one));
    let one: Value = serde_json::from_str(&out(&one)).unwrap();
    assert!(one["error"].is_string() && one.get("file").is_none(), "{one}");
}

#[test]
fn warnings_of_many_files_are_summed_up_and_those_of_each_are_in_its_row() {
    let folder = TempDir::new().unwrap();
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    for (name, seconds) in [("a.wav", 7.0), ("b.wav", 9.0), ("c.wav", 1.0), ("d.wav", 10.0), ("e.wav", 2.0)] {
        let mut writer = hound::WavWriter::create(folder.path().join(name), spec).unwrap();
        (0..(8000.0 * seconds) as i32).for_each(|i| writer.write_sample((i % 50 * 400) as i16).unwrap());
        writer.finalize().unwrap();
    }
    let output = wail(folder.path(), &["infer", ".", "--format", "jsonl"]);
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warnings: Vec<&Value> = lines.iter().map(|line| &line["warnings"]).collect();
    let cut = serde_json::json!(["only the first 7 s were used"]);
    let short = serde_json::json!(["only 1.0 s of sound; the model expects 7 s"]);
    assert_eq!(warnings[..4], [&Value::Null, &cut, &short, &cut]);
    for line in [
        "2 files: only the first 7 s were used (./b.wav and 1 like it)",
        "2 files: only 1.0 s of sound; the model expects 7 s (./c.wav and 1 like it)",
        "summary    5 files, 0 with errors, 24 s of sound, in ",
    ] {
        assert!(stderr(&output).contains(line), "{line}: {}", stderr(&output));
    }
    let alone = wail(folder.path(), &["infer", "b.wav"]);
    assert!(stderr(&alone).ends_with("b.wav: only the first 7 s were used\n"), "{}", stderr(&alone));
}

#[test]
fn wrong_options_are_found_before_any_file_is_read() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("bad.wav"), b"").unwrap();
    std::fs::write(folder.path().join("worse.wav"), b"").unwrap();
    for (arguments, code, expected) in [
        (&["infer", "bad.wav", "--coverage", "0.5"][..], 2, "available coverages: 0.8, 0.9, 0.95"),
        (&["infer", "bad.wav", "--coverage", "2"], 2, "it must be 0 to 1"),
        (&["infer", "bad.wav", "--min-confidence", "x"], 2, "it is not a number"),
        (&["infer", "bad.wav", "--window", "9"], 2, "a window of 9 s is not possible"),
        (&["infer", "bad.wav", "--window", "0"], 2, "a window of 0 s is not possible"),
        (&["infer", "bad.wav", "--hop", "8"], 2, "a hop of 8 s is not possible"),
        (&["infer", "bad.wav", "--episodes", "--confirm", "0/1"], 2, "K of N windows"),
        (&["infer", "bad.wav", "worse.wav", "--window", "3", "--format", "audacity"], 2, "one recording, not of 2"),
        (&["infer", "bad.wav", "--model", "nowhere"], 4, "nowhere: there is no such file or folder; name a model file"),
        (&["infer", "bad.wav", "--model", "."], 4, "there is no model.safetensors or model.onnx in this folder"),
        (
            &["infer", "nowhere.wav", "nor here"],
            3,
            "nowhere.wav: there is no such file or folder\n  nor here: there is",
        ),
        (&["infer", "."], 3, "bad.wav: "),
        (&["features", "bad.wav", "nowhere.wav", "--out", "x.npy"], 3, "nowhere.wav: there is no such file or folder"),
        (&["man", "--out", "bad.wav"], 1, "bad.wav"),
        (&["synth", "--out", "s", "--recordings", "3"], 2, "at least 40 are needed"),
        (&["synth", "--out", "s", "--not-a-cry", "0"], 2, "at least 1 sound of each kind"),
        (
            &["synth", "--out", "s", "--nights", "0", "--hours", "25"],
            2,
            "0 nights; it must be 1 to 999; nights of 25 hours",
        ),
        (
            &["synth", "--out", "s", "--nights", "1", "--cries-per-hour", "31"],
            2,
            "31 cries an hour; it must be 0 to 30",
        ),
        (&["synth", "--out", "s", "--nights", "1", "--not-a-cry", "1"], 2, "cannot be used with"),
        (&["synth", "--out", "s", "--hours", "1"], 2, "--nights <N>"),
        (&["report", "nowhere"], 3, "name the folder of a finished run"),
        (&["config", "show", "nothing"], 2, "wail config list"),
        (&["embed", "bad.wav", "--out", "x.npy", "--weights", "nothing"], 4, "wail weights list"),
        (&["--config", "quick.toml", "--set", "train.epochs"], 2, "--set train.epochs: there is no '='"),
        (&["--config", "quick.toml", "--set", "data.recorder_pattern=("], 2, "data.recorder_pattern"),
        (&["--config", "quick.toml", "--set", "data.recorder_pattern=none"], 2, "needs a group"),
    ] {
        let output = wail(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
}

/// Runs `wail` with a standard output that nobody reads.
fn unread(folder: &Path, arguments: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command(folder, arguments).stdout(writer).output().unwrap()
}

#[test]
fn a_closed_pipe_ends_every_command_quietly() {
    let folder = TempDir::new().unwrap();
    stdout(&wail(folder.path(), &["synth", "--out", "sounds", "--recordings", "40"]));
    let small = ["--set", "train.epochs=1", "--set", "gate.enabled=false"];
    let quick = [&["--config", "quick.toml", "--out", "runs"], &small[..]].concat();
    let check = |arguments: &[&str]| {
        let output = unread(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        let is_loud = |line: &str| line.starts_with("error") || line.contains("panicked");
        assert!(!stderr(&output).lines().any(is_loud), "{arguments:?}: {}", stderr(&output));
    };
    check(&quick);
    let run = only_entry(&folder.path().join("runs"));
    let run = run.to_str().unwrap();
    for format in ["table", "json", "jsonl", "csv"] {
        check(&["infer", "sounds", "--format", format]);
        check(&["infer", "sounds", "--window", "3", "--format", format]);
    }
    let recording = std::fs::read_dir(folder.path().join("sounds/hungry")).unwrap().next().unwrap().unwrap().path();
    for arguments in [
        &["infer", recording.to_str().unwrap(), "--window", "3", "--format", "audacity"][..],
        &["report", run],
        &["export", run, "--out", "exported"],
        &["audit", "sounds"],
        &["weights", "list"],
        &["weights", "verify"],
        &["synth", "--out", "more", "--recordings", "40"],
        &["config", "list"],
        &["config", "keys"],
        &["config", "show", "sweep.toml"],
        &["completions", "bash"],
        &["man"],
        &["help"],
        &["infer", "--help"],
        &["--version"],
    ] {
        check(arguments);
    }
}
