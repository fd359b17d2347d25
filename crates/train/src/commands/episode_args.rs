//! The command-line arguments that change how a model finds episodes of crying.

use std::path::PathBuf;
use std::str::FromStr;

use model::EpisodeSettings;
use predict::Classifier;

use crate::args::number_in;
use crate::{Error, episode_file};

/// For `#[command(flatten)]`. What is not given is as the model has it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Episodes")]
pub struct EpisodeArgs {
    /// TOML file with these settings, as `wail evaluate --fit` prints it
    #[arg(long, value_name = "FILE")]
    episode_settings: Option<PathBuf>,
    /// Length of the windows that are scored, at most the model's clip length
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub window: Option<f64>,
    /// Time from the start of one window to the start of the next
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub hop: Option<f64>,
    /// Average the scores of the windows that began within this time
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    smoothing: Option<f64>,
    /// Score that a cry reaches, 0 to 1
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true, value_parser = number_in(0..=1))]
    on_threshold: Option<f64>,
    /// Score below which there is no cry, at most that of --on-threshold
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true, value_parser = number_in(0..=1))]
    off_threshold: Option<f64>,
    /// An episode begins when K of N windows in a row reach --on-threshold
    #[arg(long, value_name = "K/N")]
    confirm: Option<Confirmation>,
    /// Longest pause within an episode
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    hold: Option<f64>,
    /// Shortest episode
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    min_length: Option<f64>,
}

impl EpisodeArgs {
    /// The settings of `classifier` with those of the file, and with what was given beside it.
    ///
    /// # Errors
    /// As [`episode_file::read`].
    pub fn settings(&self, classifier: &Classifier) -> Result<EpisodeSettings, Error> {
        let own = classifier.episode_settings();
        let own = self.episode_settings.as_deref().map_or(Ok(own), |path| episode_file::read(path, own))?;
        let own = own.with_windows(self.window, self.hop, classifier.features().clip_seconds);
        let on_threshold = self.on_threshold.map_or(own.on_threshold, |score| score as f32);
        let Confirmation { windows, of } =
            self.confirm.unwrap_or(Confirmation { windows: own.confirm_windows, of: own.confirm_of });
        Ok(EpisodeSettings {
            smoothing_seconds: self.smoothing.unwrap_or(own.smoothing_seconds),
            on_threshold,
            // A lower threshold that was not given stays below the upper one.
            off_threshold: self.off_threshold.map_or(own.off_threshold.min(on_threshold), |score| score as f32),
            confirm_windows: windows,
            confirm_of: of,
            hold_seconds: self.hold.unwrap_or(own.hold_seconds),
            min_seconds: self.min_length.unwrap_or(own.min_seconds),
            ..own
        })
    }
}

/// `2/3`: so many windows of so many.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Confirmation {
    windows: usize,
    of: usize,
}

impl FromStr for Confirmation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        let (windows, of) = numbers.ok_or("the form is K/N, such as 2/3")?;
        Ok(Self { windows, of })
    }
}
