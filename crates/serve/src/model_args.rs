//! The model that the service answers with.

use std::path::{Path, PathBuf};

use model::ComputeArgs;
use predict::{Classifier, Labels};

use crate::Error;

/// Folder of the runs.
const EXPERIMENTS: &str = "experiments";

/// The model to serve, and what it runs on.
#[derive(Debug, Clone, clap::Args)]
pub struct ModelArgs {
    /// Model file, state dict of PyTorch (with --labels), folder of an exported model or a run, `newest` for the newest run in
    /// experiments/, or the address of a published model, such as s3://BUCKET/models/NAME/production [default: the built-in model]
    #[arg(long, value_name = "PATH", env = "WAIL_MODEL")]
    model: Option<PathBuf>,
    /// The classes of a model of PyTorch (a state dict, .pt or .pth) in the order of its outputs, separated by commas, or a file
    /// with one on each line
    #[arg(long, value_name = "LABEL,...|FILE", env = "WAIL_LABELS", requires = "model")]
    labels: Option<Labels>,
    #[command(flatten)]
    compute: ComputeArgs,
}

impl ModelArgs {
    /// Loads the model.
    ///
    /// # Errors
    /// [`Error::Device`] if the device or engine is not available, [`Error::Labels`] if the labels do not fit the model,
    /// [`Error::Address`] if the address of a published model is wrong, [`Error::Model`] if there is no usable model.
    pub fn load(&self) -> Result<Classifier, Error> {
        let compute = self.compute.find().map_err(Error::Device)?;
        let (model, labels) = (self.model.as_deref(), self.labels.as_ref());
        let found = Classifier::find_labelled(model, labels, Path::new(EXPERIMENTS), &compute);
        let classifier = found.map_err(|error| match error {
            predict::Error::Labels { .. } => Error::Labels(error),
            predict::Error::Registry(ref cause) if cause.is_wrong_use() => Error::Address(error),
            other => Error::Model(other),
        })?;
        tracing::info!(
            model = classifier.name(),
            sha256 = classifier.sha256(),
            version = classifier.version(),
            engine = compute.engine_name_for(classifier.info().arch),
            "loaded"
        );
        Ok(classifier)
    }
}
