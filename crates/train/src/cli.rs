//! The command line: what can be typed, and which function it calls.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use features::{FeatureConfig, FrontEnd, YamnetConfig};
use model::{Arch, BackboneInfo, Compute};

use crate::config::Settings;
use crate::{Error, commands};

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong use or config, 3 bad input data, 4 a missing or unverifiable weight file,\n\
    75 stopped on a signal, run again to go on.\n\
    Data goes to stdout, everything else to stderr.";

/// Trains and runs classifiers that say why a baby cries. Without a command it runs the sweep that --config names.
#[derive(Debug, Parser)]
#[command(name = "train", version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    sweep: commands::sweep::Args,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say why a baby cries: classify recordings with a trained model
    Infer(commands::infer::Args),
    /// Train a backbone from scratch on recordings and synthetic cries, for the sweep
    Pretrain(commands::pretrain::Args),
    /// Write the report of a finished run again, or compare several: report.html and report.md, comparison.html
    Report(commands::report::Args),
    /// Write a trained model as a folder: ONNX, safetensors, burn record and model card
    Export(commands::export::Args),
    /// Say what is wrong with a corpus: copies, leaks between splits, shortcuts, bad recordings
    Audit(commands::audit::Args),
    /// Write waveforms, mel spectrograms or images as float32 .npy, for checking against other tools
    Features(commands::features::Args),
    /// Write embeddings of the backbone as float32 .npy, one row a file
    Embed(commands::embed::Args),
    /// List, fetch or verify the known weight files
    Weights(commands::weights::Args),
    /// Make a labelled synthetic corpus
    Synth(commands::synth::Args),
}

/// How a configuration is to be run, as typed.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Use this seed instead of the config's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where and with what to compute
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// Folder for the run's own folder
    #[arg(long, value_name = "DIR", default_value = "experiments")]
    pub out: PathBuf,
    /// Set a config key, such as train.epochs=5; may be given again
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    overrides: Vec<String>,
}

impl RunArgs {
    /// The configuration in the file that `config` means, with the keys that were set.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn load<C: Settings>(&self, config: &Path) -> Result<C, Error> {
        let mut overrides = self.overrides.clone();
        overrides.extend(self.seed.map(|seed| format!("seed={seed}")));
        C::load(&find(config)?, &overrides)
    }
}

/// The file that `config` means: itself, or a bare name in `configs/`.
fn find(config: &Path) -> Result<PathBuf, Error> {
    let in_configs = Path::new("configs").join(config);
    let bare = config.components().count() == 1;
    if config.is_file() {
        Ok(config.into())
    } else if bare && in_configs.is_file() {
        Ok(in_configs)
    } else {
        let also = if bare { " here or in configs/" } else { "" };
        Err(Error::Config(format!("{}: there is no such config{also}", config.display())))
    }
}

/// Where and with what to compute, as typed.
#[derive(Debug, clap::Args)]
pub struct ComputeArgs {
    /// Where to compute
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceName,
    /// What runs the frozen backbone
    #[arg(long, value_enum, default_value = "auto")]
    engine: EngineName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeviceName {
    /// A GPU that this build supports and that answers, else the CPU
    Auto,
    /// The CPU
    Cpu,
    /// Vulkan, Metal or DirectX; needs a build with --features wgpu
    Wgpu,
    /// CUDA; needs a build with --features cuda
    Cuda,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// The faster one: rten on the CPU, burn on a GPU
    Auto,
    /// burn, on any device
    Burn,
    /// rten, on the CPU only
    Rten,
}

impl ComputeArgs {
    /// The device and the engine.
    ///
    /// # Errors
    /// [`Error::Config`] if they are not in this build, do not answer or do not go together.
    pub fn find(&self) -> Result<Compute, Error> {
        let device = match self.device {
            DeviceName::Auto => "auto",
            DeviceName::Cpu => "cpu",
            DeviceName::Wgpu => "wgpu",
            DeviceName::Cuda => "cuda",
        };
        let engine = match self.engine {
            EngineName::Auto => "auto",
            EngineName::Burn => "burn",
            EngineName::Rten => "rten",
        };
        Compute::new(device, engine).map_err(|e| Error::Config(e.to_string()))
    }
}

/// From audio to image, as typed.
#[derive(Debug, clap::Args)]
pub struct FrontEndArgs {
    /// What a recording becomes, with default settings; without it what the architecture takes
    #[arg(long, value_enum)]
    front_end: Option<FrontEndName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum FrontEndName {
    /// A square image of librosa's log-mel spectrogram
    Image,
    /// YAMNet's log-mel spectrogram, as its authors define it
    Yamnet,
    /// The same with the 8-bit rounding of the TFLite runtime
    YamnetTflite,
    /// Both, an input each
    #[value(name = "image+yamnet")]
    ImageAndYamnet,
}

impl FrontEndArgs {
    /// The default settings of the front end that was asked for, or else those of the `saved` weights, or else the default ones of `arch`.
    ///
    /// # Errors
    /// [`Error::Weights`] if settings were saved that this program does not know.
    pub fn config(&self, arch: Arch, saved: Option<BackboneInfo>) -> Result<FeatureConfig, Error> {
        if let (None, Some(saved)) = (self.front_end, saved) {
            return serde_json::from_value(saved.features)
                .map_err(|e| Error::Weights(format!("the feature settings of the weights: {e}")));
        }
        Ok(match (self.front_end, arch) {
            (Some(FrontEndName::Yamnet), _) => FeatureConfig::yamnet(),
            (Some(FrontEndName::YamnetTflite), _) => {
                FrontEnd::Yamnet(YamnetConfig { tflite_rounding: true, ..YamnetConfig::default() }).into()
            }
            (Some(FrontEndName::ImageAndYamnet), _) => FeatureConfig::image_and_yamnet(),
            (Some(FrontEndName::Image), _) => FeatureConfig::default(),
            (None, arch) => FeatureConfig::for_inputs(&arch.input_names()).unwrap_or_default(),
        })
    }
}

/// Folders and files that hold sound, as typed.
#[derive(Debug, clap::Args)]
pub struct Inputs {
    /// Sound files, or folders of them (wav, flac, mp3, ogg, m4a, aac, caf)
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
}

/// Parses the arguments of the process and runs the command.
///
/// # Errors
/// The command's [`Error`]. Wrong arguments end the process with code 2 and a hint.
pub fn run() -> Result<(), Error> {
    let cli = Cli::parse();
    match cli.command {
        None => commands::sweep::run(&cli.sweep),
        Some(Command::Infer(args)) => commands::infer::run(&args),
        Some(Command::Pretrain(args)) => commands::pretrain::run(&args),
        Some(Command::Report(args)) => commands::report::run(&args),
        Some(Command::Export(args)) => commands::export::run(&args),
        Some(Command::Audit(args)) => commands::audit::run(&args),
        Some(Command::Features(args)) => commands::features::run(&args),
        Some(Command::Embed(args)) => commands::embed::run(&args),
        Some(Command::Weights(args)) => commands::weights::run(&args),
        Some(Command::Synth(args)) => commands::synth::run(&args),
    }
}
