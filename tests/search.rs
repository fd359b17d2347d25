//! Searches over any key of the configuration, and trials that are drawn at random.

use std::path::{Path, PathBuf};

use crate::run_files::{
    NARROW_BACKBONE, THREE_FOLDS, assert_same, contents, fresh, fresh_narrow, only_entry, stderr, stdout, wail,
};

/// A plain split of a small synthetic corpus.
const PLAIN: &str = "name = \"tiny\"\n[data]\nroots = []\nsynthetic_recordings = 40\n";

fn run(folder: &Path, out: &str, arguments: &[&str]) -> String {
    stdout(&wail(folder, &[&["--config", "tiny.toml", "--device", "cpu", "--out", out], arguments].concat()))
}

fn run_in(folder: &Path, out: &str) -> PathBuf {
    only_entry(&folder.join(out))
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The rows of `leaderboard.csv`, with the header.
fn leaderboard(run: &Path) -> Vec<Vec<String>> {
    let text = read(run.join("leaderboard.csv"));
    text.lines().map(|line| line.split(',').map(String::from).collect()).collect()
}

/// `--set` for each of `keys`.
fn set<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    keys.iter().flat_map(|key| ["--set", key]).collect()
}

/// A search in rounds over learning rates.
fn in_rounds<'a>(strategy: &'a str, trials: &'a str) -> Vec<&'a str> {
    set(&[strategy, trials, "sweep.learning_rate={ min = 1e-4, max = 1e-1, log = true }", "gate.enabled=false"])
}

#[test]
fn random_trials_have_the_same_bytes_in_shards_and_in_steps() {
    let folder = fresh_narrow(PLAIN, 2);
    let folder = folder.path();
    let search = |trials: &'static str| {
        set(&[
            "sweep.strategy=random",
            trials,
            "sweep.learning_rate={ min = 1e-4, max = 1e-2, log = true }",
            "sweep.inner={ min = 4, max = 16 }",
            "sweep.train.weight_decay={ min = 1e-5, max = 1e-1, log = true }",
            "sweep.train.schedule=[\"plateau\", \"cosine\"]",
            "sweep.seed=[1, 2]",
        ])
    };
    let six = search("sweep.trials=6");
    run(folder, "alone", &six);
    let expected = contents(&folder.join("alone"));
    let rows = leaderboard(&run_in(folder, "alone"));
    assert_eq!(rows.len(), 7);
    assert_eq!(
        rows[0][..8],
        ["rank", "trial", "learning_rate", "inner", "dropout", "seed", "train.schedule", "train.weight_decay"]
    );
    assert!(rows[1][1].contains("-seed=") && rows[1][1].contains("-train.weight_decay="), "{}", rows[1][1]);
    let html = read(run_in(folder, "alone").join("report.html"));
    assert!(html.contains("the best over ") && html.contains("<th scope=\"col\">train.weight_decay</th>"));

    for shard in ["2/3", "1/3", "3/3"] {
        run(folder, "merged", &[&six[..], &["--shard", shard]].concat());
    }
    stdout(&wail(folder, &["merge", run_in(folder, "merged").to_str().unwrap(), "--device", "cpu"]));
    assert_same(&contents(&folder.join("merged")), &expected, "merged from 3 shards");

    run(folder, "grown", &search("sweep.trials=2"));
    assert_eq!(leaderboard(&run_in(folder, "grown")).len(), 3);
    run(folder, "grown", &six);
    assert_same(&contents(&folder.join("grown")), &expected, "a search that grew");
}

/// A folder with a logistic regression on a narrow encoder.
fn fresh_logistic() -> tempfile::TempDir {
    let folder = fresh(&format!(
        "{PLAIN}[features]\nimage_size = 32\n[backbone]\nweights = \"backbone.onnx\"\n[train]\naugmented_views = 1\n\
         [head]\nkind = \"logistic\"\n[sweep]\nc = [0.1]\n[gate]\nsounds_per_kind = 2\n"
    ));
    std::fs::copy(NARROW_BACKBONE, folder.path().join("backbone.onnx")).unwrap();
    folder
}

#[test]
fn a_swept_front_end_has_embeddings_of_its_own_and_the_model_has_that_of_the_best_trial() {
    let folder = fresh_logistic();
    let folder = folder.path();
    run(folder, "both", &set(&["sweep.features.clip_seconds=[1.0, 3.0]"]));
    let both = run_in(folder, "both");
    let rows = leaderboard(&both);
    assert_eq!((rows[0][3].as_str(), rows.len()), ("features.clip_seconds", 3));
    // A logistic regression draws nothing at random, so each trial equals that of a run with its value.
    for clip in ["1", "3"] {
        run(folder, clip, &set(&[&format!("features.clip_seconds={clip}")]));
        let alone = run_in(folder, clip);
        let predictions = |run: &Path, trial: &str| read(run.join("trials").join(trial).join("predictions.csv"));
        let trial = format!("logistic-c0.1-features.clip_seconds={clip}");
        assert_eq!(predictions(&both, &trial), predictions(&alone, "logistic-c0.1"), "{clip} s");
    }
    let best = run_in(folder, &rows[1][3]);
    assert_eq!(read(both.join("predictions.csv")), read(best.join("predictions.csv")), "also on test");
    assert_ne!(read(run_in(folder, "1").join("predictions.csv")), read(run_in(folder, "3").join("predictions.csv")));
    let recording = only_entry(&folder.join("data/synthetic")).join("tired");
    let recording = recording.read_dir().unwrap().next().unwrap().unwrap().path();
    let answer = |run: &Path| {
        let model = run.join("model.safetensors");
        let arguments = ["infer", recording.to_str().unwrap(), "--model", model.to_str().unwrap(), "--format", "json"];
        stdout(&wail(folder, &arguments))
    };
    assert_eq!(answer(&both), answer(&best), "the model has the front end of the best trial, for its gate as well");

    for shard in ["2/2", "1/2"] {
        run(folder, "merged", &[&set(&["sweep.features.clip_seconds=[1.0, 3.0]"])[..], &["--shard", shard]].concat());
    }
    stdout(&wail(folder, &["merge", run_in(folder, "merged").to_str().unwrap(), "--device", "cpu"]));
    assert_same(&contents(&folder.join("merged")), &contents(&folder.join("both")), "merged from 2 shards");
}

#[test]
fn values_that_do_not_go_together_are_refused_before_anything_is_trained() {
    let folder = fresh_narrow(PLAIN, 2);
    let keys = ["sweep.train.schedule=[\"cosine\"]", "sweep.train.plateau_patience=[3]"];
    let arguments = [&["--config", "tiny.toml", "--device", "cpu"], &set(&keys)[..]].concat();
    let output = wail(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    let error = stderr(&output);
    assert!(error.contains("a trial with train.plateau_patience = 3, train.schedule = cosine: "), "{error}");
    assert!(!folder.path().join("experiments").exists());
}

#[test]
fn inner_folds_choose_the_trial_by_all_recordings_of_training_and_validation() {
    let folder = fresh_logistic();
    let folder = folder.path();
    let search = set(&["sweep.inner_folds=3", "sweep.c=[1e-4, 0.1, 10.0]"]);
    run(folder, "inner", &search);
    let inner = run_in(folder, "inner");
    let rows = leaderboard(&inner);
    assert_eq!(rows[0][..4], ["rank", "trial", "c", "inner_macro_f1"]);
    let scores: Vec<f64> = rows[1..].iter().map(|row| row[3].parse().unwrap()).collect();
    assert!(scores.is_sorted_by(|one, other| one >= other), "{scores:?}");
    let header = read(inner.join("predictions.csv")).lines().next().unwrap().to_owned();
    let labels: Vec<&str> = header.split(',').filter_map(|column| column.strip_prefix("p_")).collect();
    let class = |name: &str| labels.iter().position(|label| *label == name).unwrap();
    for (row, score) in rows[1..].iter().zip(&scores) {
        let mut held_out = Vec::new();
        let mut answers = Vec::new();
        for fold in ["1", "2", "3"] {
            let trial = inner.join("inner").join(fold).join("trials").join(&row[1]);
            assert!(!trial.join("checkpoint.safetensors").exists(), "inner folds keep no checkpoints");
            for line in read(trial.join("predictions.csv")).lines().skip(1) {
                let cells: Vec<&str> = line.split(',').collect();
                held_out.push(cells[3].to_owned());
                answers.push((class(cells[4]), class(cells[5])));
            }
        }
        assert_eq!(metrics::ConfusionMatrix::new(labels.len(), answers).macro_f1(), *score, "{}", row[1]);
        let places = ["train", "val"].map(|split| read(inner.join(format!("split/{split}.csv"))));
        let n: usize = places.iter().map(|split| split.lines().count() - 1).sum();
        held_out.sort();
        held_out.dedup();
        assert_eq!(held_out.len(), n, "each recording of training and validation is held out once");
    }
    let markdown = read(inner.join("report.md"));
    assert!(markdown.contains("over the inner folds of training and validation, which chose the trial"), "{markdown}");
    for shard in ["2/2", "1/2"] {
        run(folder, "merged", &[&search[..], &["--shard", shard]].concat());
    }
    stdout(&wail(folder, &["merge", run_in(folder, "merged").to_str().unwrap(), "--device", "cpu"]));
    assert_same(&contents(&folder.join("merged")), &contents(&folder.join("inner")), "merged from 2 shards");

    run(folder, "plain", &set(&["sweep.c=[1e-4, 0.1, 10.0]"]));
    let plain = run_in(folder, "plain");
    assert_ne!(plain.file_name(), inner.file_name(), "inner folds are part of the identity");
    assert_eq!(leaderboard(&plain)[0][3], "epoch");

    let many =
        wail(folder, &[&["--config", "tiny.toml", "--device", "cpu"], &set(&["sweep.inner_folds=21"])[..]].concat());
    assert!(stderr(&many).contains("sweep.inner_folds: must be 2 to 20, or left out"));
}

#[test]
fn halving_gives_the_best_trials_more_epochs_and_its_shards_take_whole_searches() {
    let folder = fresh_narrow(THREE_FOLDS, 9);
    let folder = folder.path();
    let search = in_rounds("sweep.strategy=halving", "sweep.trials=9");
    run(folder, "alone", &search);
    let alone = run_in(folder, "alone");
    for search in ["", "folds/1-1", "folds/1-2", "folds/1-3"] {
        let rows = leaderboard(&alone.join(search));
        assert_eq!(rows[0][5], "train.epochs");
        let with = |epochs: &str| -> Vec<&Vec<String>> { rows[1..].iter().filter(|row| row[5] == epochs).collect() };
        let (first, second, last) = (with("1"), with("3"), with(""));
        assert_eq!((first.len(), second.len(), last.len()), (9, 3, 1), "{search}");
        let rates = |rows: &[&Vec<String>]| rows.iter().map(|row| row[2].clone()).collect::<Vec<_>>();
        let mut best = rates(&first[..3]);
        let mut next = rates(&second);
        best.sort();
        next.sort();
        assert_eq!(best, next, "the best third of the first round");
        assert_eq!(last[0][2], second[0][2], "the best of the second");
    }
    assert_rounds_survive_shards_and_a_restart(folder, &search);
}

#[test]
fn tpe_plans_trials_from_results_and_its_shards_take_whole_searches() {
    let folder = fresh_narrow(THREE_FOLDS, 9);
    let folder = folder.path();
    let search = in_rounds("sweep.strategy=tpe", "sweep.trials=12");
    run(folder, "alone", &search);
    let alone = run_in(folder, "alone");
    let rates = |search: &str| {
        let mut rates: Vec<String> = leaderboard(&alone.join(search))[1..].iter().map(|row| row[2].clone()).collect();
        rates.sort();
        rates
    };
    let shared = rates("").into_iter().filter(|rate| rates("folds/1-1").contains(rate)).count();
    assert_eq!((rates("").len(), rates("folds/1-1").len()), (12, 12));
    assert!((10..12).contains(&shared), "the ten random trials are those of every fold: {shared}");
    assert_rounds_survive_shards_and_a_restart(folder, &search);

    let fewer = in_rounds("sweep.strategy=tpe", "sweep.trials=10");
    run(folder, "grown", &fewer);
    run(folder, "grown", &search);
    assert_same(&contents(&folder.join("grown")), &contents(&folder.join("alone")), "grown from 10 trials");
    let again = |arguments: &[&str]| {
        wail(folder, &[&["--config", "tiny.toml", "--device", "cpu", "--out", "grown"], arguments].concat())
    };
    let shorter = stderr(&again(&fewer));
    assert!(
        shorter.contains("nothing is left to do; its report covers all of its 12 trials, not only the 10"),
        "{shorter}"
    );
    let other = again(&["--set", "gate.enabled=false"]);
    assert_eq!(other.status.code(), Some(2), "{}", stderr(&other));
    assert!(stderr(&other).contains("another search would lose them"), "{}", stderr(&other));
    assert_same(&contents(&folder.join("grown")), &contents(&folder.join("alone")), "unchanged");
}

/// Shards of a search in rounds, and a restart, give the bytes of the run in `alone`; a merge waits for rounds.
fn assert_rounds_survive_shards_and_a_restart(folder: &Path, search: &[&str]) {
    let expected = contents(&folder.join("alone"));
    let sharded = |out: &str, shard: &str| run(folder, out, &[search, &["--shard", shard]].concat());
    sharded("merged", "2/2");
    let merge = || wail(folder, &["merge", run_in(folder, "merged").to_str().unwrap(), "--device", "cpu"]);
    let early = merge();
    assert_eq!(early.status.code(), Some(75), "{}", stderr(&early));
    sharded("merged", "1/2");
    // Without its last record, a shard has all trials of a search that may have rounds left.
    let journal = run_in(folder, "merged").join("shards/1-of-2/journal");
    let bytes = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &bytes[..bytes.len() - 1]).unwrap();
    let open = merge();
    assert_eq!(open.status.code(), Some(75), "{}", stderr(&open));
    assert!(stderr(&open).contains("shard 1 of 2 has rounds left"), "{}", stderr(&open));
    sharded("merged", "1/2");
    stdout(&merge());
    assert_same(&contents(&folder.join("merged")), &expected, "merged from 2 shards");
    std::fs::remove_file(run_in(folder, "alone").join("report.json")).unwrap();
    run(folder, "alone", search);
    assert_same(&contents(&folder.join("alone")), &expected, "resumed");
}

#[test]
fn the_example_config_draws_from_ranges_and_stops_early() {
    let folder = fresh_narrow(PLAIN, 1);
    let small = set(&[
        "data.roots=[]",
        "data.synthetic_recordings=40",
        "backbone.weights=backbone.onnx",
        "features.image_size=32",
        "gate.enabled=false",
        "sweep.trials=3",
        "train.patience=2",
    ]);
    stdout(&wail(
        folder.path(),
        &[&["--config", "random.toml", "--device", "cpu", "--out", "out"], &small[..]].concat(),
    ));
    let run = run_in(folder.path(), "out");
    let rows = leaderboard(&run);
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0][5..7], ["train.label_smoothing", "train.weight_decay"]);
    let n_epochs = |row: &Vec<String>| read(run.join("trials").join(&row[1]).join("epochs.csv")).lines().count() - 1;
    assert!(rows[1..].iter().any(|row| n_epochs(row) < 40), "a trial stopped early");
}
