//! CSV tables of a run: predictions and leaderboard.

use dataset::Corpus;
use metrics::argmax;

use crate::{Error, RunFolder, Scored, TrialSummary};

/// Writes the uncalibrated class probabilities of each named split, one row per recording.
///
/// # Errors
/// [`Error::Write`].
pub fn write_predictions(
    run: &RunFolder,
    name: &str,
    corpus: &Corpus,
    splits: &[(&str, &Scored)],
) -> Result<(), Error> {
    let mut header: Vec<String> = ["split", "path", "label", "predicted"].map(String::from).into();
    header.extend(corpus.labels.iter().map(|label| format!("p_{label}")));
    let rows = splits.iter().flat_map(|(split, scored)| {
        scored.recordings.iter().zip(&scored.probabilities).map(move |(recording, p)| {
            let recording = &corpus.recordings[*recording];
            let label = |class: usize| corpus.labels[class].clone();
            let mut row = vec![(*split).to_owned(), recording.path.clone(), label(recording.label), label(argmax(p))];
            row.extend(p.iter().map(f32::to_string));
            row
        })
    });
    run.write_csv(name, &header, rows)
}

/// Writes `leaderboard.csv`, best trial first; `leaky` marks the scores of a leaky split.
///
/// # Errors
/// [`Error::Write`].
pub fn write_leaderboard(run: &RunFolder, leaderboard: &[TrialSummary], leaky: bool) -> Result<(), Error> {
    let header =
        ["rank", "trial", "learning_rate", "inner", "dropout", "epoch", "val_macro_f1", "val_loss", "leaky_split"]
            .map(String::from);
    let rows = leaderboard.iter().enumerate().map(|(i, t)| {
        [
            (i + 1).to_string(),
            t.id.clone(),
            t.config.learning_rate.to_string(),
            t.config.head.inner.to_string(),
            t.config.head.dropout.to_string(),
            t.epoch.to_string(),
            t.val_macro_f1.to_string(),
            t.val_loss.to_string(),
            leaky.to_string(),
        ]
    });
    run.write_csv("leaderboard.csv", &header, rows)
}
