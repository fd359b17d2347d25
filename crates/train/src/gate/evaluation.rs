//! How well a gate works, measured on families of sounds that it was not trained with.

use std::collections::BTreeSet;

use dataset::sounds::KINDS;
use experiment::{GateSummary, seed};
use metrics::{Detection, Family, threshold_at_recall};
use model::Gate;
use rayon::prelude::*;

use super::examples::{Examples, Others};
use super::fit::fit;
use super::inputs::GateInputs;
use crate::Error;

/// A family of sounds, scored by a gate that was trained without it and without the cries that its sounds were mixed over.
pub(super) struct HeldOut {
    family: Family,
    /// Share of the family's sounds that reach the threshold of that gate, 0 to 1.
    false_alarm_rate: f64,
}

/// Scores of a gate, 0 to 1, for embeddings `[n, n_features]`.
pub(super) fn scores(gate: &Gate, rows: &[f32]) -> Vec<f64> {
    gate.scores(rows).into_iter().map(f64::from).collect()
}

/// Scores each family by a gate that is trained without it.
pub(super) fn held_out_families(inputs: &GateInputs, examples: &Examples) -> Result<Vec<HeldOut>, Error> {
    let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.family).collect();
    let score = |name: &str| {
        let gate = fit(examples, Others::Without(name), inputs.cry_logit.as_deref(), inputs.config.ridge)?;
        let negatives: Vec<f64> = examples.family(name).flat_map(|rows| scores(&gate, rows)).collect();
        let threshold = threshold_at_recall(&scores(&gate, &examples.val.rows));
        let n_alarms = negatives.iter().filter(|score| **score >= threshold).count();
        let false_alarm_rate = n_alarms as f64 / negatives.len() as f64;
        let positives = scores(&gate, &examples.tested.rows);
        Ok(HeldOut { family: Family { name: name.into(), positives, negatives }, false_alarm_rate })
    };
    names.into_par_iter().map(score).collect()
}

/// The summary of the final `gate` with its `threshold`.
pub(super) fn summary(
    inputs: &GateInputs,
    examples: &Examples,
    gate: &Gate,
    threshold: f64,
    held_out: Vec<HeldOut>,
) -> Result<GateSummary, Error> {
    let tested = &examples.tested;
    let n_reached = scores(gate, &tested.rows).iter().filter(|score| **score >= threshold).count();
    let groups: Vec<usize> = tested.recordings.iter().map(|index| inputs.groups[*index]).collect();
    let (families, alarms): (Vec<Family>, Vec<f64>) =
        held_out.into_iter().map(|held_out| (held_out.family, held_out.false_alarm_rate)).unzip();
    Ok(GateSummary {
        threshold,
        n_sounds: examples.n_sounds(),
        tested_on: examples.tested_on.into(),
        recall: n_reached as f64 / tested.recordings.len().max(1) as f64,
        false_alarm_rate: alarms.iter().sum::<f64>() / alarms.len() as f64,
        detection: Detection::new(&families, &groups, seed::derive(inputs.seed, &["gate", "evaluation"]))?,
        known_to_backbone: inputs.known_to_backbone,
        is_encoders_own: inputs.cry_logit.is_some(),
    })
}
