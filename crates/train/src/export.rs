//! A trained model as a folder that other programs can use.

mod card;

use std::path::Path;

use features::FeatureConfig;
use metrics::Calibration;
use model::{Network, Trainable};

use crate::Error;
use crate::report::Report;
use crate::run_folder::{self, CHECKPOINT_FILE, MODEL_FILE, ONNX_FILE};

/// Writes `model.onnx`, `model.safetensors`, `model.bpk` (a burn record) and `MODEL_CARD.md` into `out`: the best trial
/// of the finished `run`, or the one called `trial`.
///
/// # Errors
/// [`Error::Data`] if the run is not finished or has no such trial, [`Error::Weights`] if its model is damaged,
/// [`Error::Failed`] if a file cannot be written.
pub fn export(run: &Path, trial: Option<&str>, out: &Path) -> Result<(), Error> {
    let damaged = |e: model::Error| Error::Weights(e.to_string());
    let failed = |e: model::Error| Error::Failed(e.to_string());
    let report = Report::read(run)?;
    let best = &report.leaderboard[0].id;
    let id = trial.unwrap_or(best);
    let Some(summary) = report.leaderboard.iter().find(|trial| trial.id == id) else {
        return Err(Error::Data(format!(
            "{}: there is no trial {id}; its trials are in {}",
            run.display(),
            run.join("leaderboard.csv").display()
        )));
    };
    let device = model::cpu();
    let mut saved = model::load_model(&run.join(MODEL_FILE), &device).map_err(damaged)?;
    if id != best {
        let checkpoint = run.join("trials").join(id).join(CHECKPOINT_FILE);
        let info;
        (info, saved.weights, saved.head) =
            model::load_checkpoint(&checkpoint, saved.weights, &device).map_err(damaged)?;
        if info.trained != Trainable::None {
            // The gate was taught on the embeddings of the best trial's backbone.
            (saved.info.gate, saved.gate) = (None, None);
        }
        (saved.info.head, saved.info.calibration) = (info.head, info.calibration);
    }
    let features: FeatureConfig = serde_json::from_value(saved.info.features.clone())
        .map_err(|e| Error::Weights(format!("{}: its feature settings: {e}", run.join(MODEL_FILE).display())))?;

    let calibration: Calibration = serde_json::from_value(saved.info.calibration.clone())
        .map_err(|e| Error::Weights(format!("{}: its calibration: {e}", run.join(MODEL_FILE).display())))?;

    let model::SavedModel { info, weights, head, gate } = &saved;
    let gate = gate.as_ref();
    std::fs::create_dir_all(out).map_err(|e| Error::Failed(format!("{}: {e}", out.display())))?;
    model::save_onnx(&out.join(ONNX_FILE), info, weights, head, gate, &features.inputs()).map_err(failed)?;
    model::save_model(&out.join(MODEL_FILE), info, weights, head, gate).map_err(failed)?;
    let network = Network::new(weights, head).map_err(failed)?;
    network.save_record(&out.join("model.bpk")).map_err(failed)?;
    let card = card::text(&report, summary, &features, &calibration, gate.and(report.gate.as_ref()), out);
    run_folder::write(&out.join("MODEL_CARD.md"), card.as_bytes())
}
