//! CSV tables of a run: the recordings, predictions and the leaderboard.

use dataset::Corpus;
use metrics::argmax;

use crate::{Error, Recorders, RunFolder, Scored, TestedFold, TrialSummary, axis_names};

/// Writes `manifest.csv`, one row per recording. `recorders` and `groups` are `[n recordings]`: the recorder, if it is known,
/// and the group; recordings of one group are not independent. [`Corpus::columns`] follow.
///
/// # Errors
/// [`Error::Write`].
pub fn write_manifest(
    run: &RunFolder,
    corpus: &Corpus,
    recorders: &[Option<&str>],
    groups: &[usize],
) -> Result<(), Error> {
    let mut header = ["path", "label", "bytes", "sha256", "recorder", "group"].map(String::from).to_vec();
    let columns = corpus.columns();
    header.extend(columns.iter().map(|name| (*name).to_owned()));
    let rows = corpus.recordings.iter().zip(recorders).zip(groups).map(|((recording, recorder), group)| {
        let mut row = vec![
            recording.path.clone(),
            corpus.labels[recording.label].clone(),
            recording.bytes.to_string(),
            recording.sha256.clone(),
            recorder.unwrap_or_default().into(),
            group.to_string(),
        ];
        row.extend(columns.iter().map(|name| recording.column(name).unwrap_or_default().to_owned()));
        row
    });
    run.write_csv("manifest.csv", &header, rows)
}

/// Writes uncalibrated class probabilities as the table `name`: one row for each recording of validation, and one for each
/// recording of the test of each fold. Validation has neither repeat nor fold.
///
/// # Errors
/// [`Error::Write`].
pub fn write_predictions(
    run: &RunFolder,
    name: &str,
    corpus: &Corpus,
    val: &Scored,
    test: &[TestedFold],
) -> Result<(), Error> {
    let mut header: Vec<String> = ["split", "repeat", "fold", "path", "label", "predicted"].map(String::from).into();
    header.extend(corpus.labels.iter().map(|label| format!("p_{label}")));
    let label = |class: usize| corpus.labels[class].clone();
    let rows = |split: &'static str, repeat: String, fold: String, scored: &Scored| -> Vec<Vec<String>> {
        let row = |(index, p): (&usize, &Vec<f32>)| {
            let recording = &corpus.recordings[*index];
            let place = [split.to_owned(), repeat.clone(), fold.clone(), recording.path.clone()];
            let classes = [label(recording.label), label(argmax(p))];
            place.into_iter().chain(classes).chain(p.iter().map(f32::to_string)).collect()
        };
        scored.recordings.iter().zip(&scored.probabilities).map(row).collect()
    };
    let of_val = rows("val", String::new(), String::new(), val);
    let of_test = test.iter().flat_map(|t| rows("test", t.repeat.to_string(), t.fold.clone(), &t.scored));
    run.write_csv(name, &header, of_val.into_iter().chain(of_test))
}

/// Writes `leaderboard.csv`, best trial first, with a column for each axis; it is empty for a trial that has not the axis, and then
/// the run's value. `leaky` marks the scores of a leaky split, `recorders` those of a run whose recorders are not all known.
///
/// # Errors
/// [`Error::Write`].
pub fn write_leaderboard(
    run: &RunFolder,
    leaderboard: &[TrialSummary],
    leaky: bool,
    recorders: Recorders,
) -> Result<(), Error> {
    let scores = ["epoch", "val_macro_f1", "val_loss", "leaky_split", "unknown_recorders", "recordings"];
    let axes = axis_names(leaderboard.iter().map(|trial| &trial.config));
    let has_inner = leaderboard.iter().any(|trial| trial.inner_macro_f1.is_some());
    let inner = has_inner.then_some("inner_macro_f1");
    let names = ["rank", "trial"].into_iter().chain(axes.iter().map(String::as_str)).chain(inner).chain(scores);
    let header: Vec<String> = names.map(String::from).collect();
    let rows = leaderboard.iter().enumerate().map(|(i, t)| {
        let place = [(i + 1).to_string(), t.id.clone()];
        let values = axes.iter().map(|axis| t.config.axis(axis).map_or_else(String::new, |value| value.to_string()));
        let scores = [
            t.epoch.to_string(),
            t.val_macro_f1.to_string(),
            t.val_loss.to_string(),
            leaky.to_string(),
            recorders.unknown.to_string(),
            recorders.of.to_string(),
        ];
        let inner = has_inner.then(|| t.inner_macro_f1.map_or_else(String::new, |score| score.to_string()));
        place.into_iter().chain(values).chain(inner).chain(scores).collect::<Vec<_>>()
    });
    run.write_csv("leaderboard.csv", &header, rows)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use dataset::Recording;
    use model::HeadConfig;

    use super::*;
    use crate::TrialConfig;

    fn run_and_corpus() -> (tempfile::TempDir, RunFolder, Corpus) {
        let parent = tempfile::tempdir().unwrap();
        let run = RunFolder { path: parent.path().to_owned(), name: "run".into() };
        let recording = |path: &str, label| Recording {
            path: path.into(),
            label,
            sha256: "ab".repeat(32),
            bytes: 7,
            ..Recording::default()
        };
        let corpus = Corpus {
            root: "r".into(),
            labels: ["hungry", "tired"].map(String::from).to_vec(),
            recordings: vec![recording("hungry/new\nline, \"a\".wav", 0), recording("tired/b.wav", 1)],
            ..Corpus::default()
        };
        (parent, run, corpus)
    }

    fn rows(run: &RunFolder, name: &str) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(run.path.join(name)).unwrap();
        reader.records().map(|row| row.unwrap().iter().map(String::from).collect()).collect()
    }

    #[test]
    fn the_manifest_names_the_recorder_of_the_rule_and_the_group() {
        let (_parent, run, corpus) = run_and_corpus();
        write_manifest(&run, &corpus, &[None, Some("anna")], &[0, 3]).unwrap();
        let sha256 = "ab".repeat(32);
        assert_eq!(
            rows(&run, "manifest.csv"),
            [
                ["path", "label", "bytes", "sha256", "recorder", "group"],
                ["hungry/new\nline, \"a\".wav", "hungry", "7", &sha256, "", "0"],
                ["tired/b.wav", "tired", "7", &sha256, "anna", "3"],
            ]
        );
    }

    #[test]
    fn the_manifest_has_a_column_for_what_else_is_known() {
        let (_parent, run, mut corpus) = run_and_corpus();
        corpus.recordings[0].corpus = "clinic".into();
        corpus.recordings[1].columns = [("age", "3"), ("recorder", "anna")].map(|(n, v)| (n.into(), v.into())).into();
        write_manifest(&run, &corpus, &[None, Some("anna")], &[0, 3]).unwrap();
        let ends: Vec<Vec<String>> = rows(&run, "manifest.csv").into_iter().map(|row| row[4..].to_vec()).collect();
        assert_eq!(ends, [["recorder", "group", "corpus", "age"], ["", "0", "clinic", ""], ["anna", "3", "", "3"]]);
    }

    #[test]
    fn the_leaderboard_marks_a_leaky_split_and_unknown_recorders() {
        let (_parent, run, _) = run_and_corpus();
        let config = TrialConfig::new(Some(0.01), HeadConfig::mlp(16, 0.5));
        let trial =
            TrialSummary { id: config.id(), config, epoch: 3, val_macro_f1: 0.5, val_loss: 1.25, inner_macro_f1: None };
        let id = trial.id.clone();
        for (leaky, unknown) in [(true, 0), (false, 3)] {
            write_leaderboard(&run, std::slice::from_ref(&trial), leaky, Recorders { unknown, of: 20 }).unwrap();
            let (leaky, unknown) = (leaky.to_string(), unknown.to_string());
            assert_eq!(
                rows(&run, "leaderboard.csv"),
                [
                    [
                        "rank",
                        "trial",
                        "learning_rate",
                        "inner",
                        "dropout",
                        "epoch",
                        "val_macro_f1",
                        "val_loss",
                        "leaky_split",
                        "unknown_recorders",
                        "recordings"
                    ],
                    ["1", &id, "0.01", "16", "0.5", "3", "0.5", "1.25", &leaky, &unknown, "20"],
                ]
            );
        }
    }

    #[test]
    fn predictions_name_repeat_and_fold() {
        let (_parent, run, corpus) = run_and_corpus();
        let scored = |index, p: [f32; 2]| Scored { recordings: vec![index], probabilities: vec![p.to_vec()] };
        let fold = |repeat, fold: &str, scored| TestedFold { repeat, fold: fold.into(), scored };
        let test = [fold(1, "2", scored(1, [0.25, 0.75])), fold(2, "1", scored(1, [0.5, 0.5]))];
        write_predictions(&run, "predictions.csv", &corpus, &scored(0, [1.0, 0.0]), &test).unwrap();
        assert_eq!(
            rows(&run, "predictions.csv"),
            [
                ["split", "repeat", "fold", "path", "label", "predicted", "p_hungry", "p_tired"],
                ["val", "", "", "hungry/new\nline, \"a\".wav", "hungry", "hungry", "1", "0"],
                ["test", "1", "2", "tired/b.wav", "tired", "tired", "0.25", "0.75"],
                ["test", "2", "1", "tired/b.wav", "tired", "hungry", "0.5", "0.5"],
            ]
        );
    }
}
