//! The models that were tested: the best trial of each fold, or of the only search.

use std::sync::Arc;

use experiment::TrialConfig;
use metrics::Calibration;
use model::{ModelInfo, SavedModel};
use predict::Classifier;
use serde_json::{Value, json};

use super::encoding::Encoding;
use super::open::OpenRun;
use super::prepare::Prepared;
use super::search::SearchResult;
use super::searches::SplitSearch;
use super::trial_folder;
use crate::Error;

/// A trial that was tested.
pub(super) struct TestedModel {
    /// Name of its search.
    search: String,
    trial: TrialConfig,
    /// Its front end and encoder.
    pub encoding: Arc<Encoding>,
}

impl TestedModel {
    /// The trial that `search` chose.
    pub fn new(search: &SplitSearch, result: &SearchResult) -> Self {
        let trial = result.leaderboard[0].config.clone();
        Self { search: search.name.clone(), trial, encoding: result.encoding.clone() }
    }

    /// Reads its checkpoint: a classifier without gate and calibration, whose probabilities are those of the report.
    pub fn classifier(&self, prepared: &Prepared, run: &OpenRun) -> Result<Classifier, Error> {
        let Encoding { config, backbone, .. } = &*self.encoding;
        let (folder, device) = (run.writer.folder.inside(&self.search), prepared.compute.device());
        let (weights, head) = trial_folder::read_checkpoint(&folder, &self.trial.id(), &backbone.weights, device)?;
        let info = ModelInfo {
            arch: weights.arch(),
            labels: prepared.data.corpus.labels.clone(),
            head: self.trial.head.clone(),
            gate: None,
            features: json!(config.features),
            calibration: json!(Calibration { n_examples: 0, temperature: 1.0, sets: Vec::new() }),
            backbone_source: backbone.summary.used.clone(),
            provenance: Value::Null,
        };
        let saved = SavedModel { info, weights, head, gate: None, sha256: String::new() };
        Ok(Classifier::from_saved(saved, "the tested model", prepared.compute)?)
    }
}
