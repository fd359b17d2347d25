//! Arguments that several commands share, and what they resolve to.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use features::{FeatureConfig, FrontEnd, YamnetConfig};
use model::{Arch, BackboneInfo, ComputeArgs};

use crate::Error;
use crate::config::{Config, Settings, built_in};
use crate::pretrain::config::PretrainConfig;

/// Default of `--out`.
const DEFAULT_OUT: &str = "experiments";

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
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
    /// Set a config key, such as train.epochs=5; may be repeated
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    overrides: Vec<String>,
}

impl RunArgs {
    /// `config`, which was read from the folder `run`, with `--set` applied.
    ///
    /// # Errors
    /// As [`Settings::parse`].
    pub fn overridden<C: Settings>(&self, run: &Path, config: &C) -> Result<C, Error> {
        C::parse(&run.display().to_string(), &config.to_toml()?, &self.overrides)
    }

    /// Parses the configuration in `source` and applies `--seed` and `--set`.
    ///
    /// # Errors
    /// As [`Settings::load`]; [`Error::Config`] says so if it is a configuration of another command.
    pub fn load<C: Settings, Other: Settings>(&self, source: &ConfigSource) -> Result<C, Error> {
        let mut overrides = self.overrides.clone();
        overrides.extend(self.seed.map(|seed| format!("seed={seed}")));
        source.parse(&overrides).map_err(|error| match source.parse::<Other>(&[]) {
            Ok(_) if source.parse::<C>(&[]).is_err() => {
                Error::Config(format!("{source}: this config is for another command: {}", Other::COMMAND))
            }
            _ => error,
        })
    }
}

/// Arguments of commands about a sweep.
#[derive(Debug, clap::Args)]
pub struct SweepArgs {
    /// Configuration of the sweep; a bare name is also looked for in configs/
    #[arg(long, value_name = "FILE", default_value = "sweep.toml")]
    config: PathBuf,
    #[command(flatten)]
    pub run: RunArgs,
}

impl SweepArgs {
    /// The arguments that say the same to another process, which finds the configuration at `config` if that is given. Those that
    /// have their default are left out.
    ///
    /// # Errors
    /// [`Error::Config`] if a script cannot name a path.
    pub fn words(&self, config: Option<&Path>) -> Result<Vec<String>, Error> {
        let RunArgs { seed, compute, out, overrides } = &self.run;
        let mut words = vec!["--config".into(), path_text(config.unwrap_or(&self.config))?];
        words.extend(seed.iter().flat_map(|seed| ["--seed".into(), seed.to_string()]));
        words.extend(compute.words());
        if out != Path::new(DEFAULT_OUT) {
            words.extend(["--out".into(), path_text(out)?]);
        }
        words.extend(overrides.iter().flat_map(|one| ["--set".into(), one.clone()]));
        Ok(words)
    }

    /// The configuration, and where it is.
    ///
    /// # Errors
    /// As [`ConfigSource::find`] and [`RunArgs::load`].
    pub fn load(&self) -> Result<(ConfigSource, Config), Error> {
        let source = ConfigSource::find(&self.config)?;
        let config = self.run.load::<Config, PretrainConfig>(&source)?;
        Ok((source, config))
    }
}

/// Parses a number within `range`.
pub fn number_in(range: RangeInclusive<i32>) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let value: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
        let (least, most) = (*range.start(), *range.end());
        let is_inside = (f64::from(least)..=f64::from(most)).contains(&value);
        if is_inside { Ok(value) } else { Err(format!("it must be {least} to {most}")) }
    }
}

/// The path as a word of a script.
///
/// # Errors
/// [`Error::Config`] if it is not Unicode or has a line break.
pub fn path_text(path: &Path) -> Result<String, Error> {
    match path.to_str().filter(|text| !text.contains(['\n', '\r', '\0'])) {
        Some(text) => Ok(text.into()),
        None => Err(Error::Config(format!("{}: a script cannot name this path; rename it", path.display()))),
    }
}

/// Where a configuration is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigSource {
    /// A file.
    File(PathBuf),
    /// A built-in one: its name as given, and its text.
    BuiltIn(String, &'static str),
}

impl ConfigSource {
    /// Finds the configuration that `config` names: a path, a bare name in `configs/`, or the name of a built-in one.
    ///
    /// # Errors
    /// [`Error::Config`] if there is none.
    pub fn find(config: &Path) -> Result<Self, Error> {
        let is_bare = config.components().count() == 1;
        let in_configs = Path::new("configs").join(config);
        if config.is_file() {
            return Ok(Self::File(config.into()));
        }
        if is_bare && in_configs.is_file() {
            return Ok(Self::File(in_configs));
        }
        let file_name = config.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let problem = match built_in::find(file_name) {
            Some(text) if is_bare => return Ok(Self::BuiltIn(file_name.into(), text)),
            _ if config.is_dir() => "this is a folder; name the config in it".into(),
            _ if config.exists() => "this is not a regular file".into(),
            Some(_) => format!("there is no such file; for the built-in config: --config {file_name}"),
            None if is_bare => "there is no such config here, in configs/ or built in; see: wail config list".into(),
            None => "there is no such config; for the built-in ones see: wail config list".to_owned(),
        };
        Err(Error::Config(format!("{}: {problem}", config.display())))
    }

    /// Its text.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] if the file cannot be read.
    pub fn text(&self) -> Result<String, Error> {
        match self {
            Self::File(path) => {
                std::fs::read_to_string(path).map_err(Error::config_file(format!("{self}: cannot be read")))
            }
            Self::BuiltIn(_, text) => Ok((*text).into()),
        }
    }

    /// Parses it and applies `overrides`.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse<C: Settings>(&self, overrides: &[String]) -> Result<C, Error> {
        match self {
            Self::File(path) => C::load(path, overrides),
            Self::BuiltIn(_, text) => C::parse(&self.to_string(), text, overrides),
        }
    }
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::BuiltIn(name, _) => write!(f, "{name} (built in)"),
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
    /// Sound files, or folders of them (wav, aiff, au, caf, flac, mp3, ogg, opus, webm, m4a, aac)
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
}
