//! Fifth step of the sweep: the chosen trial becomes a model with a gate.

use std::time::Instant;

use experiment::GateSummary;
use model::{BackboneWeights, Gate, ModelInfo, Trainable};
use serde_json::json;

use super::encoding::Encoding;
use super::open::OpenRun;
use super::prepare::Prepared;
use super::splits::Found;
use crate::Error;
use crate::gate::{self, GateInputs, TrainedGate};

/// The model to save, apart from weights and head.
pub(super) struct ChosenModel {
    pub info: ModelInfo,
    pub gate: Option<Gate>,
    pub gate_summary: Option<GateSummary>,
}

/// Trains the gate of the best trial of the search for the saved model, and describes the model.
pub(super) fn choose(prepared: &Prepared, run: &OpenRun, found: &Found) -> Result<ChosenModel, Error> {
    let step = Instant::now();
    let gate = prepared.config.gate.enabled.then(|| train_gate(prepared, found)).transpose()?;
    run.writer.folder.log("gate", step.elapsed().as_secs_f64())?;
    let best = &found.model.leaderboard[0];
    let Encoding { config, backbone, .. } = &*found.model.encoding;
    let info = ModelInfo {
        arch: backbone.weights.arch(),
        labels: prepared.data.corpus.labels.clone(),
        head: best.config.head.clone(),
        gate: gate.as_ref().map(|gate| gate.info.clone()),
        features: json!(config.features),
        calibration: json!(found.model.calibration),
        backbone_source: backbone.summary.used.clone(),
        provenance: run.provenance.clone(),
    };
    let (gate, gate_summary) = match gate {
        Some(TrainedGate { gate, summary, .. }) => (Some(gate), Some(summary)),
        None => (None, None),
    };
    Ok(ChosenModel { info, gate, gate_summary })
}

/// Weights of an embedding that give the encoder's own logit for cries. Training of its layers makes those that its file has invalid.
fn cry_logit(encoding: &Encoding, weights: &BackboneWeights) -> Option<Vec<f32>> {
    match (weights.cry_logit(), encoding.config.backbone.train) {
        (Some(place), _) => Some((0..weights.n_outputs()).map(|at| f32::from(at == place)).collect()),
        (None, Trainable::None) => encoding.backbone.cry_direction.clone(),
        (None, _) => None,
    }
}

/// Trains the gate on the embeddings of the chosen trial's backbone.
fn train_gate(prepared: &Prepared, found: &Found) -> Result<TrainedGate, Error> {
    let (Prepared { compute, data, .. }, encoding) = (prepared, &found.model.encoding);
    let (config, weights, engines) = (&encoding.config, &found.model.weights, encoding.engines(compute)?);
    let trained = match config.backbone.train {
        Trainable::None => None,
        _ => {
            let engine = compute.engine(weights, &config.features.inputs());
            Some(engine.map_err(Error::device("the trained backbone"))?)
        }
    };
    let engine_key = match trained {
        None => encoding.backbone_key(),
        Some(_) => format!("{} {}", prepared.engine, weights.fingerprint()),
    };
    let inputs = GateInputs {
        config: &config.gate,
        corpus: &data.corpus,
        groups: data.groups(),
        extractor: &encoding.extractor,
        engine: trained.as_deref().unwrap_or(engines.whole()),
        engine_key: &engine_key,
        tables: &prepared.embedding_tables,
        cry_logit: cry_logit(encoding, weights),
        known_to_backbone: encoding.backbone.pretraining.sounds_per_kind > 0,
        seed: config.seed,
    };
    gate::train(&inputs, &data.plan.model)
}
