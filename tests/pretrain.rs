//! `wail pretrain`, with the real binary in fresh folders.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::run_files::{self, assert_same, contents, fresh, only_entry, signal, started, stderr, stdout};

/// Small enough for a test, but with every step.
const TINY: &str = r#"
name = "tiny"
arch = "resnet18-w8"
synthetic_recordings = 0
[data]
roots = []
synthetic_recordings = 40
[features]
image_size = 32
[objective]
kind = "contrastive"
projector = 16
[train]
epochs = 40
batch_size = 8
"#;

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = run_files::command(folder, arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn pretrain(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, &[&["pretrain", "--config", "tiny.toml", "--device", "cpu"], arguments].concat()).output().unwrap()
}

fn finish(output: &Output) -> String {
    stdout(output).trim().to_owned()
}

#[test]
fn a_seed_decides_every_byte_and_an_interrupted_pretraining_resumes_to_the_same_bytes() {
    let undisturbed = fresh(TINY);
    let path = finish(&pretrain(undisturbed.path(), &[]));
    assert!(path.ends_with("backbone.safetensors") && undisturbed.path().join(&path).is_file(), "{path}");
    let expected = contents(&undisturbed.path().join("experiments"));
    let run = only_entry(&undisturbed.path().join("experiments"));
    let epochs = std::fs::read_to_string(run.join("epochs.csv")).unwrap();
    let losses: Vec<f64> =
        epochs.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(losses.len(), 40);
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert!(mean(&losses[35..]) < mean(&losses[..5]), "it learns: {losses:?}");

    let stopped = fresh(TINY);
    let arguments = ["pretrain", "--config", "tiny.toml", "--device", "cpu"];
    let mut child = started(&mut command(stopped.path(), &arguments), "epoch    3");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(75));
    assert!(!only_entry(&stopped.path().join("experiments")).join("backbone.safetensors").is_file());
    let resumed = pretrain(stopped.path(), &[]);
    finish(&resumed);
    assert!(!stderr(&resumed).contains("epoch    3 "), "it does not start again: {}", stderr(&resumed));
    assert_same(&contents(&stopped.path().join("experiments")), &expected, "after a stop");

    let again = pretrain(undisturbed.path(), &[]);
    assert_eq!(finish(&again), path);
    assert!(stderr(&again).contains("nothing is left to do"), "{}", stderr(&again));
    assert_same(&contents(&undisturbed.path().join("experiments")), &expected, "after a rerun");
}

#[test]
fn objectives_and_seeds_give_different_backbones_and_invalid_configs_are_refused() {
    let folder = fresh(TINY);
    let short = ["--set", "train.epochs=1"];
    let mut backbones = Vec::new();
    let supervised = ["--set", "objective={kind=\"supervised\"}"];
    let sounds = ["--set", "sounds_per_kind=1"];
    let decoys = [&sounds[..], &["--set", "decoys=true"]].concat();
    let kinds = [&decoys[..], &["--set", "objective.kinds=25.0"]].concat();
    for more in [&[][..], &["--seed", "43"], &supervised, &sounds, &decoys, &kinds] {
        let path = finish(&pretrain(folder.path(), &[&short, more].concat()));
        backbones.push(std::fs::read(folder.path().join(path)).unwrap());
    }
    let distinct: HashSet<&Vec<u8>> = backbones.iter().collect();
    assert_eq!(distinct.len(), backbones.len());
    for (sets, code, expected) in [
        (&["train.batch_size=64"][..], 3, "recordings to train on, fewer than a batch"),
        (&["objective.projector=1"], 2, "objective.projector: must be 8 to 4096"),
        (&["objective.kinds=25.0"], 2, "objective.kinds: needs sounds_per_kind or decoys"),
        (&["sounds_per_kind=1001"], 2, "sounds_per_kind: must be at most 1000"),
        (&["augment.probability=2.0"], 2, "augment.probability: must be 0 to 1"),
        // Each step multiplies the weights by 1 - rate * decay = -9.
        (&["train.learning_rate=10.0", "train.weight_decay=1.0"], 1, "the loss is not finite"),
    ] {
        let arguments: Vec<&str> = sets.iter().flat_map(|set| ["--set", *set]).collect();
        let output = pretrain(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{sets:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{sets:?}: {}", stderr(&output));
    }
}

/// Pretraining and sweep use the same synthetic corpus; with the same seed, they also split it in the same way.
#[test]
fn a_sweep_is_marked_leaky_if_it_tests_on_recordings_of_the_pretraining() {
    let folder = fresh(TINY);
    let backbone = finish(&pretrain(folder.path(), &["--set", "train.epochs=1", "--set", "sounds_per_kind=1"]));
    let sweep = format!(
        "name = \"sweep\"\n[data]\nroots = []\nsynthetic_recordings = 40\n[features]\nimage_size = 32\n[backbone]\n\
         arch = \"resnet18-w8\"\nweights = \"{backbone}\"\n[train]\nepochs = 2\naugmented_views = 1\n[sweep]\n\
         learning_rate = [1e-2]\ninner = [8]\ndropout = [0.5]\n"
    );
    std::fs::write(folder.path().join("sweep.toml"), sweep).unwrap();
    let run = |seed: &str, out: &str| {
        let arguments = ["--config", "sweep.toml", "--device", "cpu", "--seed", seed, "--out", out];
        let text = finish(&command(folder.path(), &arguments).output().unwrap());
        let report = std::fs::read(only_entry(&folder.path().join(out)).join("report.json")).unwrap();
        (text, serde_json::from_slice::<serde_json::Value>(&report).unwrap())
    };
    let (text, report) = run("42", "same-split");
    assert!(!text.contains("LEAKY"), "{text}");
    assert_eq!(report["data"]["leaks"]["pretraining"], 0);
    assert_eq!(
        report["gate"]["known_to_backbone"], true,
        "the backbone was pretrained on the gate's families of sounds"
    );
    assert!(report["backbone"]["used"].as_str().unwrap().contains("pretrained to recognise two views"), "{report:#}");
    let (text, report) = run("43", "other-split");
    assert!(text.contains("LEAKY SPLIT") && text.contains("the backbone was pretrained on"), "{text}");
    let leaks = &report["data"]["leaks"];
    let n_leaked = leaks["pretraining"].as_u64().unwrap();
    assert!(n_leaked > 0 && n_leaked <= leaks["held_out"].as_u64().unwrap(), "{leaks}");
    assert_eq!(leaks["recorders"], 0, "this split keeps recorders apart");
}

/// The teacher is a YAMNet with a sixteenth of the width and random weights.
#[test]
fn a_teacher_embeds_each_sound_once_and_its_embeddings_are_cached() {
    let folder = fresh(TINY);
    let teacher = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/goldens/yamnet.tflite");
    let distil = |teacher: &str, more: &[&str]| {
        let objective = format!("objective={{kind=\"distil\",teacher=\"{teacher}\"}}");
        let arguments = ["--set", "train.epochs=2", "--set", "sounds_per_kind=1", "--set", &objective];
        pretrain(folder.path(), &[&arguments, more].concat())
    };
    let output = distil("none.tflite", &[]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(stderr(&output).contains("none.tflite"), "{}", stderr(&output));
    let output = distil(teacher, &[]);
    let path = folder.path().join(finish(&output));
    let backbone = std::fs::read(&path).unwrap();
    assert!(stderr(&output).contains("60 recordings and sounds"), "{}", stderr(&output));
    let (weights, info) = model::load_backbone(&path, model::Arch::RESNET18_W8).unwrap();
    let direction = info.unwrap().cry_direction.expect("it learns whether a sound is a cry");
    assert_eq!(direction.len(), weights.n_outputs());
    let kept = contents(&folder.path().join("data/cache/embeddings"));
    assert!(!kept.is_empty());
    let again = std::fs::read(folder.path().join(finish(&distil(teacher, &["--out", "again"])))).unwrap();
    assert_eq!(backbone, again);
    assert_same(&contents(&folder.path().join("data/cache/embeddings")), &kept, "from the cache");

    let others = distil(teacher, &["--set", "other_sounds=[\"data/synthetic/40\"]"]);
    assert!(stderr(&others).contains("100 recordings and sounds"), "{}", stderr(&others));
    assert_ne!(folder.path().join(finish(&others)), path, "other sounds make another backbone");
}
