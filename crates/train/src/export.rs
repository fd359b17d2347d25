//! Writes a trained model as a folder that other programs can use.

use std::path::Path;

use experiment::folder::{self, CHECKPOINT_FILE, MODEL_FILE, ONNX_FILE};
use experiment::{Report, TrialSummary};
use features::FeatureConfig;
use metrics::{Calibration, Evaluation};
use model::{Arch, EpisodeSettings, Network, SavedModel, Trainable};
use predict::{CARD_FILE, Tested, Windows};
use report::card::{Card, HubMetadata};
use serde::de::DeserializeOwned;

use crate::{Error, episode_file};

/// Name of the burn record inside an exported folder.
pub const RECORD_FILE: &str = "model.bpk";

/// Writes `model.onnx`, `model.safetensors`, `model.bpk` (a burn record) and `MODEL_CARD.md` into `out`: the best trial of the
/// finished `run`, or the one named `trial`. The files hold the test scores of the best trial. The card says what `hub` says of
/// licence and data. The model finds episodes as the TOML file `episodes` says, or else as the run chose. burn does not run an
/// encoder from an ONNX file, so there is no record of it.
///
/// # Errors
/// [`Error::Run`] if the run is not finished, [`Error::Data`] if it has no such trial, [`Error::ModelFile`] if its model is
/// damaged, [`Error::Checkpoint`] or [`Error::Io`] if a file cannot be written; [`Error::Config`] and [`Error::ConfigFile`] for
/// wrong settings of episodes.
pub fn export(
    run: &Path,
    trial: Option<&str>,
    episodes: Option<&Path>,
    out: &Path,
    hub: &HubMetadata,
) -> Result<(), Error> {
    export_as(run, trial, episodes, out, out, hub)
}

/// As [`export`], for a model whose card names it by the folder `named`.
///
/// # Errors
/// As [`export`].
pub fn export_as(
    run: &Path,
    trial: Option<&str>,
    episodes: Option<&Path>,
    out: &Path,
    named: &Path,
    hub: &HubMetadata,
) -> Result<(), Error> {
    let report = Report::read(run)?;
    let id = trial.unwrap_or(&report.leaderboard[0].id);
    let Some(summary) = report.leaderboard.iter().find(|trial| trial.id == id) else {
        let leaderboard = run.join("leaderboard.csv");
        return Err(Error::Data(format!(
            "{}: there is no trial {id}; its trials are in {}",
            run.display(),
            leaderboard.display()
        )));
    };
    let mut saved = load(run, &report, summary)?;
    if id == report.leaderboard[0].id {
        tested(&report).write(&mut saved.info.provenance);
    }
    let path = run.join(MODEL_FILE);
    let features: FeatureConfig = settings(&path, "feature settings", &saved.info.features)?;
    let calibration: Calibration = settings(&path, "calibration", &saved.info.calibration)?;

    if let Some(path) = episodes {
        let Some(info) = &mut saved.info.gate else {
            return Err(Error::Config("the model has no gate, so it finds no episodes".into()));
        };
        let own = EpisodeSettings::of_threshold(Some(info.threshold), features.clip_seconds);
        let chosen = episode_file::read(path, info.episodes.unwrap_or(own))?;
        Windows::from(chosen).used_seconds(features.clip_seconds).map_err(Error::Request)?;
        info.episodes = Some(chosen);
    }
    let SavedModel { info, weights, head, gate, .. } = &saved;
    let gate = gate.as_ref();
    std::fs::create_dir_all(out).map_err(Error::io(out))?;
    model::save_onnx(&out.join(ONNX_FILE), info, weights, head, gate, &features.inputs()).map_err(Error::Checkpoint)?;
    model::save_model(&out.join(MODEL_FILE), info, weights, head, gate).map_err(Error::Checkpoint)?;
    if info.arch != Arch::ONNX {
        let network = Network::new(weights, head).map_err(Error::Checkpoint)?;
        network.save_record(&out.join(RECORD_FILE)).map_err(Error::Checkpoint)?;
    }
    let card = Card {
        report: &report,
        trial: summary,
        features: &features,
        calibration: &calibration,
        gate: gate.and(report.gate.as_ref()),
        episodes: info.gate.as_ref().and_then(|gate| gate.episodes),
        folder: named,
        hub,
    };
    Ok(folder::write(&out.join(CARD_FILE), card.text().as_bytes())?)
}

/// The run's model with the weights and the head of `trial`.
fn load(run: &Path, report: &Report, trial: &TrialSummary) -> Result<SavedModel, Error> {
    let device = model::cpu();
    let mut saved = model::load_model(&run.join(MODEL_FILE), &device).map_err(Error::ModelFile)?;
    if trial.id == report.leaderboard[0].id {
        return Ok(saved);
    }
    let checkpoint = run.join("trials").join(&trial.id).join(CHECKPOINT_FILE);
    let info;
    (info, saved.weights, saved.head) =
        model::load_checkpoint(&checkpoint, saved.weights, &device).map_err(Error::ModelFile)?;
    if info.trained != Trainable::None {
        // The gate was trained on the embeddings of the best trial's backbone.
        (saved.info.gate, saved.gate) = (None, None);
    }
    (saved.info.head, saved.info.calibration) = (info.head, info.calibration);
    Ok(saved)
}

/// The test scores of the best trial, the only one that was tested.
fn tested(report: &Report) -> Tested {
    let Evaluation { n_examples, scores, majority, .. } = &report.test;
    Tested {
        n_recordings: n_examples / report.data.repeats.max(1),
        accuracy: scores.accuracy,
        macro_f1: scores.macro_f1,
        majority_accuracy: majority.accuracy,
        majority_macro_f1: majority.macro_f1,
        warnings: report.warnings.clone(),
    }
}

/// Reads settings that the model file at `path` holds as JSON.
fn settings<T: DeserializeOwned>(path: &Path, name: &str, value: &serde_json::Value) -> Result<T, Error> {
    let what = || format!("{}: its {name}", path.display());
    serde_json::from_value(value.clone()).map_err(|source| Error::SavedSettings { what: what(), source })
}
