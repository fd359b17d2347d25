//! The command-line arguments that name the model which answers.

use std::path::{Path, PathBuf};

use model::{Compute, ComputeArgs};
use predict::{Classifier, Labels, model_file};

use crate::Error;
use crate::terminal::stderr;

/// For `#[command(flatten)]`.
#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    /// An .onnx or .safetensors model, a state dict of PyTorch (with --labels), the folder of an exported model or of a run,
    /// `newest` for the newest run in experiments/, or the address of a published model (s3://BUCKET/models/NAME/ALIAS)
    /// [default: wail-compact, the model built into the program]
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
    /// The classes of a model of PyTorch (a state dict, .pt or .pth) in the order of its outputs, separated by commas, or a file
    /// with one on each line
    #[arg(long, value_name = "LABEL,...|FILE", requires = "model")]
    labels: Option<Labels>,
}

impl ModelArgs {
    /// Loads the model for the device and engine that `compute` names.
    ///
    /// # Errors
    /// [`Error::Compute`] if they are not available, and the errors of [`Error::of_model`].
    pub fn load(&self, compute: &ComputeArgs) -> Result<(Classifier, Compute), Error> {
        let compute = compute.find().map_err(Error::Compute)?;
        let experiments = Path::new("experiments");
        let found = Classifier::find_labelled(self.model.as_deref(), self.labels.as_ref(), experiments, &compute);
        Ok((found.map_err(Error::of_model)?, compute))
    }

    /// The folder of the finished run whose model this is.
    ///
    /// # Errors
    /// [`Error::Config`] if it is the model of no run.
    pub fn run(&self) -> Result<PathBuf, Error> {
        let path = self.model.as_deref().map(|path| model_file(path, Path::new("experiments"))).transpose();
        let folder = path.map_err(Error::of_model)?.and_then(|file| Some(file.parent()?.to_path_buf()));
        folder.filter(|folder| folder.join("report.json").is_file()).ok_or_else(|| {
            Error::Config("this model is not in the folder of a finished run: name one with --model".into())
        })
    }
}

/// Says on standard error which model answers.
pub fn announce(classifier: &Classifier) {
    stderr::line(format_args!("model      {}, SHA-256 {}", classifier.name(), classifier.sha256()));
}
