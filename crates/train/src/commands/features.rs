//! `train features FILE... --out X.npy`

use std::path::PathBuf;

use clap::ValueEnum;
use features::{Error as FeatureError, Extractor, FeatureConfig};

use crate::cli::Inputs;
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// [files, 56000]: 7 s at 8 kHz
    Waveform,
    /// [files, 128, 219]: log-mel, 0 to 1
    Mel,
    /// [files, 224, 224]: what the backbone sees
    Image,
}

/// Writes the array; an unreadable file ends the command, since the rows stand for the files.
pub fn run(args: &Args) -> Result<(), Error> {
    let config = FeatureConfig::default();
    let extractor = Extractor::new(&config).map_err(|e| Error::Failed(e.to_string()))?;
    let files = inputs::sound_files(&args.inputs.paths)?;
    let mut values = Vec::new();
    let failed = inputs::each(&files, |path| {
        let waveform = extractor.waveform(&extractor.decode_file(path)?);
        values.extend(match args.stage {
            Stage::Waveform => waveform,
            Stage::Mel => extractor.log_mel(&waveform),
            Stage::Image => extractor.image(&extractor.log_mel(&waveform)),
        });
        Ok::<(), FeatureError>(())
    });
    inputs::all_read(failed, files.len())?;
    let n = files.len();
    let shape = match args.stage {
        Stage::Waveform => vec![n, config.clip_samples()],
        Stage::Mel => vec![n, config.n_mels, config.n_frames()],
        Stage::Image => vec![n, config.image_size, config.image_size],
    };
    npy::write(&args.out, &values, &shape)
}
