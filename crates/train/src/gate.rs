//! The gate in front of the classes: a linear layer on the embedding that distinguishes cries from other sounds.
//!
//! It is trained by logistic regression on cries against seeded synthetic sounds and decoys. YAMNet knows cries from hours of real sound,
//! and what it has not learnt from synthetic sounds they do not teach (docs/monitor.md): if the encoder has a logit for cries of its own,
//! YAMNet's or one that was distilled from it, the regression has only this input, so it calibrates the logit and keeps its order. The
//! gate is tested on recordings that
//! took no part in training and on families of sounds, such as all music, by a gate that was trained without that family, and
//! without the cries that its sounds were mixed over.

mod embedded_excerpts;
mod evaluation;
mod examples;
mod excerpts;
mod fit;
mod inputs;
mod logistic;
mod windows;

use experiment::GateSummary;
use metrics::threshold_at_recall;
use model::{Gate, GateInfo};

use crate::Error;
use crate::corpus::plan::Places;
use crate::terminal::interrupt;
use examples::{Examples, Others};
pub(crate) use inputs::EXCERPTS_VERSION;
pub use inputs::GateInputs;

/// A trained gate.
pub struct TrainedGate {
    /// Its weights.
    pub gate: Gate,
    /// Its threshold.
    pub info: GateInfo,
    /// How well it works.
    pub summary: GateSummary,
}

/// Trains and tests a gate with the split `places`.
///
/// # Errors
/// [`Error::Recording`] or [`Error::Dataset`] if a recording can no longer be read, [`Error::Device`] if the device gives no
/// result, [`Error::Dataset`] if the cache cannot be written, [`Error::Interrupted`] on a signal.
pub fn train(inputs: &GateInputs, places: &Places) -> Result<TrainedGate, Error> {
    let examples = Examples::embed(inputs, places)?;
    let held_out = evaluation::held_out_families(inputs, &examples)?;
    interrupt::check()?;
    let gate = fit::fit(&examples, Others::All, inputs.cry_logit.as_deref(), inputs.config.ridge)?;
    let threshold = threshold_at_recall(&evaluation::scores(&gate, &examples.val.rows));
    let summary = evaluation::summary(inputs, &examples, &gate, threshold, held_out)?;
    let threshold = threshold as f32;
    let episodes = windows::fit(inputs, &gate, threshold, &examples.val.recordings)?;
    let info = GateInfo { threshold, episodes: Some(episodes), is_encoders_own: inputs.cry_logit.is_some() };
    Ok(TrainedGate { gate, info, summary })
}
