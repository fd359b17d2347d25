//! `wail features FILE... --out X.npy`

use std::path::PathBuf;

use clap::ValueEnum;
use features::{Error as FeatureError, Extractor, FrontEnd, YAMNET_PATCH};
use model::Arch;

use crate::Error;
use crate::args::{FrontEndArgs, Inputs};
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
    #[command(flatten)]
    front_end: FrontEndArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// [files, 56000]: 7 s at 8 kHz; for YAMNet [files, 112000] at 16 kHz
    Waveform,
    /// [files, 128, 219]: log-mel, 0 to 1
    Mel,
    /// [files, 224, 224]: input of the backbone; for YAMNet [files, 720, 64], its log-mel
    Image,
    /// [files, 14, 96, 64]: the patches that YAMNet classifies
    Patches,
}

/// Writes the array. An unreadable file is an error, since row and file must correspond.
pub fn run(args: &Args) -> Result<(), Error> {
    let config = args.front_end.config(Arch::ResNet18, None)?;
    let is_image = config.front_end == FrontEnd::Image;
    let wrong = |stage: &str, which: &str| Error::Config(format!("--stage {stage}: {which}; see --front-end"));
    match args.stage {
        Stage::Mel if !is_image => {
            return Err(wrong("mel", "exists for the image front end only; YAMNet's log-mel is --stage image"));
        }
        Stage::Patches if !config.front_end.is_yamnets() => {
            return Err(wrong("patches", "exists for YAMNet's front ends only"));
        }
        _ => {}
    }
    let extractor = Extractor::new(&config).map_err(Error::Features)?;
    let files = inputs::sound_files(&args.inputs.paths)?;
    let mut values = Vec::new();
    let failed = inputs::each(&files, |path| {
        let audio = extractor.decode_file(path)?;
        let image = || extractor.image_from_waveform(&extractor.unpadded_waveform(&audio));
        values.extend(match args.stage {
            Stage::Waveform => extractor.waveform(&audio),
            Stage::Mel => extractor.log_mel(&extractor.waveform(&audio)),
            Stage::Image => image(),
            Stage::Patches => extractor.patches(&image()).unwrap_or_default(),
        });
        Ok::<(), FeatureError>(())
    });
    inputs::all_read(failed, files.len())?;
    let n = files.len();
    let [height, width] = config.image_shape();
    let shape = match args.stage {
        Stage::Waveform => vec![n, config.clip_samples()],
        Stage::Mel => vec![n, config.n_mels, config.n_frames()],
        Stage::Image => vec![n, height, width],
        Stage::Patches => vec![n, values.len() / (n * YAMNET_PATCH[0] * width), YAMNET_PATCH[0], width],
    };
    npy::write(&args.out, &values, &shape)
}
