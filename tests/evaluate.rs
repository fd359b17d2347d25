//! `wail evaluate`: events that are found against those that are there, with the real binary.

use std::path::Path;

use crate::run_files::{clearest_cry, fresh_narrow, only_entry, stderr, stdout, wail};
use serde_json::{Value, json};
use tempfile::TempDir;

const RATE_HZ: usize = 8000;

/// A mono WAV file of 8 kHz.
fn wav(path: &Path, samples: &[i16]) {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: RATE_HZ as u32, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
}

fn silence(seconds: usize) -> Vec<i16> {
    vec![0; RATE_HZ * seconds]
}

/// The synthetic recording that the model in the box takes for a cry most clearly, repeated.
fn cry(folder: &Path, seconds: usize) -> Vec<i16> {
    if !folder.join("cries").exists() {
        stdout(&wail(folder, &["synth", "--out", "cries", "--recordings", "40"]));
    }
    let answers = stdout(&wail(folder, &["infer", "cries", "--format", "jsonl"]));
    let clearest = clearest_cry(&answers);
    let mut reader = hound::WavReader::open(folder.join(clearest["file"].as_str().unwrap())).unwrap();
    assert_eq!(reader.spec().sample_rate, RATE_HZ as u32);
    let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    samples.into_iter().cycle().take(RATE_HZ * seconds).collect()
}

/// The arguments of `wail evaluate` on a truth, with more.
fn evaluate(folder: &Path, truth: &str, arguments: &[&str]) -> std::process::Output {
    std::fs::write(folder.join("truth.csv"), truth).unwrap();
    wail(folder, &[&["evaluate", "--events", "truth.csv"], arguments].concat())
}

fn as_json(output: &std::process::Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

#[test]
fn the_model_in_the_box_finds_cries_between_silences() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let night = [silence(20), cry(folder, 14), silence(30), cry(folder, 10), silence(16)].concat();
    wav(&folder.join("night.wav"), &night);
    wav(&folder.join("quiet.wav"), &silence(60));
    // The third event is nothing but silence.
    let truth = "file,start,end\nnight.wav,20,34\nnight.wav,64,74\nquiet.wav,30,35\n";
    let recordings = ["night.wav", "quiet.wav", "--collar", "1.5"];
    let found = as_json(&evaluate(folder, truth, &[&recordings[..], &["--format", "json"]].concat()));
    let model = &found["detector"]["model"];
    assert!(model["name"].as_str().unwrap().starts_with("wail-compact"), "{model}");
    assert_eq!((&model["settings"]["window_seconds"], &model["settings"]["hop_seconds"]), (&json!(3.0), &json!(0.5)));
    assert_eq!(found["files"], json!(["night.wav", "quiet.wav"]));
    let total = &found["scores"]["total"];
    let expected =
        json!({ "seconds": 150.0, "n_true": 3, "n_detected": 2, "n_matched": 2, "n_missed": 1, "n_false_alarms": 0 });
    assert_eq!(total, &expected, "{found}");
    assert_eq!(found["scores"]["recordings"][1]["n_detected"], 0);
    let value = |score: &str| found["scores"][score]["value"].as_f64().unwrap();
    assert_eq!((value("precision"), value("recall"), value("f1")), (1.0, 2.0 / 3.0, 0.8));
    assert_eq!((value("miss_rate"), value("false_alarms_per_hour")), (1.0 / 3.0, 0.0));
    let latency = value("median_latency_seconds");
    assert!(0.0 < latency && latency <= 5.0, "at the latest with the third window that is all cry: {latency}");
    assert!(found["scores"]["precision"]["interval"].is_null(), "two recordings");
    let curve = found["scores"]["error_tradeoff"].as_array().unwrap();
    assert_eq!(curve.last().unwrap()["miss_rate"], value("miss_rate"), "{curve:?}");
    assert!(curve.iter().all(|point| 0.0 < point["threshold"].as_f64().unwrap()), "{curve:?}");
}

/// Six recordings of half a minute, `0.wav` to `5.wav`, of which the first three have a cry.
fn six_recordings() -> (TempDir, &'static str) {
    let folder = TempDir::new().unwrap();
    for number in 0..6 {
        let noise = |i: usize| (i * i % 199) as i16;
        wav(&folder.path().join(format!("{number}.wav")), &(0..30 * RATE_HZ).map(noise).collect::<Vec<_>>());
    }
    (folder, "file,start,end,label\n0.wav,10,12,cry\n1.wav,10,12,cry\n2.wav,10,12,cry\n")
}

#[test]
fn the_detections_of_another_program_are_scored() {
    let (folder, truth) = six_recordings();
    let folder = folder.path();
    let detected = "file;start;end;score;confirmed\n0.wav;10,1;12;0,9;12,5\n1.wav;11;20;0,5;14\n5.wav;1;2;0,7;3\n";
    std::fs::write(folder.join("found.csv"), detected).unwrap();
    let arguments = ["--detected", "found.csv", "."];
    let found = as_json(&evaluate(folder, truth, &[&arguments[..], &["--format", "json"]].concat()));
    assert_eq!(found["detector"], json!({ "table": "found.csv" }));
    assert_eq!(found["collar"], json!({ "seconds": 0.2, "share_of_length": null }));
    let scores = &found["scores"];
    let expected =
        json!({ "seconds": 180.0, "n_true": 3, "n_detected": 3, "n_matched": 1, "n_missed": 1, "n_false_alarms": 1 });
    assert_eq!(scores["total"], expected);
    for (score, expected) in [
        ("precision", 1.0 / 3.0),
        ("miss_rate", 1.0 / 3.0),
        ("false_alarms_per_hour", 20.0),
        ("unmatched_per_hour", 40.0),
        ("median_latency_seconds", 3.25),
    ] {
        assert_eq!(scores[score]["value"], expected, "{score}");
        let interval = scores[score]["interval"].as_array().unwrap_or_else(|| panic!("{score}: {scores}"));
        assert!(interval[0].as_f64() <= Some(expected) && Some(expected) <= interval[1].as_f64(), "{score}: {scores}");
    }
    assert_eq!(
        scores["error_tradeoff"][1],
        json!({ "threshold": 0.7, "miss_rate": 2.0 / 3.0, "false_alarms_per_hour": 20.0 })
    );
    // With a collar of 1 s the second detection matches by its onset, but not by its end.
    let matched = |more: &[&str]| {
        let found = as_json(&evaluate(folder, truth, &[&arguments[..], &["--format", "json"], more].concat()));
        found["scores"]["total"]["n_matched"].as_u64()
    };
    assert_eq!(
        (matched(&["--collar", "1"]), matched(&["--collar", "1", "--share-of-length", "0.5"])),
        (Some(2), Some(1))
    );

    let table = stdout(&evaluate(folder, truth, &arguments));
    for line in [
        "all            180.0      3         3        1       1             1\n",
        "matched: onsets within 0.2 s\n  precision                 0.333  (95 % 0.000 to 1.000)\n",
        "  false alarms per hour    20.000  (95 % 0.000 to 60.000)\n",
        "    0.9000      0.667                  0.000\n    0.5000      0.333                 20.000\n",
    ] {
        assert!(table.contains(line), "{line}{table}");
    }
}

#[test]
fn only_rows_with_the_chosen_labels_are_cries() {
    let (folder, truth) = six_recordings();
    std::fs::write(folder.path().join("found.csv"), "file,start,end\n").unwrap();
    let truth = format!("{truth}3.wav,5,6,speech\n");
    let n_true = |more: &[&str]| {
        let output =
            evaluate(folder.path(), &truth, &[&["--detected", "found.csv", ".", "--format", "json"], more].concat());
        (as_json(&output)["scores"]["total"]["n_true"].clone(), stderr(&output).contains("\"cry\" (3), \"speech\" (1)"))
    };
    assert_eq!(n_true(&[]), (json!(4), true));
    assert_eq!(n_true(&["--only", "cry"]), (json!(3), false));
}

#[test]
fn wrong_use_and_bad_tables_have_their_exit_codes() {
    let (folder, truth) = six_recordings();
    let folder = folder.path();
    std::fs::write(folder.join("none.csv"), "file,start,end\n").unwrap();
    std::fs::write(folder.join("late.csv"), "file,start,end\n1.wav,30,31\n").unwrap();
    std::fs::write(folder.join("broken.wav"), "RIFF").unwrap();
    let torch = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/goldens/state_dict.pt");
    let three = ["0.wav", "1.wav", "2.wav"];
    for (more, code, expected) in [
        (
            &["--detected", "none.csv", "0.wav"][..],
            3,
            "truth.csv: it has events of recordings that are not given: 1.wav (line 3), 2.wav (line 4)",
        ),
        (
            &["--detected", "late.csv", "0.wav", "1.wav", "2.wav"],
            3,
            "late.csv: line 2: it starts at 30 s, but 1.wav is 30.0 s long",
        ),
        (&["--detected", "missing.csv", "0.wav", "1.wav", "2.wav"], 3, "missing.csv"),
        (&["--detected", "none.csv", "missing.wav", "."], 3, "missing.wav: there is no such file"),
        (&["--detected", "none.csv", "."], 3, "broken.wav"),
        (&["--detected", "none.csv", "0.wav", "./0.wav"], 2, "./0.wav: name each recording once"),
        (&["--detected", "none.csv", "--hop", "1", "."], 2, "cannot be used with"),
        (
            &["--detected", "none.csv", "--only", "Cry", "0.wav", "1.wav", "2.wav"],
            2,
            "no row has the label \"Cry\", only \"cry\" (3)",
        ),
        (&["--collar", "-1", "."], 2, "it must be 0 to 3600"),
        (&["--window", "9", "0.wav", "1.wav", "2.wav"], 2, "a window of 9 s"),
        (&["--model", torch, "--labels", "a,b,c", "0.wav", "1.wav", "2.wav"], 2, "has no gate"),
    ] {
        let output = evaluate(folder, truth, more);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{more:?}: {}", stderr(&output));
    }
    std::fs::create_dir(folder.join("tables")).unwrap();
    std::fs::rename(folder.join("none.csv"), folder.join("tables/none.csv")).unwrap();
    let elsewhere = ["--root", ".", "--detected", "tables/none.csv"];
    stdout(&evaluate(folder, truth, &[&elsewhere[..], &three].concat()));
}

#[test]
fn settings_that_were_fitted_and_the_scores_with_them_reach_report_and_card() {
    let folder = fresh_narrow("name = \"tiny\"\n[data]\nroots = []\nsynthetic_recordings = 40\n", 1);
    let folder = folder.path();
    stdout(&wail(folder, &["--config", "tiny.toml"]));
    let run = only_entry(&folder.join("experiments"));
    let run_name = run.to_str().unwrap();
    wav(&folder.join("night.wav"), &[silence(20), cry(folder, 14), silence(20)].concat());
    let truth = "file,start,end\nnight.wav,20,34\n";
    let with = |more: &[&str]| evaluate(folder, truth, &[&["night.wav", "--model", run_name], more].concat());

    assert!(markdown(&run).contains("False alarms per hour were not measured"), "{}", markdown(&run));
    let fitted = stdout(&with(&["--fit", "60"]));
    std::fs::write(folder.join("fitted.toml"), &fitted).unwrap();
    let settings: toml::Table = toml::from_str(&fitted).unwrap();
    let scores = as_json(&with(&["--episode-settings", "fitted.toml", "--keep", "--format", "json"]));
    let report = report(&run);
    assert_eq!(report["events"]["n_missed"], scores["scores"]["total"]["n_missed"]);
    assert_eq!(report["events"]["n_cries"], 1);
    assert_eq!(report["events"]["settings"]["confirm_of"].as_i64(), settings["confirm_of"].as_integer());
    assert!(markdown(&run).contains("In 1 long recording, 0.0 hours together (truth.csv): "), "{}", markdown(&run));

    let exported = |more: &[&str]| {
        stdout(&wail(folder, &[&["export", run_name, "--out", "mine"], more].concat()));
        std::fs::read_to_string(folder.join("mine/MODEL_CARD.md")).unwrap()
    };
    let other = "This model has other settings of episodes.";
    assert!(exported(&[]).contains(other));
    let card = exported(&["--episode-settings", "fitted.toml"]);
    assert!(card.contains(" 1 cries missed") && !card.contains(other), "{card}");
    let of_exported = as_json(&evaluate(folder, truth, &["night.wav", "--model", "mine", "--format", "json"]));
    assert_eq!(of_exported["detector"]["model"]["settings"], report["events"]["settings"]);
    assert_eq!(of_exported["scores"], scores["scores"]);

    std::fs::write(folder.join("wrong.toml"), "threshold = 0.5\n").unwrap();
    for (more, expected) in [
        (&["--model", "mine", "--keep"][..], "not in the folder of a finished run"),
        (&["--keep"], "--model"),
        (&["--model", "mine", "--fit", "1", "--keep"], "cannot be used with"),
        (&["--episode-settings", "wrong.toml"], "wrong.toml: unknown field `threshold`"),
    ] {
        let output = evaluate(folder, truth, &[&["night.wav"], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{more:?}: {}", stderr(&output));
    }
}

fn report(run: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(run.join("report.json")).unwrap()).unwrap()
}

fn markdown(run: &Path) -> String {
    std::fs::read_to_string(run.join("report.md")).unwrap()
}
