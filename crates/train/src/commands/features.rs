//! `train features FILE... --out X.npy`

use std::path::PathBuf;

use clap::ValueEnum;
use features::{Error as FeatureError, Extractor, PATCHES, YAMNET_PATCH};
use model::Arch;

use crate::cli::{FrontEndArgs, Inputs};
use crate::{Error, inputs, npy};

/// Arguments of `train features`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// File to write, float32, one row a file in the order given
    #[arg(long, value_name = "X.npy")]
    out: PathBuf,
    /// How far to go along the road
    #[arg(long, value_enum, default_value = "image")]
    stage: Stage,
    #[command(flatten)]
    road: FrontEndArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// [files, 56000]: 7 s at 8 kHz; for YAMNet [files, 112000] at 16 kHz
    Waveform,
    /// [files, 128, 219]: log-mel, 0 to 1
    Mel,
    /// [files, 224, 224]: the square image; for YAMNet alone [files, 720, 64], its log-mel
    Image,
    /// [files, 14, 96, 64]: YAMNet's log-mel in patches that overlap by half
    Patches,
}

/// Writes the array; an unreadable file ends the command, since the rows stand for the files.
pub fn run(args: &Args) -> Result<(), Error> {
    let config = args.road.config(Arch::RESNET18, None)?;
    let wrong = |stage: &str, which: &str| Error::Config(format!("--stage {stage} is {which}: see --front-end"));
    match args.stage {
        Stage::Mel if config.image().is_none() => {
            return Err(wrong("mel", "for the front end image; YAMNet's is its image"));
        }
        Stage::Patches if config.front_ends.iter().all(|f| f.input_name() != PATCHES) => {
            return Err(wrong("patches", "for YAMNet's front ends"));
        }
        _ => {}
    }
    let extractor = Extractor::new(&config).map_err(|e| Error::Failed(e.to_string()))?;
    let files = inputs::sound_files(&args.inputs.paths)?;
    let mut values = Vec::new();
    let failed = inputs::each(&files, |path| {
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
    inputs::all_read(failed, files.len())?;
    let n = files.len();
    let spectrogram = config.spectrogram();
    let [frames, bands] = YAMNET_PATCH;
    let shape = match args.stage {
        Stage::Waveform => vec![n, config.clip_samples()],
        Stage::Mel => vec![n, spectrogram.n_mels, spectrogram.n_frames(config.clip_seconds)],
        Stage::Image => config.inputs().first().map_or(vec![n], |(_, [height, width])| vec![n, *height, *width]),
        Stage::Patches => vec![n, values.len() / (n * frames * bands), frames, bands],
    };
    npy::write(&args.out, &values, &shape)
}
