//! What trials are trained on: the front end, the encoder, and how embeddings are prepared. Trials that set a key which decides
//! this have an encoding of their own.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use burn::module::Module;
use experiment::{TrialConfig, TrialSettings};
use features::Extractor;
use model::{Compute, NETWORKS_VERSION};

use super::engines::Engines;
use crate::Error;
use crate::backbone::{self, Resolved};
use crate::config::{Config, decides_embeddings};

/// A front end and an encoder.
pub(super) struct Encoding {
    /// The run's configuration with the keys of this encoding.
    pub config: Config,
    /// Makes the encoder's inputs.
    pub extractor: Extractor,
    pub backbone: Arc<Resolved>,
    /// Engine and device, such as `rten on cpu`.
    engine: String,
    engines: OnceLock<Engines>,
    n_trained: OnceLock<usize>,
}

impl Encoding {
    /// # Errors
    /// [`Error::Features`] if the front end cannot be made.
    pub fn new(config: Config, backbone: Arc<Resolved>, engine: String) -> Result<Self, Error> {
        let extractor = Extractor::new(&config.features).map_err(Error::Features)?;
        Ok(Self { config, extractor, backbone, engine, engines: OnceLock::new(), n_trained: OnceLock::new() })
    }

    /// The engines that run its encoder, made when they are first needed.
    ///
    /// # Errors
    /// [`Error::Device`] if they cannot be made.
    pub fn engines(&self, compute: &Compute) -> Result<&Engines, Error> {
        if let Some(engines) = self.engines.get() {
            return Ok(engines);
        }
        let made = Engines::new(&self.config, &self.backbone, compute)?;
        Ok(self.engines.get_or_init(|| made))
    }

    /// Number of weights in the trained layers of its backbone.
    pub fn n_trained(&self, compute: &Compute) -> usize {
        let trained = || self.backbone.weights.to_trainable(self.config.backbone.train, compute.device());
        *self.n_trained.get_or_init(|| trained().map_or(0, |backbone| backbone.num_params()))
    }

    /// How long its engines have run, s.
    fn seconds(&self) -> f64 {
        self.engines.get().map_or(0.0, Engines::seconds)
    }

    /// Everything that decides the outputs of the backbone as loaded: version, engine, device and weights.
    pub fn backbone_key(&self) -> String {
        format!("networks {NETWORKS_VERSION} {} {}", self.engine, self.backbone.summary.fingerprint)
    }
}

/// The encodings of a run, made when a trial first needs them.
pub(super) struct Encodings {
    /// That of the run's configuration.
    base: Arc<Encoding>,
    /// Others, with the settings that decide them.
    others: Mutex<Vec<(TrialSettings, Arc<Encoding>)>>,
}

impl Encodings {
    pub fn new(base: Encoding) -> Self {
        Self { base: Arc::new(base), others: Mutex::new(Vec::new()) }
    }

    /// The encoding of the run's configuration.
    pub fn base(&self) -> &Arc<Encoding> {
        &self.base
    }

    /// The encoding of `trial`.
    ///
    /// # Errors
    /// [`Error::Config`] if its values do not go together, otherwise as [`backbone::resolve`] and [`Encoding::new`].
    pub fn of(&self, trial: &TrialConfig) -> Result<Arc<Encoding>, Error> {
        let settings = settings(trial);
        if settings.is_empty() {
            return Ok(self.base.clone());
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = others.iter().find(|(known, _)| *known == settings) {
            return Ok(known.clone());
        }
        let config = self.base.config.with(&settings)?;
        let has_own_backbone = settings.keys().any(|key| !key.starts_with("train."));
        let backbone = match has_own_backbone {
            true => Arc::new(backbone::resolve(&config)?),
            false => self.base.backbone.clone(),
        };
        let made = Arc::new(Encoding::new(config, backbone, self.base.engine.clone())?);
        others.push((settings, made.clone()));
        Ok(made)
    }

    /// The encodings of `trials`, each once.
    ///
    /// # Errors
    /// As [`Encodings::of`].
    pub fn of_all(&self, trials: &[TrialConfig]) -> Result<Vec<Arc<Encoding>>, Error> {
        let mut all: Vec<Arc<Encoding>> = Vec::new();
        for trial in trials {
            let encoding = self.of(trial)?;
            if !all.iter().any(|known| Arc::ptr_eq(known, &encoding)) {
                all.push(encoding);
            }
        }
        Ok(all)
    }

    /// How long all engines have run, s.
    pub fn seconds(&self) -> f64 {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        self.base.seconds() + others.iter().map(|(_, encoding)| encoding.seconds()).sum::<f64>()
    }
}

/// The settings of `trial` that decide its encoding.
pub(super) fn settings(trial: &TrialConfig) -> TrialSettings {
    trial
        .settings
        .iter()
        .filter(|(key, _)| decides_embeddings(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
