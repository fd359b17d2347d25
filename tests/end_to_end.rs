//! End-to-end tests of the real `wail` binary in fresh folders. They are in one file because each test binary links all of burn
//! and because they share a finished run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use crate::run_files::{contents, fresh, only_entry, stderr, stdout, wail};
use tempfile::TempDir;

/// Small enough for a test, but with every step.
const TINY: &str = r#"
name = "tiny"
[data]
roots = ["recordings"]
synthetic_recordings = 40
[features]
image_size = 64
[backbone]
weights = "random"
[train]
epochs = 3
augmented_views = 2
[sweep]
learning_rate = [1e-3, 1e-2]
inner = [16]
dropout = [0.5]
[gate]
sounds_per_kind = 2
"#;

/// Files of `folder` with this extension.
fn only_files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

/// A finished run that several tests read.
static RUN: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = fresh(TINY);
    let output = wail(folder.path(), &["--config", "tiny.toml"]);
    assert!(stdout(&output).contains("test       macro-F1"), "{}", stdout(&output));
    assert!(stderr(&output).contains("SYNTHETIC"), "{}", stderr(&output));
    folder
});

#[test]
fn a_run_writes_the_promised_files() {
    let run = only_entry(&RUN.path().join("experiments"));
    let names: Vec<String> = contents(&run)
        .iter()
        .map(|(path, _)| path.display().to_string())
        .filter(|p| !p.starts_with("trials") && !p.starts_with("mistakes"))
        .collect();
    assert_eq!(
        names,
        [
            "config.toml",
            "journal",
            "leaderboard.csv",
            "manifest.csv",
            "model.safetensors",
            "predictions.csv",
            "provenance.json",
            "report.html",
            "report.json",
            "report.md",
            "split/test.csv",
            "split/train.csv",
            "split/val.csv"
        ]
    );
    for file in ["config.toml", "epochs.csv", "checkpoint.safetensors", "predictions.csv"] {
        assert!(run.join("trials/lr0.01-inner16-dropout0.5").join(file).is_file(), "{file}");
    }
    let leaderboard = std::fs::read_to_string(run.join("leaderboard.csv")).unwrap();
    assert_eq!(leaderboard.lines().count(), 3);
    for trial in ["lr0.01-inner16-dropout0.5", "lr0.001-inner16-dropout0.5"] {
        let predictions = std::fs::read_to_string(run.join("trials").join(trial).join("predictions.csv")).unwrap();
        assert!(predictions.lines().skip(1).all(|line| line.starts_with("val,")), "no trial is scored on test");
    }
    let predictions = std::fs::read_to_string(run.join("predictions.csv")).unwrap();
    assert!(predictions.lines().any(|line| line.starts_with("test,")), "the best trial is");
    let html = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(html.contains("synthetic") && !html.contains("http://") && !html.contains("https://"));
    assert_eq!(html.matches("data:audio/wav").count(), only_files(&run.join("mistakes"), "wav").len());
}

#[test]
fn reruns_are_byte_identical_with_cold_and_warm_caches_and_differ_between_seeds() {
    let again = fresh(TINY);
    for _ in ["cold", "warm"] {
        stdout(&wail(again.path(), &["--config", "tiny.toml"]));
        assert!(contents(&RUN.path().join("experiments")) == contents(&again.path().join("experiments")));
    }
    stdout(&wail(again.path(), &["--config", "tiny.toml", "--seed", "7", "--out", "other"]));
    let read = |run: PathBuf| std::fs::read(run.join("trials/lr0.01-inner16-dropout0.5/epochs.csv")).unwrap();
    assert_ne!(read(only_entry(&again.path().join("experiments"))), read(only_entry(&again.path().join("other"))));
}

/// Needs a build with the wgpu backend and a GPU, such as the software GPU of Debian's mesa-vulkan-drivers.
#[test]
fn a_gpu_trains_and_answers_like_the_cpu() {
    let folder = fresh(TINY);
    let gpu = ["--device", "wgpu"];
    let output = wail(folder.path(), &[&["--config", "tiny.toml", "--set", "train.epochs=1"], &gpu[..]].concat());
    if output.status.code() == Some(2) {
        eprintln!("SKIPPED, training on wgpu: {}", stderr(&output));
        return;
    }
    assert!(stdout(&output).contains("test       macro-F1"), "{}", stdout(&output));
    assert!(stderr(&output).contains("burn on wgpu"), "{}", stderr(&output));
    let file = only_first(&RUN.path().join("data/synthetic/40/burping"));
    let answer = |device: &str| -> serde_json::Value {
        let arguments = ["infer", file.to_str().unwrap(), "--model", "newest", "--device", device, "--format", "json"];
        serde_json::from_str(&stdout(&wail(folder.path(), &arguments))).unwrap()
    };
    let (on_gpu, on_cpu) = (answer("wgpu"), answer("cpu"));
    assert_eq!(on_gpu["label"], on_cpu["label"]);
    for (label, probability) in on_cpu["all_probs"].as_object().unwrap() {
        let difference = on_gpu["all_probs"][label].as_f64().unwrap() - probability.as_f64().unwrap();
        assert!(difference.abs() < 1e-3, "{label}: {difference}");
    }
}

#[test]
fn only_the_configured_part_of_the_backbone_is_trained() {
    let frozen = std::fs::read(only_entry(&RUN.path().join("experiments")).join("model.safetensors")).unwrap();
    let frozen = safetensors::SafeTensors::deserialize(&frozen).unwrap();
    let file = only_first(&RUN.path().join("data/synthetic/40/burping"));
    for trained in ["layer4", "all"] {
        let folder = fresh(TINY);
        let train_it = |out: &str| {
            let set = format!("backbone.train={trained}");
            let fewer = ["--set", "train.epochs=2", "--set", "sweep.inner=[8]", "--set", "train.augmented_views=1"];
            stdout(&wail(
                folder.path(),
                &[&["--config", "tiny.toml", "--out", out, "--set", &set], &fewer[..]].concat(),
            ));
            only_entry(&folder.path().join(out))
        };
        let run = train_it("one");
        let model = std::fs::read(run.join("model.safetensors")).unwrap();
        let model = safetensors::SafeTensors::deserialize(&model).unwrap();
        for (name, tensor) in
            frozen.tensors().into_iter().filter(|(name, _)| name.starts_with("layer") || name.starts_with("conv1"))
        {
            let named = trained == "all" || name.starts_with("layer4.");
            assert_eq!(tensor.data() != model.tensor(&name).unwrap().data(), named, "{trained}: {name}");
        }
        assert!(contents(&run) == contents(&train_it("two")), "{trained}: the same seed gives the same bytes");

        // An exported trial gives the probabilities of its training.
        for id in ["lr0.01-inner8-dropout0.5", "lr0.001-inner8-dropout0.5"] {
            stdout(&wail(folder.path(), &["export", run.to_str().unwrap(), "--trial", id, "--out", id]));
            let mut rows = csv::Reader::from_path(run.join("trials").join(id).join("predictions.csv")).unwrap();
            let row = rows.records().map(Result::unwrap).find(|row| &row[0] == "val").unwrap();
            let file = file.ancestors().nth(2).unwrap().join(&row[3]);
            let arguments = ["infer", file.to_str().unwrap(), "--model", id, "--format", "json"];
            let answer: serde_json::Value = serde_json::from_str(&stdout(&wail(folder.path(), &arguments))).unwrap();
            let trained = calibrated(&row, &folder.path().join(id).join("model.safetensors"));
            for (class, probability) in answer["all_probs"].as_object().unwrap().values().enumerate() {
                let difference = probability.as_f64().unwrap() - trained[class];
                assert!(difference.abs() < 1e-4, "{id}, class {class}: {difference}");
            }
        }
    }
}

#[test]
fn rendering_a_report_again_gives_the_same_bytes_and_runs_are_compared() {
    let folder = fresh(TINY);
    for (seed, out) in [("42", "a"), ("7", "b")] {
        stdout(&wail(folder.path(), &["--config", "tiny.toml", "--seed", seed, "--out", out]));
    }
    let [a, b] = ["a", "b"].map(|out| only_entry(&folder.path().join(out)));
    let before = contents(&a);
    stdout(&wail(folder.path(), &["report", a.to_str().unwrap()]));
    assert!(contents(&a) == before);

    let pages = stdout(&wail(folder.path(), &["report", a.to_str().unwrap(), b.to_str().unwrap()]));
    assert_eq!(pages.lines().last(), a.join("comparison.html").to_str());
    let read = || std::fs::read_to_string(a.join("comparison.json")).unwrap();
    let comparison: serde_json::Value = serde_json::from_str(&read()).unwrap();
    let versus = &comparison["runs"][1]["versus_first"];
    // The seeds split differently; the scores are those of the recordings that both runs tested.
    let tested = |run: &Path| -> Vec<String> {
        let trial = run.join("predictions.csv");
        let mut rows = csv::Reader::from_path(trial).unwrap();
        let rows = rows.records().map(Result::unwrap).filter(|row| &row[0] == "test");
        rows.map(|row| row[3].to_owned()).collect()
    };
    let shared = tested(&a).iter().filter(|path| tested(&b).contains(path)).count();
    assert_eq!(versus["n_recordings"].as_u64().unwrap_or(0), shared as u64);
    assert_eq!(comparison["runs"][0]["versus_first"], serde_json::Value::Null);
    let same = stdout(&wail(folder.path(), &["report", a.to_str().unwrap(), a.to_str().unwrap()]));
    assert_eq!(same.lines().count(), 3);
    let comparison: serde_json::Value = serde_json::from_str(&read()).unwrap();
    assert_eq!(comparison["runs"][1]["versus_first"]["paired"]["p"], 1.0, "a run does not differ from itself");
}

#[test]
fn two_processes_may_fill_the_same_caches() {
    let folder = fresh(TINY);
    let runs = ["one", "two"].map(|out| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wail"));
        command.current_dir(folder.path()).args(["--config", "tiny.toml", "--out", out]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for run in runs {
        stdout(&run.wait_with_output().unwrap());
    }
    let expected = contents(&RUN.path().join("experiments"));
    for out in ["one", "two"] {
        assert!(contents(&folder.path().join(out)) == expected, "{out}");
    }
}

/// The probabilities of a row of `predictions.csv`, as the saved model gives them after calibration.
fn calibrated(row: &csv::StringRecord, model: &Path) -> Vec<f64> {
    let temperature = model_info(model)["calibration"]["temperature"].as_f64().unwrap();
    let powers: Vec<f64> = row.iter().skip(6).map(|p| p.parse::<f64>().unwrap().powf(1.0 / temperature)).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// What a safetensors file of a model says of itself.
fn model_info(model: &Path) -> serde_json::Value {
    let bytes = std::fs::read(model).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let mut wail: serde_json::Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["wail"]).unwrap();
    wail["info"].take()
}

#[test]
fn infer_answers_not_sure_on_request() {
    let folder = RUN.path();
    let ask = |arguments: &[&str]| {
        let files = ["infer", "data/synthetic/40/burping", "data/synthetic/40/hungry", "--model", "newest"];
        let all = [&files, arguments].concat();
        stdout(&wail(folder, &all))
    };
    let answers = |arguments: &[&str]| -> Vec<serde_json::Value> {
        serde_json::from_str(&ask(&[arguments, &["--format", "json"]].concat())).unwrap()
    };
    assert!(answers(&[]).iter().all(|answer| answer.get("abstains").is_none()));
    for answer in answers(&["--min-confidence", "0.5"]) {
        assert_eq!(answer["abstains"], answer["probability"].as_f64().unwrap() < 0.5, "{answer}");
    }
    let (narrow, wide) = (answers(&["--coverage", "0.8"]), answers(&["--coverage", "0.95"]));
    for (narrow, wide) in narrow.iter().zip(&wide) {
        let set = |answer: &serde_json::Value| answer["prediction_set"].as_array().unwrap().clone();
        assert_eq!(narrow["abstains"], set(narrow).len() != 1);
        assert!(set(narrow).iter().all(|label| set(wide).contains(label)), "{narrow} {wide}");
    }
    let unsure = |line: &str| line.contains("not sure") || line.contains("not a cry");
    assert!(ask(&["--min-confidence", "1"]).lines().all(unsure));
    let csv = ask(&["--coverage", "0.9", "--format", "csv"]);
    let header = csv.lines().next().unwrap();
    assert!(header.ends_with(",abstains,prediction_set,cry_score,not_a_cry,warnings,error"), "{header}");
    let output = wail(folder, &["infer", "data/synthetic/40/burping", "--model", "newest", "--coverage", "0.5"]);
    assert!(stderr(&output).contains("available coverages: 0.8, 0.9, 0.95"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn silence_is_not_a_cry_and_every_format_has_the_gate_unless_it_is_off() {
    let folder = fresh(TINY);
    let run = only_entry(&RUN.path().join("experiments"));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(run.join("report.json")).unwrap()).unwrap();
    let gate = &report["gate"];
    assert_eq!(gate["n_sounds"], 72, "two of each kind");
    let families = gate["detection"]["families"].as_array().unwrap();
    assert!(families.len() > 8 && families.iter().all(|family| family["roc_auc"].is_number()), "{gate}");
    let text = std::fs::read_to_string(run.join("report.md")).unwrap();
    assert!(text.contains("## Cry or not") && text.contains("| laughter | 4 |"), "{text}");

    stdout(&wail(folder.path(), &["synth", "--out", "sounds", "--not-a-cry", "1", "--seed", "3"]));
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(folder.path().join("silence.wav"), spec).unwrap();
    (0..40_000).for_each(|_| writer.write_sample(0_i16).unwrap());
    writer.finalize().unwrap();
    let model = run.to_str().unwrap();
    let infer = |more: &[&str]| stdout(&wail(folder.path(), &[&["infer", "--model", model], more].concat()));
    let answer: serde_json::Value = serde_json::from_str(&infer(&["silence.wav", "--format", "json"])).unwrap();
    assert_eq!((&answer["not_a_cry"], &answer["cry_score"]), (&true.into(), &0.0.into()), "{answer}");
    assert!(answer["label"].is_string(), "the class is still given: {answer}");
    assert!(infer(&["silence.wav"]).contains("not a cry (score 0.00)"));
    let csv = infer(&["silence.wav", "--format", "csv"]);
    let row = csv::Reader::from_reader(csv.as_bytes()).into_records().next().unwrap().unwrap();
    assert!(row.iter().rev().take(4).eq(["", "the recording is silent", "true", "0"]), "{row:?}");

    let answers = |folders: &[&str]| -> f64 {
        let answers = infer(&[folders, &["--format", "jsonl"]].concat());
        let answers: Vec<serde_json::Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        answers.iter().filter(|answer| answer["not_a_cry"] == true).count() as f64 / answers.len() as f64
    };
    let cries = RUN.path().join("data/synthetic/40");
    let (of_sounds, of_cries) = (answers(&["sounds"]), answers(&[cries.to_str().unwrap()]));
    assert!(of_sounds > 0.5 && of_cries < 0.3, "refused: {of_sounds} of the sounds, {of_cries} of the cries");

    let off = ["--config", "tiny.toml", "--set", "gate.enabled=false", "--set", "train.epochs=1"];
    stdout(&wail(folder.path(), &off));
    let answer = stdout(&wail(folder.path(), &["infer", "silence.wav", "--model", "newest", "--format", "json"]));
    assert!(!answer.contains("cry_score") && answer.contains("all_probs"), "{answer}");
}

#[test]
fn a_leaky_split_is_marked_and_duplicates_and_contradictions_are_dropped_on_request() {
    let folder = fresh(TINY);
    stdout(&wail(folder.path(), &["synth", "--out", "recordings", "--recordings", "40"]));
    let recordings = folder.path().join("recordings");
    let copy = |from: &str, to: &str| std::fs::copy(recordings.join(from), recordings.join(to)).unwrap();
    let first = only_first(&recordings.join("hungry"));
    let name = first.file_name().unwrap().to_str().unwrap();
    copy(&format!("hungry/{name}"), "hungry/copy.wav");
    copy(&format!("hungry/{name}"), "tired/contradiction.wav");

    // A CSV split: that of a first run with the copy moved to test.
    let run = |out: &str, more: &[&str]| {
        let all = [&["--config", "tiny.toml", "--set", "train.epochs=1", "--out", out], more].concat();
        let output = wail(folder.path(), &all);
        (stdout(&output), only_entry(&folder.path().join(out)))
    };
    let (text, clean) = run("clean", &[]);
    assert!(!text.contains("LEAKY"), "grouped splits keep copies together: {text}");
    let split = folder.path().join("split");
    std::fs::create_dir(&split).unwrap();
    let lines = |part: &str| std::fs::read_to_string(clean.join("split").join(part)).unwrap();
    let keep = |text: String| text.lines().filter(|l| !l.contains("copy.wav")).collect::<Vec<_>>().join("\n") + "\n";
    let home = ["train.csv", "val.csv", "test.csv"].into_iter().find(|part| lines(part).contains("copy.wav")).unwrap();
    let other = if home == "train.csv" { "test.csv" } else { "train.csv" };
    for part in ["train.csv", "val.csv", "test.csv"] {
        let extra = if part == other { "hungry,hungry/copy.wav,0\n" } else { "" };
        std::fs::write(split.join(part), keep(lines(part)) + extra).unwrap();
    }
    let csv = ["--set", "data.split.kind=csv", "--set", "data.split.dir=split"];
    let (text, leaky) = run("leaky", &csv);
    assert!(text.contains("LEAKY SPLIT") && text.contains("WARNING    The split is leaky"), "{text}");
    assert_eq!(column(&leaky.join("leaderboard.csv"), "leaky_split"), ["true"; 2]);
    assert_eq!(column(&clean.join("leaderboard.csv"), "leaky_split"), ["false"; 2]);
    assert!(std::fs::read_to_string(leaky.join("report.html")).unwrap().contains("leaky split"));

    let drop_both = ["--set", "data.drop_duplicates=true", "--set", "data.drop_contradictions=true"];
    let (text, mended) = run("mended", &[&csv[..], &drop_both[..]].concat());
    assert!(!text.contains("LEAKY"), "{text}");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(mended.join("report.json")).unwrap()).unwrap();
    let dropped: Vec<&str> =
        report["data"]["dropped"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert_eq!(dropped, [format!("hungry/{name}"), "hungry/copy.wav".into(), "tired/contradiction.wav".into()]);
}

#[test]
fn a_cross_validation_tests_each_recording_once_per_repeat_and_keeps_recorders_together() {
    let split = "[data.split]\nkind = \"cross_validation\"\nfolds = 3\nrepeats = 2\n[features]";
    let folder = fresh(&TINY.replace("[features]", split).replace("[1e-3, 1e-2]", "[1e-2]"));
    let output = wail(folder.path(), &["--config", "tiny.toml"]);
    assert!(stdout(&output).contains("test       macro-F1"), "{}", stdout(&output));
    let run = only_entry(&folder.path().join("experiments"));
    let read = |path: PathBuf| -> Vec<csv::StringRecord> {
        csv::Reader::from_path(path).unwrap().records().map(Result::unwrap).collect()
    };
    let predictions = read(run.join("predictions.csv"));
    let manifest = read(run.join("manifest.csv"));
    for repeat in ["1", "2"] {
        let of_repeat = predictions.iter().filter(|row| &row[0] == "test" && &row[1] == repeat);
        let mut tested: Vec<&str> = of_repeat.clone().map(|row| &row[3]).collect();
        tested.sort_unstable();
        assert_eq!(tested, manifest.iter().map(|row| &row[0]).collect::<Vec<_>>());
        for fold in ["1", "2", "3"] {
            let folder = run.join("folds").join(format!("{repeat}-{fold}"));
            assert_eq!(read(folder.join("leaderboard.csv")).len(), 1, "{repeat}-{fold}");
            let mut found: Vec<&str> = of_repeat.clone().filter(|row| &row[2] == fold).map(|row| &row[3]).collect();
            let test = read(folder.join("split/test.csv"));
            let mut expected: Vec<&str> = test.iter().map(|row| &row[1]).collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{repeat}-{fold}");
        }
    }
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(run.join("report.json")).unwrap()).unwrap();
    assert_eq!((&report["test"]["n_examples"], &report["data"]["repeats"]), (&80.into(), &2.into()));
    let tested: u64 = report["data"]["counts"][2].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(tested, 40);
    assert_eq!(report["folds"].as_array().unwrap().len(), 6);
    let markdown = std::fs::read_to_string(run.join("report.md")).unwrap();
    assert!(
        markdown.contains("- Test: 40 recordings in ") && markdown.contains(", each tested 2 times;"),
        "{markdown}"
    );
    let mistakes = report["mistakes"].as_array().unwrap();
    let mut paths: Vec<&str> = mistakes.iter().map(|mistake| mistake["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), mistakes.len(), "each recording once");

    // A run does not differ from itself.
    let both = [run.to_str().unwrap(); 2];
    stdout(&wail(folder.path(), &["report", both[0], both[1]]));
    let comparison = std::fs::read(run.join("comparison.json")).unwrap();
    let comparison: serde_json::Value = serde_json::from_slice(&comparison).unwrap();
    let versus = &comparison["runs"][1]["versus_first"];
    assert_eq!((&versus["n_recordings"], &versus["n_answers"]), (&40.into(), &80.into()));
    assert_eq!(versus["n_groups"], report["test"]["n_groups"]);
    assert_eq!((&versus["paired"]["p"], &versus["paired"]["difference"]["value"]), (&1.0.into(), &0.0.into()));
    assert_eq!(versus["paired"]["first"], report["test"]["scores"]["macro_f1"]["value"]);
    assert_eq!(report["data"]["leaks"]["recorders"], 0);
    let of_one_recorder = manifest.iter().zip(manifest.iter().skip(1)).any(|(a, b)| a[4] == b[4]);
    assert!(of_one_recorder, "some recorder has several recordings");
    let answers = stdout(&wail(folder.path(), &["infer", "data/synthetic/40/burping", "--model", "newest"]));
    assert!(answers.lines().count() > 1);
}

#[test]
fn infer_answers_in_four_formats_and_agrees_with_training() {
    let folder = RUN.path();
    let run = only_entry(&folder.join("experiments"));
    let mut predictions = csv::Reader::from_path(run.join("predictions.csv")).unwrap();
    let row = predictions.records().map(Result::unwrap).find(|row| &row[0] == "test").unwrap();
    let file = format!("data/synthetic/40/{}", &row[3]);

    let json: serde_json::Value =
        serde_json::from_str(&stdout(&wail(folder, &["infer", &file, "--model", "newest", "--format", "json"])))
            .unwrap();
    assert_eq!(json["label"], row[5]);
    assert_eq!(json["top_k"].as_array().unwrap().len(), 3);
    let all = json["all_probs"].as_object().unwrap();
    assert_eq!(all.len(), 8);
    for (probability, trained) in all.values().zip(calibrated(&row, &run.join("model.safetensors"))) {
        assert!((probability.as_f64().unwrap() - trained).abs() < 1e-5, "{probability} {trained}");
    }

    let both =
        ["infer", "data/synthetic/40/burping", "data/synthetic/40/tired", "--model", run.to_str().unwrap(), "--format"];
    let with = |format| stdout(&wail(folder, &[&both[..], &[format]].concat()));
    let n = with("table").lines().count();
    assert!(n >= 6);
    assert_eq!(with("csv").lines().count(), n + 1);
    assert!(
        with("jsonl").lines().all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["file"].is_string())
    );
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&with("json")).unwrap().len(), n);
}

#[test]
fn infer_explains_an_answer_on_request() {
    let folder = RUN.path();
    let file = only_first(&folder.join("data/synthetic/40/burping"));
    let infer = |more: &[&str]| wail(folder, &[&["infer", file.to_str().unwrap(), "--explain"], more].concat());
    let json: serde_json::Value = serde_json::from_str(&stdout(&infer(&["--format", "json"]))).unwrap();
    let explanation = &json["explanation"];
    let n_times = explanation["grid"]["time_edges_seconds"].as_array().unwrap().len() - 1;
    for name in ["log_odds_drop", "cry_score_drop"] {
        let bands = explanation[name].as_array().unwrap();
        assert!(bands.len() == 8 && bands.iter().all(|band| band.as_array().unwrap().len() == n_times), "{name}");
    }
    let table = stdout(&wail(folder, &["infer", "data/synthetic/40/hungry", "--model", "newest", "--explain"]));
    let (answers, reasons): (Vec<&str>, Vec<&str>) = table.lines().partition(|line| line.contains(".wav"));
    let n_cries = answers.iter().filter(|line| !line.contains("not a cry")).count();
    let is_reason = |line: &&str| line.contains("depends most on") || line.contains("no single part");
    assert_eq!((reasons.len(), reasons.iter().all(is_reason)), (n_cries, true), "{table}");
    assert!(n_cries > 0, "{table}");
    let refused = infer(&["--format", "csv"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn an_exported_model_answers_like_its_run() {
    let run = only_entry(&RUN.path().join("experiments"));
    let run = run.to_str().unwrap();
    let file = only_first(&RUN.path().join("data/synthetic/40/burping"));
    let folder = TempDir::new().unwrap();
    stdout(&wail(folder.path(), &["export", run, "--out", "models/tiny"]));
    let names: Vec<PathBuf> = contents(&folder.path().join("models/tiny")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["MODEL_CARD.md", "model.bpk", "model.onnx", "model.safetensors"].map(PathBuf::from));
    let card = std::fs::read_to_string(folder.path().join("models/tiny/MODEL_CARD.md")).unwrap();
    for text in [
        "---\nlicense",
        "# tiny",
        "synthetic",
        "grouped by recorder",
        "| test | 0.",
        "not a medical device",
        "It has a gate",
    ] {
        assert!(card.contains(text), "{text}: {card}");
    }
    let tested = |model: &str| {
        let info = model_info(&folder.path().join(model).join("model.safetensors"));
        info["provenance"].get("tested").cloned()
    };
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(Path::new(run).join("report.json")).unwrap()).unwrap();
    let scores = tested("models/tiny").unwrap();
    assert_eq!(scores["n_recordings"], report["test"]["n_examples"]);
    for (found, expected) in [
        (&scores["accuracy"]["value"], &report["test"]["scores"]["accuracy"]["value"]),
        (&scores["macro_f1"]["value"], &report["test"]["scores"]["macro_f1"]["value"]),
        (&scores["majority_accuracy"], &report["test"]["majority"]["accuracy"]),
        (&scores["majority_macro_f1"], &report["test"]["majority"]["macro_f1"]),
    ] {
        assert!((found.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-12, "{scores}");
    }
    assert_eq!(scores["warnings"], report["warnings"]);

    let answer = |model: &str, engine: &str| -> serde_json::Value {
        let arguments = ["infer", file.to_str().unwrap(), "--model", model, "--engine", engine, "--format", "json"];
        serde_json::from_str(&stdout(&wail(folder.path(), &arguments))).unwrap()
    };
    let expected = answer(run, "burn");
    for model in [run, "models/tiny", "models/tiny/model.onnx", "models/tiny/model.safetensors"] {
        for engine in ["simd", "burn", "rten"] {
            let found = answer(model, engine);
            assert_eq!(found["label"], expected["label"], "{model} {engine}");
            let score = |answer: &serde_json::Value| answer["cry_score"].as_f64().unwrap();
            assert!((score(&found) - score(&expected)).abs() < 1e-4, "{model} {engine}: {found}");
            for (label, probability) in expected["all_probs"].as_object().unwrap() {
                let difference = found["all_probs"][label].as_f64().unwrap() - probability.as_f64().unwrap();
                assert!(difference.abs() < 1e-5, "{model} {engine} {label}: {difference}");
            }
        }
    }

    let other = ["lr0.01-inner16-dropout0.5", "lr0.001-inner16-dropout0.5"];
    let other = other.into_iter().find(|id| *id != best_trial(Path::new(run))).unwrap();
    stdout(&wail(folder.path(), &["export", run, "--trial", other, "--out", "models/other"]));
    let card = std::fs::read_to_string(folder.path().join("models/other/MODEL_CARD.md")).unwrap();
    assert!(card.contains(other) && card.contains("never scored on test"), "{card}");
    assert_eq!(tested("models/other"), None);
    let output = wail(folder.path(), &["export", run, "--trial", "nothing", "--out", "models/none"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("leaderboard.csv"), "{}", stderr(&output));

    let path = folder.path().join("models/tiny/model.onnx");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let output = wail(folder.path(), &["infer", file.to_str().unwrap(), "--model", "models/tiny/model.onnx"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("the file is damaged"), "{}", stderr(&output));
}

#[test]
fn a_combination_of_two_networks_is_trained_exported_and_answers() {
    let folder = fresh(TINY);
    let config = ["--config", "tiny.toml", "--set", "sweep.learning_rate=[1e-2]", "--set", "features.clip_seconds=2"];
    let both = ["--set", "backbone.arch=resnet18-w8+yamnet", "--set", "backbone.yamnet_weights=random"];
    stdout(&wail(folder.path(), &[&config[..], &both].concat()));
    let run = only_entry(&folder.path().join("experiments"));
    stdout(&wail(folder.path(), &["export", run.to_str().unwrap(), "--out", "both"]));
    let file = only_first(&folder.path().join("data/synthetic/40/burping"));
    let answer = |model: &str, engine: &str| -> serde_json::Value {
        let arguments = ["infer", file.to_str().unwrap(), "--model", model, "--engine", engine, "--format", "json"];
        serde_json::from_str(&stdout(&wail(folder.path(), &arguments))).unwrap()
    };
    let expected = answer("newest", "burn");
    assert!(expected["cry_score"].is_number());
    for (model, engine) in [("newest", "simd"), ("both/model.onnx", "rten"), ("both/model.safetensors", "burn")] {
        let found = answer(model, engine);
        for (label, probability) in expected["all_probs"].as_object().unwrap() {
            let difference = found["all_probs"][label].as_f64().unwrap() - probability.as_f64().unwrap();
            assert!(difference.abs() < 1e-5, "{model} {engine} {label}: {difference}");
        }
    }
}

fn best_trial(run: &Path) -> String {
    column(&run.join("leaderboard.csv"), "trial").swap_remove(0)
}

/// The values of the column `name` in a table.
fn column(table: &Path, name: &str) -> Vec<String> {
    let mut table = csv::Reader::from_path(table).unwrap();
    let place = table.headers().unwrap().iter().position(|header| header == name).unwrap();
    table.records().map(|row| row.unwrap()[place].to_owned()).collect()
}

fn only_first(folder: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.swap_remove(0)
}

#[test]
fn unreadable_recordings_stop_the_run_unless_they_are_skipped() {
    let folder = fresh(TINY);
    stdout(&wail(folder.path(), &["synth", "--out", "recordings", "--recordings", "40"]));
    std::fs::write(folder.path().join("recordings/burping/broken.wav"), b"RIFF").unwrap();
    let output = wail(folder.path(), &["--config", "tiny.toml"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("burping/broken.wav"), "{}", stderr(&output));
    let output = wail(folder.path(), &["--config", "tiny.toml", "--set", "data.skip_unreadable=true"]);
    assert!(stderr(&output).contains("burping/broken.wav"));
    stdout(&output);
    let report = std::fs::read_to_string(only_entry(&folder.path().join("experiments")).join("report.json")).unwrap();
    assert!(report.contains("burping/broken.wav"));
}

#[test]
fn features_and_embed_write_float32_arrays() {
    let folder = fresh(TINY);
    let file = only_first(&RUN.path().join("data/synthetic/40/burping"));
    let file = file.to_str().unwrap();
    for (stage, shape) in [("waveform", "(1, 56000)"), ("mel", "(1, 128, 219)"), ("image", "(1, 224, 224)")] {
        stdout(&wail(folder.path(), &["features", file, "--out", "x.npy", "--stage", stage]));
        let header = std::fs::read(folder.path().join("x.npy")).unwrap();
        let header = String::from_utf8_lossy(&header[..128]).into_owned();
        assert!(header.contains(shape) && header.contains("<f4"), "{stage}: {header}");
    }
    for (stage, shape) in [("image", "(1, 224, 224)"), ("patches", "(1, 14, 96, 64)")] {
        let both = ["features", file, "--out", "x.npy", "--front-end", "image+yamnet", "--stage", stage];
        stdout(&wail(folder.path(), &both));
        let header = std::fs::read(folder.path().join("x.npy")).unwrap();
        assert!(String::from_utf8_lossy(&header[..128]).contains(shape), "{stage}");
    }
    let alone = ["features", file, "--out", "x.npy", "--front-end", "image", "--stage", "patches"];
    assert_eq!(wail(folder.path(), &alone).status.code(), Some(2));
    for (more, shape) in [
        (&[][..], "(1, 512)"),
        (&["--output", "frames"], "(1, 7, 512)"),
        (&["--output", "frames", "--arch", "yamnet"], "(1, 14, 1024)"),
    ] {
        let command = ["embed", file, "--out", "e.npy", "--weights", "random"];
        stdout(&wail(folder.path(), &[&command, more].concat()));
        let header = std::fs::read(folder.path().join("e.npy")).unwrap();
        assert!(String::from_utf8_lossy(&header[..128]).contains(shape), "{more:?}");
    }
    let several =
        ["embed", file, "--out", "e.npy", "--weights", "random", "--arch", "resnet18+yamnet", "--output", "frames"];
    assert_eq!(wail(folder.path(), &several).status.code(), Some(2));
    // The run's images are smaller than the default.
    let model = only_entry(&RUN.path().join("experiments")).join("model.safetensors");
    let embed = |more: &[&str]| {
        let command = ["embed", file, "--out", "e.npy", "--weights", model.to_str().unwrap()];
        stdout(&wail(folder.path(), &[&command, more].concat()));
        std::fs::read(folder.path().join("e.npy")).unwrap()
    };
    assert_ne!(embed(&[]), embed(&["--front-end", "image"]));
    for (model, shape) in [(model.to_str().unwrap(), "(1, 64, 64)"), ("wail-compact", "(1, 112, 112)")] {
        stdout(&wail(folder.path(), &["features", file, "--out", "x.npy", "--model", model]));
        let header = std::fs::read(folder.path().join("x.npy")).unwrap();
        assert!(String::from_utf8_lossy(&header[..128]).contains(shape), "{model}");
    }
    let both = ["features", file, "--out", "x.npy", "--model", "wail-compact", "--front-end", "image"];
    assert_eq!(wail(folder.path(), &both).status.code(), Some(2));
}

#[test]
fn wrong_use_gives_the_documented_exit_codes_and_a_hint() {
    let strict = format!("strict = true\n{TINY}");
    for (config, arguments, code, expected) in [
        (
            TINY,
            vec!["--config", "nowhere.toml"],
            2,
            "nowhere.toml: there is no such config here, in configs/ or built in",
        ),
        (TINY, vec!["--config", "tiny.toml", "--set", "train.epochs=0"], 2, "train.epochs: must be 1 to 10000"),
        (
            TINY,
            vec!["--config", "tiny.toml", "--set", "backbone.arch=resnet18+yamnet", "--set", "features.image_size=0"],
            2,
            "features.image_size: must be 32 to 1024",
        ),
        (TINY, vec!["--config", "tiny.toml", "--device", "cuda"], 2, "--features cuda"),
        ("nmae = 1", vec!["--config", "tiny.toml"], 2, "line 1, column 1"),
        (&strict, vec!["--config", "tiny.toml"], 3, "none of these folders exists: recordings"),
        (TINY, vec!["--config", "tiny.toml", "--set", "backbone.weights=nothing"], 4, "wail weights list"),
        (TINY, vec!["infer", "missing.wav", "--model", "m"], 3, "missing.wav: there is no such file"),
        (TINY, vec!["infer", "tiny.toml", "--model", "newest"], 4, "there is no trained model"),
        (TINY, vec!["infer", "tiny.toml", "--model", "tiny.toml"], 4, "tiny.toml"),
        (TINY, vec!["report", "nowhere"], 3, "name the folder of a finished run"),
        (TINY, vec!["weights", "verify", "resnet18"], 4, "1 weight file is missing or damaged; to fetch: "),
        (TINY, vec!["weights", "verify", "nothing"], 2, "nothing: no such weights; known are resnet18, "),
        (TINY, vec!["weights", "fetch", "nothing"], 2, "nothing: no such weights; known are resnet18, "),
    ] {
        let folder = fresh(config);
        let output = wail(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn unavailable_weights_are_replaced_with_a_warning_or_refused() {
    // A proxy on a closed port simulates a missing network.
    let unreachable = |folder: &Path, arguments: &[&str]| {
        let proxy = "http://127.0.0.1:9";
        let mut command = Command::new(env!("CARGO_BIN_EXE_wail"));
        command
            .current_dir(folder)
            .args(["--config", "tiny.toml", "--set", "backbone.weights=resnet18"])
            .args(arguments);
        command.env("ALL_PROXY", proxy).env("HTTPS_PROXY", proxy).env_remove("NO_PROXY").output().unwrap()
    };
    let folder = fresh(TINY);
    let output = unreachable(folder.path(), &["--set", "backbone.when_missing=fail"]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    stdout(&wail(folder.path(), &["synth", "--out", "recordings", "--recordings", "40"]));
    let output = unreachable(folder.path(), &["--set", "strict=true"]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let output = unreachable(folder.path(), &["--set", "backbone.when_missing=random"]);
    assert!(stderr(&output).contains("the backbone is RANDOM"), "{}", stderr(&output));
    assert!(stdout(&output).contains("WARNING    The backbone is random"), "{}", stdout(&output));

    let folder = fresh(TINY);
    stdout(&wail(folder.path(), &["synth", "--out", "recordings", "--recordings", "40"]));
    let output = unreachable(folder.path(), &[]);
    assert!(stderr(&output).contains("the backbone is COMPACT, the wail-compact"), "{}", stderr(&output));
    assert!(stdout(&output).contains("WARNING    The backbone is the compact one"), "{}", stdout(&output));
    let run = only_entry(&folder.path().join("experiments"));
    let provenance = std::fs::read_to_string(run.join("provenance.json")).unwrap();
    let provenance: serde_json::Value = serde_json::from_str(&provenance).unwrap();
    let backbone = &provenance["backbone"];
    assert!(backbone["arch"].as_str().unwrap().starts_with("resnet18-w"), "{backbone:#}");
    assert_eq!(backbone["stand_in"], true);
    assert!(backbone["heard"]["recordings"].as_array().unwrap().len() > 200, "{backbone:#}");
    let file = only_first(&folder.path().join("recordings/tired"));
    stdout(&wail(folder.path(), &["infer", file.to_str().unwrap(), "--model", "newest"]));
}

#[test]
fn the_built_in_model_answers_without_any_training() {
    let folder = TempDir::new().unwrap();
    stdout(&wail(folder.path(), &["synth", "--out", "corpus", "--recordings", "40"]));
    let output = wail(folder.path(), &["infer", "corpus/tired", "--format", "jsonl"]);
    assert!(stderr(&output).contains("model      wail-compact, which comes with the program"), "{}", stderr(&output));
    for line in stdout(&output).lines() {
        let answer: serde_json::Value = serde_json::from_str(line).unwrap();
        let classes = answer["all_probs"].as_object().unwrap();
        let labels: Vec<&str> = classes.keys().map(String::as_str).collect();
        assert_eq!(labels, ["belly_pain", "burping", "cold_hot", "discomfort", "hungry", "lonely", "scared", "tired"]);
        let sum: f64 = classes.values().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{answer}");
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/wail-compact");
    let bytes: u64 = contents(&kept).iter().map(|(_, bytes)| bytes.len() as u64).sum();
    assert!(bytes < 4 << 20, "{bytes} bytes");
    let arguments = ["infer", "corpus/tired", "--format", "jsonl", "--model", kept.to_str().unwrap()];
    assert_eq!(stdout(&wail(folder.path(), &arguments)), stdout(&output), "it is the one in the repository");
}

#[test]
fn an_audit_reports_its_findings_and_fails_on_the_requested_kinds() {
    let folder = TempDir::new().unwrap();
    stdout(&wail(folder.path(), &["synth", "--out", "corpus", "--recordings", "40"]));
    let class = folder.path().join("corpus/tired");
    let first = std::fs::read_dir(&class).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(&first, class.join("twin.wav")).unwrap();
    let output = wail(folder.path(), &["audit", "corpus", "--fail-on", "leak,silent"]);
    let text = stdout(&output);
    assert!(text.contains("warning: exact-duplicates\n  2 files with the same bytes in 1 set"), "{text}");
    assert!(text.ends_with("audit/audit.html\n"), "{text}");
    let json = std::fs::read_to_string(folder.path().join("audit/audit.json")).unwrap();
    assert!(json.starts_with("{\n  \"format_version\": 1,"), "{json:.60}");
    assert!(folder.path().join("audit/audit.html").is_file());

    let failing = wail(folder.path(), &["audit", "corpus", "--fail-on", "exact-duplicates", "--out", "again"]);
    assert_eq!(failing.status.code(), Some(3), "{}", stderr(&failing));
    assert!(stderr(&failing).contains("found: exact-duplicates"), "{}", stderr(&failing));
    assert_eq!(contents(&folder.path().join("audit")), contents(&folder.path().join("again")));

    for (arguments, code, expected) in [
        (vec!["audit", "nowhere"], 3, "nowhere"),
        (vec!["audit", "corpus", "--fail-on", "everything"], 2, "possible values"),
        (vec!["audit", "corpus", "--recorder-pattern", "no group"], 2, "needs a group"),
        (vec!["audit", "corpus", "--recorder-pattern", "nobody(.)"], 2, "matches no part of the path of any of the 41"),
        (vec!["audit", "corpus", "--split", "nowhere"], 3, "train.csv"),
    ] {
        let output = wail(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn the_help_names_every_command() {
    let help = stdout(&wail(Path::new("."), &["--help"]));
    for command in [
        "infer", "evaluate", "pretrain", "plan", "prepare", "merge", "submit", "report", "export", "track", "push",
        "pull", "promote", "audit", "table", "features", "embed", "weights", "synth", "--config", "--seed", "--device",
        "--engine", "--set", "--shard",
    ] {
        assert!(help.contains(command), "{command}");
    }
}

#[test]
fn unknown_recorders_are_warned_of_and_stand_beside_every_score() {
    let folder = fresh(TINY);
    stdout(&wail(folder.path(), &["synth", "--out", "recordings", "--recordings", "40"]));
    // 40 recordings of 8 classes; the names of all but those of "tired" lose what names the recorder.
    let (mut n_unknown, mut table) = (0, "path,recorder\n".to_owned());
    for class in std::fs::read_dir(folder.path().join("recordings")).unwrap() {
        let class = class.unwrap().path();
        if !class.is_dir() {
            continue;
        }
        let name = class.file_name().unwrap().to_str().unwrap();
        for (number, file) in only_files(&class, "wav").iter().enumerate() {
            if name != "tired" {
                std::fs::rename(file, class.join(format!("baby{number}_{name}.wav"))).unwrap();
                table += &format!("{name}/baby{number}_{name}.wav,baby{number}\n");
                n_unknown += 1;
            }
        }
    }
    let run = |out: &str, more: &[&str]| {
        let fast = ["--set", "train.epochs=1", "--set", "sweep.learning_rate=[1e-2]", "--set", "gate.enabled=false"];
        wail(folder.path(), &[&["--config", "tiny.toml", "--out", out], &fast[..], more].concat())
    };
    let output = run("unknown", &[]);
    let caution = format!("recorders unknown for {n_unknown} of 40 recordings; the interval treats each as its own");
    let warning = format!("The recorder of {n_unknown} of 40 recordings is unknown");
    assert!(stderr(&output).contains(&warning), "{}", stderr(&output));
    let text = stdout(&output);
    assert_eq!(text.matches(&caution).count(), 2, "beside validation and test: {text}");
    assert!(text.contains(&format!("WARNING    {warning}")), "{text}");
    let unknown = only_entry(&folder.path().join("unknown"));
    for (file, expected) in [("report.md", 2), ("report.html", 4)] {
        let text = std::fs::read_to_string(unknown.join(file)).unwrap();
        assert!(text.matches(&caution).count() >= expected, "{file}: {text}");
        let first_section = text.split("Scores</h2>").next().unwrap().split("## Scores").next().unwrap();
        assert!(first_section.contains(&warning), "{file}: {first_section}");
        assert!(
            text.contains(&format!("grouped by recorder (known for {} of 40 recordings)", 40 - n_unknown)),
            "{file}"
        );
    }
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(unknown.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["data"]["recorders"], serde_json::json!({ "unknown": n_unknown, "of": 40 }));
    let leaderboard = unknown.join("leaderboard.csv");
    assert_eq!(column(&leaderboard, "unknown_recorders"), [n_unknown.to_string()]);
    assert_eq!(column(&leaderboard, "recordings"), ["40"]);
    stdout(&wail(folder.path(), &["export", unknown.to_str().unwrap(), "--out", "model"]));
    let card = std::fs::read_to_string(folder.path().join("model/MODEL_CARD.md")).unwrap();
    assert!(card.contains(&warning) && card.contains(&caution), "{card}");

    // With a table for most recordings the groups of the table are those of the manifest.
    std::fs::write(folder.path().join("recorders.csv"), &table).unwrap();
    let known = run("known", &["--set", "data.recorder_csv=recorders.csv"]);
    let expected = format!("recorders unknown for {} of 40 recordings", 40 - n_unknown);
    assert!(stdout(&known).contains(&expected), "{}", stdout(&known));
    let mut manifest = csv::Reader::from_path(only_entry(&folder.path().join("known")).join("manifest.csv")).unwrap();
    let manifest: Vec<csv::StringRecord> = manifest.records().map(Result::unwrap).collect();
    for a in &manifest {
        assert_eq!(a[4].is_empty(), a[1] == *"tired", "{a:?}");
        assert!(manifest.iter().all(|b| a[4].is_empty() || a[4] != b[4] || a[5] == b[5]), "{a:?}");
    }

    let short: String = table.lines().take(2).collect::<Vec<_>>().join("\n");
    std::fs::write(folder.path().join("one.csv"), short).unwrap();
    for (set, expected) in [
        ("data.recorder_pattern=^nobody(.)", "matches no part of the path of any of the 40 recordings"),
        ("data.recorder_csv=one.csv", "one.csv: it names the recorder of 1 of 40 recordings, fewer than half"),
        ("data.recorder_pattern=(", "data.recorder_pattern: recorder pattern \"(\""),
        ("data.split={kind='grouped', folds=3}", "unknown field `folds`"),
    ] {
        let output = run("refused", &["--set", set]);
        assert_eq!(output.status.code(), Some(2), "{set}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{set}: {}", stderr(&output));
    }
    let folds = ["--set", "data.split={kind='cross_validation', folds=20}", "--set", "data.recorder_pattern=^([a-z])"];
    let output = run("refused", &folds);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let n_groups = "20 folds need at least as many groups of recordings (recorders, joined where they share copies), but there are 7";
    assert!(stderr(&output).contains(n_groups), "{}", stderr(&output));
}

/// The address of a registry in `folder`.
fn registry(folder: &Path) -> String {
    format!("file://{}/models/cry", folder.display())
}

#[test]
fn a_published_model_answers_as_the_run_does_and_is_pulled_whole() {
    let folder = tempfile::tempdir().unwrap();
    let run = only_entry(&RUN.path().join("experiments"));
    let run = run.to_str().unwrap();
    let registry = registry(folder.path());
    let pushed = stdout(&wail(folder.path(), &["push", run, &registry, "--alias", "production"]));
    let lines: Vec<&str> = pushed.lines().collect();
    let production = format!("{registry}/production");
    assert_eq!(lines.len(), 2, "{pushed}");
    assert!(lines[0].starts_with(&format!("{registry}/")) && lines[1] == production, "{pushed}");
    assert_eq!(stdout(&wail(folder.path(), &["push", run, &registry])), format!("{}\n", lines[0]), "the same version");

    let cries = RUN.path().join("data/synthetic/40/tired");
    let answers = |model: &str| {
        let arguments = ["infer", cries.to_str().unwrap(), "--model", model, "--format", "jsonl"];
        stdout(&wail(folder.path(), &arguments))
    };
    assert_eq!(answers(&production), answers(run));
    assert_eq!(answers(lines[0]), answers(run));

    assert_eq!(stdout(&wail(folder.path(), &["pull", &production, "--output", "pulled"])), "pulled\n");
    let names: Vec<String> =
        contents(&folder.path().join("pulled")).iter().map(|(path, _)| path.display().to_string()).collect();
    let expected = ["MODEL_CARD.md", "model.bpk", "model.onnx", "model.safetensors", "report.json", "trained_on.csv"];
    assert_eq!(names, expected);
    assert_eq!(answers("pulled"), answers(run));
    std::fs::write(folder.path().join("pulled/other.onnx"), "").unwrap();
    for (arguments, code, expected) in [
        (vec!["pull", &production, "--output", "pulled"], 2, "it holds other.onnx"),
        (vec!["pull", "models/cry"], 2, "not the address of a store"),
        (vec!["pull", &registry.replace("/cry", "")], 4, "there is no alias models"),
        (vec!["push", run, "models/cry"], 2, "not the address of a store"),
        (vec!["push", "Cargo.toml", &registry], 4, "there is no such file or folder"),
        (vec!["infer", cries.to_str().unwrap(), "--model", "ftp://host/a/production"], 2, "not a known kind of store"),
    ] {
        let output = wail(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_candidate_takes_over_only_if_it_is_better_and_does_not_know_the_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let run = only_entry(&RUN.path().join("experiments"));
    let run = run.to_str().unwrap();
    let production = format!("{}/production", registry(folder.path()));
    stdout(&wail(folder.path(), &["push", run, &registry(folder.path()), "--alias", "production"]));
    stdout(&wail(folder.path(), &["synth", "--out", "others", "--recordings", "80", "--seed", "9"]));
    let own = RUN.path().join("data/synthetic/40");
    let promote = |data: &str, more: &[&str]| {
        wail(folder.path(), &[&["promote", run, "--over", &production, "--data", data], more].concat())
    };
    let leaking = promote(own.to_str().unwrap(), &[]);
    assert_eq!(leaking.status.code(), Some(1));
    assert!(stderr(&leaking).contains("the candidate was trained on"), "{}", stderr(&leaking));
    // A model is not better than itself, and not worse by any negative margin.
    let same = promote("others", &[]);
    assert_eq!(same.status.code(), Some(1), "{}", stderr(&same));
    assert!(stderr(&same).contains("begins at +0.0000, which is not above 0"), "{}", stderr(&same));
    let allowed = promote("others", &["--margin", "-0.01"]);
    let text = stdout(&allowed);
    for expected in ["difference +0.0000 (95 % +0.0000 to +0.0000", "trained on 0 of the recordings", "promoted"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // Its own test recordings are what neither model was trained on.
    let unseen = promote(own.to_str().unwrap(), &["--only-unseen", "--margin", "-0.01", "--dry-run"]);
    assert!(format!("{}{}", String::from_utf8_lossy(&unseen.stdout), stderr(&unseen)).contains("known ones left out"));
    let missing = wail(
        folder.path(),
        &["promote", run, "--over", &production.replace("production", "staging"), "--data", "others"],
    );
    assert_eq!(missing.status.code(), Some(4), "{}", stderr(&missing));
}

/// `scripts/checks/tracking.py` reads such files with TensorBoard, and does the same with an MLflow server.
#[test]
fn a_run_is_sent_to_tensorboard_afterwards_with_every_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let run = only_entry(&RUN.path().join("experiments"));
    let arguments = ["track", run.to_str().unwrap(), "--track", "tensorboard:events"];
    for _ in 0..2 {
        stdout(&wail(folder.path(), &arguments));
    }
    let events = folder.path().join("events").join(run.file_name().unwrap());
    // Length, its CRC, data, its CRC; the first record says which version the file has.
    let n_records = |trial: &str| {
        let bytes = std::fs::read(events.join(trial).join("events.out.tfevents.wail")).unwrap();
        let (mut at, mut n_records) = (0, 0);
        while at < bytes.len() {
            at += 16 + u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
            n_records += 1;
        }
        assert_eq!(at, bytes.len());
        n_records
    };
    let counts = ["lr0.001-inner16-dropout0.5", "lr0.01-inner16-dropout0.5", ""].map(n_records);
    assert_eq!(counts, [1 + 3, 1 + 3, 1 + 1], "three epochs of each trial, and the scores of the run");
    let shard = ["--config", "sweep.toml", "--shard", "1/2", "--track", "tensorboard"];
    for (arguments, expected) in [
        (&["track", run.to_str().unwrap()][..], "name a sink"),
        (&["track", "nowhere", "--track", "tensorboard"], "name the folder of a run"),
        (&["track", ".", "--track", "wandb"], "give tensorboard"),
        (&shard, "--track is for whole runs"),
    ] {
        let output = wail(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
}
