//! `wail embed FILE... --out X.npy`

use std::path::PathBuf;

use clap::ValueEnum;
use features::{Error as FeatureError, Extractor, PATCHES, YAMNET_PATCH};
use model::{Arch, ComputeArgs};

use crate::args::{FrontEndArgs, Inputs};
use crate::terminal::{inputs, npy};
use crate::{Error, backbone};

/// Arguments of `wail embed`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// File to write, float32 [files, n], in the order given; n is 512 for ResNet18, 1024 for YAMNet
    #[arg(long, value_name = "X.npy")]
    out: PathBuf,
    /// An .onnx, .tflite, .safetensors, .pt or .pth file, a name from `wail weights list`, or random [default: the name of the
    /// architecture]. A model or backbone trained by Wail brings its front end
    #[arg(long, value_name = "PATH|NAME")]
    weights: Option<String>,
    /// Architecture of the weights
    #[arg(long, default_value_t = Arch::RESNET18)]
    arch: Arch,
    /// What to write
    #[arg(long, value_enum, default_value = "embedding")]
    output: Output,
    /// Seed of random weights
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    #[command(flatten)]
    front_end: FrontEndArgs,
    #[command(flatten)]
    compute: ComputeArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The backbone's embedding
    Embedding,
    /// [files, 521]: scores of YAMNet's own classes, 0 to 1, mean over patches
    Scores,
}

/// Writes the array. An unreadable file is an error, since row and file must correspond.
pub fn run(args: &Args) -> Result<(), Error> {
    let compute = args.compute.find().map_err(Error::Compute)?;
    let files = inputs::sound_files(&args.inputs.paths)?;
    let arch_name = args.arch.to_string();
    let (weights, saved) = match args.weights.as_deref().unwrap_or(&arch_name) {
        backbone::RANDOM => (backbone::random(args.arch, args.seed), None),
        name => backbone::load_named(name, args.arch)?,
    };
    let config = args.front_end.config(args.arch, saved)?;
    let extractor = Extractor::new(&config).map_err(Error::Features)?;
    let mut records = Vec::new();
    let unreadable = inputs::each(&files, |path| {
        let (record, _) = extractor.record_from_file(path)?;
        records.extend(record);
        Ok::<(), FeatureError>(())
    });
    inputs::all_read(unreadable, files.len())?;
    if args.output == Output::Embedding {
        let engine = compute.engine(&weights, &config.inputs()).map_err(Error::device("the backbone"))?;
        let embeddings = engine.embed(&records).map_err(Error::device("the backbone"))?;
        return npy::write(&args.out, &embeddings, &[files.len(), engine.n_outputs()]);
    }
    let no_scores =
        || Error::Config("--output scores: only YAMNet's weights include a classifier; use --arch yamnet".into());
    let classifier = weights.classifier().ok_or_else(no_scores)?;
    let n_classes = classifier.n_classes();
    let engine = compute.engine(&weights, &[(PATCHES, YAMNET_PATCH)]).map_err(Error::device("the backbone"))?;
    let mut means = Vec::new();
    for record in records.chunks_exact(config.record_len()) {
        let patches = extractor.patches(record).ok_or_else(no_scores)?;
        let scores = classifier.scores(&engine.embed(&patches).map_err(Error::device("the backbone"))?);
        let n_patches = scores.len() / n_classes;
        let mean = |class| scores.iter().skip(class).step_by(n_classes).sum::<f32>() / n_patches as f32;
        means.extend((0..n_classes).map(mean));
    }
    npy::write(&args.out, &means, &[files.len(), n_classes])
}
