//! `wail embed FILE... --out X.npy`

use std::path::PathBuf;

use clap::ValueEnum;
use features::{Error as FeatureError, Extractor, FeatureConfig, PATCHES, YAMNET_PATCH};
use model::{Arch, BackboneWeights, Classifier, Compute, ComputeArgs, Engine, FrozenOutput};

use crate::args::{FrontEndArgs, Inputs};
use crate::pieces::{Share, Target};
use crate::shard_args::ShardArgs;
use crate::terminal::{inputs, npy};
use crate::{Error, backbone};

/// Arguments of `wail embed`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// File to write, float32 [files, n] unless --output says otherwise, in the order given; n is 512 for ResNet18, 1024 for
    /// YAMNet
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
    #[command(flatten)]
    shard: ShardArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The backbone's embedding
    Embedding,
    /// [files, frames, n]: the embedding of each of YAMNet's patches, or of each column of a ResNet's last feature map
    Frames,
    /// [files, 521]: scores of YAMNet's own classes, 0 to 1, mean over patches
    Scores,
}

/// Files whose records are in memory at the same time: a multiple of the engine's batches.
const FILES_AT_ONCE: usize = 64;

/// Writes the array, or a shard's rows of it. An unreadable file is an error, since row and file must correspond.
pub fn run(args: &Args) -> Result<(), Error> {
    let shard = args.shard.resolve()?;
    let compute = args.compute.find().map_err(Error::Compute)?;
    let files = inputs::sound_files(&args.inputs.paths)?;
    let arch_name = args.arch.to_string();
    let (weights, saved) = match args.weights.as_deref().unwrap_or(&arch_name) {
        backbone::RANDOM => (backbone::random(args.arch, args.seed)?, None),
        name => backbone::load_named(name, args.arch)?,
    };
    let config = args.front_end.config(args.arch, saved)?;
    let settings = vec![
        ("weights", weights.fingerprint()),
        ("engine", compute.describe_for(weights.arch())),
        ("front end", serde_json::to_string(&config).map_err(Error::encode("the front end"))?),
        ("output", format!("{:?}", args.output)),
    ];
    let target = Target::new(&args.out, shard, &files, settings);
    if target.is_made()? {
        return Ok(());
    }
    let embedder = Embedder::new(args.output, &weights, config, &compute)?;
    let share = Share::of(shard, files.len());
    let (mut rows, mut unreadable) = (Vec::new(), 0);
    for files in files[share.files.clone()].chunks(FILES_AT_ONCE) {
        let mut records = Vec::new();
        unreadable += inputs::each(files, |path| {
            let (record, _) = embedder.extractor.record_from_file(path)?;
            records.extend(record);
            Ok::<(), FeatureError>(())
        });
        rows.extend(embedder.rows(&records)?);
    }
    inputs::all_read(unreadable, share.files.len())?;
    let shape: Vec<usize> = [files.len()].into_iter().chain(embedder.row_shape.iter().copied()).collect();
    npy::write(&target, &share, &rows, &shape)
}

/// Computes the rows.
struct Embedder<'a> {
    config: FeatureConfig,
    extractor: Extractor,
    engine: Box<dyn Engine>,
    /// For the scores of YAMNet's classes.
    classifier: Option<&'a Classifier>,
    /// Shape of the row of a file.
    row_shape: Vec<usize>,
}

impl<'a> Embedder<'a> {
    fn new(
        output: Output,
        weights: &'a BackboneWeights,
        config: FeatureConfig,
        compute: &Compute,
    ) -> Result<Self, Error> {
        let extractor = Extractor::new(&config).map_err(Error::Features)?;
        let classifier = match output {
            Output::Embedding | Output::Frames => None,
            Output::Scores => Some(weights.classifier().ok_or_else(no_scores)?),
        };
        let inputs = if classifier.is_some() { vec![(PATCHES, YAMNET_PATCH)] } else { config.inputs() };
        let (frozen_output, row_shape) = match (output, classifier) {
            (Output::Frames, _) => {
                (FrozenOutput::Frames, weights.frames(&inputs).ok_or_else(|| no_frames(weights.arch()))?.to_vec())
            }
            (_, Some(classifier)) => (FrozenOutput::EMBEDDING, vec![classifier.n_classes()]),
            (_, None) => (FrozenOutput::EMBEDDING, vec![weights.n_outputs()]),
        };
        let engine = compute.engine_to(frozen_output, weights, &inputs).map_err(Error::device("the backbone"))?;
        Ok(Self { config, extractor, engine, classifier, row_shape })
    }

    /// The rows of `records`.
    fn rows(&self, records: &[f32]) -> Result<Vec<f32>, Error> {
        let embed = |records: &[f32]| self.engine.embed(records).map_err(Error::device("the backbone"));
        let Some(classifier) = self.classifier else { return embed(records) };
        let n_classes = classifier.n_classes();
        let mut means = Vec::new();
        for record in records.chunks_exact(self.config.record_len()) {
            let patches = self.extractor.patches(record).ok_or_else(no_scores)?;
            let scores = classifier.scores(&embed(&patches)?);
            let n_patches = scores.len() / n_classes;
            let mean = |class| scores.iter().skip(class).step_by(n_classes).sum::<f32>() / n_patches as f32;
            means.extend((0..n_classes).map(mean));
        }
        Ok(means)
    }
}

fn no_frames(arch: Arch) -> Error {
    Error::Config(format!("--output frames: {arch} gives no frames; name one network with --arch"))
}

fn no_scores() -> Error {
    Error::Config("--output scores: only YAMNet's weights include a classifier; use --arch yamnet".into())
}
