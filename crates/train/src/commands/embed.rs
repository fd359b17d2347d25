//! `train embed FILE... --out X.npy`

use std::path::PathBuf;

use features::{Error as FeatureError, Extractor, FeatureConfig};
use model::Arch;

use crate::cli::{ComputeArgs, Inputs};
use crate::{Error, backbone, inputs, npy};

/// Arguments of `train embed`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// File to write, float32 [files, 512], in the order given
    #[arg(long, value_name = "X.npy")]
    out: PathBuf,
    /// An .onnx or .safetensors file, a name of `train weights list`, or random
    #[arg(long, value_name = "PATH|NAME", default_value = "resnet18")]
    weights: String,
    /// Architecture of the weights
    #[arg(long, default_value_t = Arch::ResNet18)]
    arch: Arch,
    /// Seed of random weights
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Writes the array; an unreadable file ends the command, since the rows stand for the files.
pub fn run(args: &Args) -> Result<(), Error> {
    let compute = args.compute.find()?;
    let files = inputs::sound_files(&args.inputs.paths)?;
    let weights = match args.weights.as_str() {
        backbone::RANDOM => backbone::random(args.arch, args.seed),
        name => backbone::load_named(name, args.arch)?,
    };
    let config = FeatureConfig::default();
    let engine = compute.engine(&weights, config.image_size).map_err(|e| Error::Failed(e.to_string()))?;
    let extractor = Extractor::new(&config).map_err(|e| Error::Failed(e.to_string()))?;
    let mut pixels = Vec::new();
    let failed = inputs::each(&files, |path| {
        let (image, _) = extractor.image_from_file(path)?;
        pixels.extend(image);
        Ok::<(), FeatureError>(())
    });
    inputs::all_read(failed, files.len())?;
    let embeddings = engine.embed(&pixels).map_err(|e| Error::Failed(e.to_string()))?;
    npy::write(&args.out, &embeddings, &[files.len(), engine.n_outputs()])
}
