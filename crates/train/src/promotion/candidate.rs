//! A model that is compared: its classifier, what it was trained on, and how it is published.

use std::path::{Path, PathBuf};

use experiment::PretrainingData;
use model::Compute;
use predict::Classifier;
use registry::{ModelUrl, Registry, Resolved, Version};

use super::model_files::{MANIFEST_FILE, ModelFiles};
use super::trained_on::{TRAINED_ON_FILE, TrainedOn};
use crate::Error;

/// A model that is compared.
pub struct ComparedModel {
    /// Answers.
    pub classifier: Classifier,
    /// What it was trained on; `None` if it does not say.
    pub(super) trained_on: Option<TrainedOn>,
    place: Place,
}

/// Where the model is.
enum Place {
    Published(Resolved),
    Local(PathBuf),
}

impl ComparedModel {
    /// Loads `model`: the address of a published one, a run, the folder of an exported model, or a model file.
    ///
    /// # Errors
    /// [`Error::NoModel`], [`Error::Registry`], and [`Error::Data`] if the list of what it was trained on is damaged.
    pub fn load(model: &Path, compute: &Compute) -> Result<Self, Error> {
        match model.to_str().and_then(ModelUrl::parse) {
            Some(url) => Self::published(Registry::resolve(&url?)?, compute),
            None => Self::local(model, compute),
        }
    }

    /// Loads a published model.
    ///
    /// # Errors
    /// As [`ComparedModel::load`].
    pub fn published(resolved: Resolved, compute: &Compute) -> Result<Self, Error> {
        let classifier = Classifier::load_published(&resolved, compute).map_err(Error::of_model)?;
        let Resolved { registry, manifest, .. } = &resolved;
        let trained_on = match manifest.files.contains_key(TRAINED_ON_FILE) {
            true => Some(TrainedOn::parse(Path::new(TRAINED_ON_FILE), &registry.file(manifest, TRAINED_ON_FILE)?)?),
            false => None,
        };
        Ok(Self::new(classifier, trained_on, Place::Published(resolved)))
    }

    fn local(model: &Path, compute: &Compute) -> Result<Self, Error> {
        let classifier = Classifier::find(Some(model), Path::new("experiments"), compute).map_err(Error::of_model)?;
        let list = model.join(TRAINED_ON_FILE);
        let trained_on = if model.join(MANIFEST_FILE).is_file() {
            Some(TrainedOn::of_run(model)?)
        } else if list.is_file() {
            Some(TrainedOn::parse(&list, &std::fs::read(&list).map_err(Error::io(&list))?)?)
        } else {
            None
        };
        Ok(Self::new(classifier, trained_on, Place::Local(model.into())))
    }

    fn new(classifier: Classifier, trained_on: Option<TrainedOn>, place: Place) -> Self {
        let heard = classifier.info().provenance["backbone"]["heard"].clone();
        let pretraining: PretrainingData = serde_json::from_value(heard).unwrap_or_default();
        let trained_on = trained_on.map(|mut trained_on| {
            trained_on.add_pretraining(&pretraining);
            trained_on
        });
        Self { classifier, trained_on, place }
    }

    /// Publishes the model in `registry`, unless it is there.
    ///
    /// # Errors
    /// [`Error::Registry`], and as [`ModelFiles::find`].
    pub fn push(&self, registry: &Registry) -> Result<Version, Error> {
        match &self.place {
            Place::Published(resolved) if resolved.registry.url() == registry.url() => Ok(resolved.version.clone()),
            Place::Published(resolved) => Err(Error::Config(format!(
                "{}/{}: it is in another registry; wail pull it first, then name its folder",
                resolved.registry.url(),
                resolved.version
            ))),
            Place::Local(model) => Ok(registry.push(&ModelFiles::find(model)?.files)?),
        }
    }
}
