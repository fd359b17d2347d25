//! The engines that run the frozen part of the backbone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use model::{Compute, Engine, FrozenOutput};

use crate::Error;
use crate::backbone::Resolved;
use crate::config::Config;

/// The engines of one encoding.
pub(super) struct Engines {
    frozen: Timed,
    /// Present if `frozen` does not give embeddings.
    whole: Option<Timed>,
}

/// An engine, and how long it has run.
struct Timed {
    engine: Box<dyn Engine>,
    ns: AtomicU64,
}

impl Engine for Timed {
    fn n_outputs(&self) -> usize {
        self.engine.n_outputs()
    }

    fn record_len(&self) -> usize {
        self.engine.record_len()
    }

    fn forward(&self, records: &[f32]) -> Result<Vec<f32>, model::Error> {
        let begun = Instant::now();
        let outputs = self.engine.forward(records);
        self.ns.fetch_add(begun.elapsed().as_nanos() as u64, Ordering::Relaxed);
        outputs
    }
}

impl Engines {
    /// Makes the engines that the configuration needs.
    pub fn new(config: &Config, backbone: &Resolved, compute: &Compute) -> Result<Self, Error> {
        let engine = |output: FrozenOutput| -> Result<Timed, Error> {
            let engine = compute.engine_to(output, &backbone.weights, &config.features.inputs());
            let engine = engine.map_err(Error::device("the backbone"))?;
            Ok(Timed { engine, ns: AtomicU64::new(0) })
        };
        let whole = match config.frozen_output() {
            FrozenOutput::EMBEDDING => None,
            _ => Some(engine(FrozenOutput::EMBEDDING)?),
        };
        Ok(Self { frozen: engine(config.frozen_output())?, whole })
    }

    /// The layers that stay frozen, up to what trials are trained on.
    pub fn frozen(&self) -> &dyn Engine {
        &self.frozen
    }

    /// The whole backbone before training, up to embeddings; [`Engines::frozen`] if that gives them.
    pub fn whole(&self) -> &dyn Engine {
        self.whole.as_ref().unwrap_or(&self.frozen)
    }

    /// How long the engines have run, s.
    pub fn seconds(&self) -> f64 {
        let ns = [Some(&self.frozen), self.whole.as_ref()]
            .into_iter()
            .flatten()
            .map(|timed| timed.ns.load(Ordering::Relaxed));
        ns.sum::<u64>() as f64 / 1e9
    }
}
