//! What a run folder holds of its trials: checkpoints, curves, predictions, the leaderboard.

use std::path::PathBuf;

use burn::tensor::Device;
use dataset::Corpus;
use metrics::{Calibration, argmax};
use model::{BackboneWeights, CheckpointInfo, Head};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Error;
use crate::report::TrialSummary;
use crate::run_folder::{CHECKPOINT_FILE, RunFolder};
use crate::search::Scored;
use crate::tail::{Start, Tail};
use crate::trial::{Epoch, TrialConfig};

/// A trained trial, but for its checkpoint, which is in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// Every epoch.
    pub epochs: Vec<Epoch>,
    /// Index of the chosen epoch.
    pub best: usize,
    /// What the chosen epoch says of validation.
    pub val: Scored,
    /// What that teaches about its probabilities.
    pub calibration: Calibration,
}

/// A trained trial with its settings.
pub(crate) struct Trial {
    pub config: TrialConfig,
    pub result: TrialResult,
}

impl Trial {
    pub fn chosen(&self) -> &Epoch {
        &self.result.epochs[self.result.best]
    }

    /// By their chosen epochs; equals stay in the grid's order.
    pub fn rank(&self, other: &Self) -> std::cmp::Ordering {
        self.chosen().rank(other.chosen())
    }

    pub fn summary(&self) -> TrialSummary {
        let Epoch { epoch, val_macro_f1, val_loss, .. } = *self.chosen();
        TrialSummary { id: self.config.id(), config: self.config.clone(), epoch, val_macro_f1, val_loss }
    }

    /// Writes the trial's folder; `tail` is of the chosen epoch, its head for plain embeddings.
    pub fn write(&self, run: &RunFolder, corpus: &Corpus, start: &Start, tail: &Tail) -> Result<(), Error> {
        let id = self.config.id();
        let text = toml::to_string(&self.config).map_err(|e| Error::Failed(format!("trial {id}: {e}")))?;
        run.write(&format!("trials/{id}/config.toml"), text.as_bytes())?;
        let header = ["epoch", "learning_rate", "train_loss", "val_loss", "val_macro_f1"].map(String::from);
        let rows = self.result.epochs.iter().map(|e| {
            [
                e.epoch.to_string(),
                e.learning_rate.to_string(),
                e.train_loss.to_string(),
                e.val_loss.to_string(),
                e.val_macro_f1.to_string(),
            ]
        });
        run.write_csv(&format!("trials/{id}/epochs.csv"), &header, rows)?;
        let info = CheckpointInfo {
            head: self.config.head.clone(),
            trained: start.backbone.train,
            calibration: json!(self.result.calibration),
        };
        let weights = match &tail.backbone {
            Some(backbone) => &start.weights.with_trained(backbone).map_err(failed)?,
            None => start.weights,
        };
        model::save_checkpoint(&checkpoint_path(run, &id), &info, weights, &tail.head).map_err(failed)?;
        write_predictions(run, &format!("trials/{id}/predictions.csv"), corpus, &[("val", &self.result.val)])
    }
}

/// The weights and the head that a trial's folder holds.
pub(crate) fn read_checkpoint(
    run: &RunFolder,
    id: &str,
    start: &Start,
    device: &Device,
) -> Result<(BackboneWeights, Head), Error> {
    let (_, weights, head) =
        model::load_checkpoint(&checkpoint_path(run, id), start.weights.clone(), device).map_err(failed)?;
    Ok((weights, head))
}

/// Where a trial's checkpoint is.
pub(crate) fn checkpoint_path(run: &RunFolder, id: &str) -> PathBuf {
    run.path.join("trials").join(id).join(CHECKPOINT_FILE)
}

fn failed(error: model::Error) -> Error {
    Error::Failed(error.to_string())
}

/// Writes the probabilities of each part, as the model gives them, beside the recordings.
pub(crate) fn write_predictions(
    run: &RunFolder,
    name: &str,
    corpus: &Corpus,
    parts: &[(&str, &Scored)],
) -> Result<(), Error> {
    let mut header: Vec<String> = ["split", "path", "label", "predicted"].map(String::from).into();
    header.extend(corpus.labels.iter().map(|label| format!("p_{label}")));
    let rows = parts.iter().flat_map(|(split, scored)| {
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

/// Writes `leaderboard.csv`, best first; `leaky` is the mark of its scores.
pub(crate) fn write_leaderboard(run: &RunFolder, leaderboard: &[TrialSummary], leaky: bool) -> Result<(), Error> {
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
