//! `wail features FILE... --out X.npy`

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use features::{Error as FeatureError, Extractor, PATCHES, YAMNET_PATCH};
use model::{Arch, Compute, DeviceName, EngineName};
use predict::Classifier;

use crate::Error;
use crate::args::{FrontEndArgs, Inputs};
use crate::pieces::{Share, Target};
use crate::shard_args::ShardArgs;
use crate::terminal::{inputs, npy};

/// Arguments of `wail features`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// File to write, float32, one row per file in the order given
    #[arg(long, value_name = "X.npy")]
    out: PathBuf,
    /// Last step of the front end to compute
    #[arg(long, value_enum, default_value = "image")]
    stage: Stage,
    /// Use the front end of this model, so that the array is the model's input: an .onnx or .safetensors file, the folder of an
    /// exported model or of a run, `newest`, or `wail-compact` for the model built into the program
    #[arg(long, value_name = "PATH", conflicts_with = "front_end")]
    model: Option<PathBuf>,
    #[command(flatten)]
    front_end: FrontEndArgs,
    #[command(flatten)]
    shard: ShardArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// [files, 56000]: 7 s at 8 kHz; for YAMNet [files, 112000] at 16 kHz
    Waveform,
    /// [files, 128, 219]: log-mel, 0 to 1
    Mel,
    /// [files, 224, 224]: the square image, whose size a --model may change; for YAMNet alone [files, 720, 64], its log-mel
    Image,
    /// [files, 14, 96, 64]: YAMNet's log-mel in patches that overlap by half
    Patches,
}

/// Writes the array, or a shard's rows of it. An unreadable file is an error, since row and file must correspond.
pub fn run(args: &Args) -> Result<(), Error> {
    let config = match &args.model {
        Some(model) => {
            let compute = Compute::new(DeviceName::Cpu, EngineName::Auto).map_err(Error::Compute)?;
            let classifier = Classifier::find(Some(model), Path::new("experiments"), &compute);
            classifier.map_err(Error::NoModel)?.features().clone()
        }
        None => args.front_end.config(Arch::RESNET18, None)?,
    };
    let wrong = |stage: &str, which: &str| Error::Config(format!("--stage {stage}: {which}; see --front-end"));
    match args.stage {
        Stage::Mel if config.image().is_none() => {
            return Err(wrong("mel", "exists for the image front end only; YAMNet's log-mel is --stage image"));
        }
        Stage::Patches if config.front_ends.iter().all(|front_end| front_end.input_name() != PATCHES) => {
            return Err(wrong("patches", "exists for YAMNet's front ends only"));
        }
        _ => {}
    }
    let extractor = Extractor::new(&config).map_err(Error::Features)?;
    let files = inputs::sound_files(&args.inputs.paths)?;
    let shard = args.shard.resolve()?;
    let settings = vec![
        ("front end", serde_json::to_string(&config).map_err(Error::encode("the front end"))?),
        ("stage", format!("{:?}", args.stage)),
    ];
    let target = Target::new(&args.out, shard, &files, settings);
    if target.is_made()? {
        return Ok(());
    }
    let share = Share::of(shard, files.len());
    let mut values = Vec::new();
    let failed = inputs::each(&files[share.files.clone()], |path| {
        let audio = extractor.decode_file(path)?;
        let record = || extractor.record_from_waveform(&extractor.unpadded_waveform(&audio));
        values.extend(match args.stage {
            Stage::Waveform => extractor.waveform(&audio),
            Stage::Mel => extractor.log_mel(&extractor.waveform(&audio)),
            Stage::Image => config.split(&record()).next().map_or(vec![], |(_, input)| input.to_vec()),
            Stage::Patches => extractor.patches(&record()).unwrap_or_default(),
        });
        Ok::<(), FeatureError>(())
    });
    let n_read = share.files.len();
    inputs::all_read(failed, n_read)?;
    let n = files.len();
    let spectrogram = config.spectrogram();
    let [frames, bands] = YAMNET_PATCH;
    let shape = match args.stage {
        Stage::Waveform => vec![n, config.clip_samples()],
        Stage::Mel => vec![n, spectrogram.n_mels, spectrogram.n_frames(config.clip_seconds)],
        Stage::Image => config.inputs().first().map_or(vec![n], |(_, [height, width])| vec![n, *height, *width]),
        Stage::Patches => vec![n, values.len() / (n_read * frames * bands).max(1), frames, bands],
    };
    npy::write(&target, &share, &values, &shape)
}
