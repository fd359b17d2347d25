//! Arguments that several commands share, and what they resolve to.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use features::{FeatureConfig, FrontEnd, YamnetConfig};
use model::{Arch, BackboneInfo, ComputeArgs};

use crate::Error;
use crate::config::{Settings, built_in};

/// Arguments of commands that run a configuration.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Seed; overrides the one in the config
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Device and engine
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// Folder in which the run's folder is created
    #[arg(long, value_name = "DIR", default_value = "experiments")]
    pub out: PathBuf,
    /// Set a config key, such as train.epochs=5; may be repeated
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    overrides: Vec<String>,
}

impl RunArgs {
    /// Loads the configuration that `config` names (a path, a bare name in `configs/`, or the name of a built-in one) and
    /// applies `--seed` and `--set`.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no such file or its values are invalid.
    pub fn load<C: Settings>(&self, config: &Path) -> Result<C, Error> {
        let mut overrides = self.overrides.clone();
        overrides.extend(self.seed.map(|seed| format!("seed={seed}")));
        let in_configs = Path::new("configs").join(config);
        let bare = config.components().count() == 1;
        if config.is_file() {
            return C::load(config, &overrides);
        }
        if bare && in_configs.is_file() {
            return C::load(&in_configs, &overrides);
        }
        match config.to_str().filter(|_| bare).and_then(|name| Some((name, built_in::find(name)?))) {
            Some((name, text)) => C::parse(&format!("{name} (built in)"), text, &overrides),
            None => {
                let name = config.display();
                let hint = if bare { " here, in configs/ or built in; see: wail config list" } else { "" };
                Err(Error::Config(format!("{name}: there is no such config{hint}")))
            }
        }
    }
}

/// Arguments of commands that turn audio into the input of an encoder.
#[derive(Debug, clap::Args)]
pub struct FrontEndArgs {
    /// Front end, with its default settings [default: the one that fits the architecture]
    #[arg(long, value_enum)]
    front_end: Option<FrontEndName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum FrontEndName {
    /// A square log-mel image, as librosa computes it
    Image,
    /// YAMNet's log-mel spectrogram, as its authors define it
    Yamnet,
    /// YAMNet's log-mel spectrogram with the 8-bit rounding of the TFLite runtime
    YamnetTflite,
    /// The image and YAMNet's log-mel spectrogram, as separate inputs
    #[value(name = "image+yamnet")]
    ImageAndYamnet,
}

impl FrontEndArgs {
    /// The default settings of the requested front end. If none was requested: the settings saved in the weights, or the
    /// defaults of `arch`.
    ///
    /// # Errors
    /// [`Error::SavedSettings`] if the saved settings are unknown to this program.
    pub fn config(&self, arch: Arch, saved: Option<BackboneInfo>) -> Result<FeatureConfig, Error> {
        if let (None, Some(saved)) = (self.front_end, saved) {
            let what = "the feature settings of the weights".into();
            return serde_json::from_value(saved.features).map_err(|source| Error::SavedSettings { what, source });
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

/// Sound files and folders.
#[derive(Debug, clap::Args)]
pub struct Inputs {
    /// Sound files, or folders of them (wav, aiff, au, caf, flac, mp3, ogg, m4a, aac)
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
}
