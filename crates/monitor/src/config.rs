//! `monitor.toml`: what to listen to, and what to keep.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use model::EpisodeSettings;
use predict::Classifier;
use serde::Deserialize;

use crate::Error;
use crate::mqtt::{self, MqttSettings};
use crate::webhook::{Hook, WebhookSettings};

/// What a monitor listens to, and what it keeps.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the history, the clips and the reviews.
    #[serde(default = "folder")]
    pub folder: PathBuf,
    /// Keys of [`EpisodeSettings`] instead of the model's own.
    #[serde(default)]
    pub episodes: toml::Table,
    /// The microphones and cameras.
    #[serde(default, rename = "source")]
    pub sources: Vec<SourceConfig>,
    /// How long sound is kept; without it, none is.
    pub clips: Option<ClipConfig>,
    /// The MQTT broker that is told of episodes.
    pub mqtt: Option<MqttSettings>,
    /// Who else is told of episodes.
    #[serde(default, rename = "webhook")]
    pub webhooks: Vec<WebhookSettings>,
    /// The folder that relative paths start from: that of the file.
    #[serde(skip)]
    base: PathBuf,
}

/// A microphone or a camera: a command that writes sound.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Its name: letters, digits, `-` and `_`.
    pub name: String,
    /// Program and arguments. It writes 16-bit little-endian PCM to its standard output.
    pub command: Vec<String>,
    /// 4000 to 96000 Hz.
    #[serde(default = "sample_rate")]
    pub sample_rate: u32,
    /// Number of channels, 1 to 32. Their mean is heard.
    #[serde(default = "channels")]
    pub channels: usize,
}

/// How long the sound of episodes is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipConfig {
    /// Clips are deleted after this many days, 1 to 36500.
    #[serde(default = "days")]
    pub days: u32,
    /// The oldest are deleted where all take more than this, MiB, at least 1.
    #[serde(default = "max_mib")]
    pub max_mib: u32,
    /// Sound that is kept from before the onset, s, 0 to 60.
    #[serde(default = "before_seconds")]
    pub before_seconds: f64,
}

fn folder() -> PathBuf {
    "wail-monitor".into()
}

fn sample_rate() -> u32 {
    16_000
}

fn channels() -> usize {
    1
}

fn days() -> u32 {
    7
}

fn max_mib() -> u32 {
    1000
}

fn before_seconds() -> f64 {
    5.0
}

impl Config {
    /// Reads the file at `path`. Relative paths in it start from its folder.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Parse`] for unknown keys and wrong types, [`Error::Invalid`] with every invalid value.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let parsed = toml::from_str(&text);
        let mut config: Self = parsed.map_err(|source| Error::Parse { path: path.into(), source: Box::new(source) })?;
        config.base = path.parent().unwrap_or(Path::new("")).into();
        config.folder = config.base.join(&config.folder);
        let mut problems = config.problems();
        problems.extend(config.outputs().err().into_iter().flatten());
        if problems.is_empty() { Ok(config) } else { Err(Error::Invalid { path: path.into(), problems }) }
    }

    /// How `classifier` finds episodes with the keys of `[episodes]`.
    ///
    /// # Errors
    /// [`Error::Episodes`] if it cannot with these.
    pub fn episode_settings(&self, classifier: &Classifier) -> Result<EpisodeSettings, Error> {
        let settings = classifier.episode_settings().with_keys(&self.episodes);
        let settings = settings.map_err(|error| Error::Episodes(predict::Error::Windows(error.to_string())))?;
        classifier.check_episodes(&settings).map_err(Error::Episodes)?;
        Ok(settings)
    }

    /// Who is told of events. Reads their passwords and secrets.
    pub(crate) fn outputs(&self) -> Result<(Option<mqtt::Output>, Vec<Hook>), Vec<String>> {
        let broker = self.mqtt.as_ref().map(|mqtt| mqtt.open(&self.base)).transpose();
        let (hooks, wrong): (Vec<_>, Vec<_>) =
            self.webhooks.iter().map(|webhook| webhook.open(&self.base)).partition(Result::is_ok);
        let mut problems: Vec<String> = wrong.into_iter().filter_map(Result::err).flatten().collect();
        match broker {
            Ok(broker) if problems.is_empty() => Ok((broker, hooks.into_iter().flatten().collect())),
            Ok(_) => Err(problems),
            Err(of_broker) => {
                problems.extend(of_broker);
                Err(problems)
            }
        }
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |is_good: bool, problem: String| {
            if !is_good {
                problems.push(problem);
            }
        };
        // Whether the values fit is decided by the model.
        if let Err(error) = EpisodeSettings::of_threshold(None, 3.0).with_keys(&self.episodes) {
            check(false, format!("[episodes]: {error}"));
        }
        check(!self.sources.is_empty(), "there is no [[source]]: name at least one microphone or camera".into());
        let mut names = HashSet::new();
        for (index, SourceConfig { name, command, sample_rate, channels }) in self.sources.iter().enumerate() {
            let source = format!("source {} ({name:?})", index + 1);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            check(
                !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain),
                format!("{source}: `name` must be 1 to 64 letters, digits, - and _"),
            );
            check(names.insert(name), format!("{source}: another source has this `name`"));
            check(
                command.first().is_some_and(|program| !program.is_empty()),
                format!("{source}: `command` must name a program, such as [\"arecord\", \"-q\", ...]"),
            );
            check((4000..=96_000).contains(sample_rate), format!("{source}: `sample_rate` must be 4000 to 96000"));
            check((1..=32).contains(channels), format!("{source}: `channels` must be 1 to 32"));
        }
        if let Some(ClipConfig { days, max_mib, before_seconds }) = &self.clips {
            check(
                (1..=36_500).contains(days),
                "[clips] `days` must be 1 to 36500; leave [clips] out to keep no sound".into(),
            );
            check(*max_mib >= 1, "[clips] `max_mib` must be at least 1; leave [clips] out to keep no sound".into());
            check((0.0..=60.0).contains(before_seconds), "[clips] `before_seconds` must be 0 to 60".into());
        }
        problems
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path).map_err(|error| error.to_string())
    }

    const SOURCE: &str = "[[source]]\nname = \"nursery\"\ncommand = [\"arecord\"]\n";

    #[test]
    fn what_is_left_out_has_a_default_and_paths_start_from_the_file() {
        let config = read(&format!("{SOURCE}[clips]\n")).unwrap();
        let SourceConfig { name, command, sample_rate, channels } = &config.sources[0];
        assert_eq!(
            (name.as_str(), &command[..], *sample_rate, *channels),
            ("nursery", &["arecord".to_owned()][..], 16_000, 1)
        );
        let ClipConfig { days, max_mib, before_seconds } = config.clips.unwrap();
        assert_eq!((days, max_mib, before_seconds), (7, 1000, 5.0));
        assert_eq!(config.folder, config.base.join("wail-monitor"));
        assert!(config.base.is_absolute());
        let config = read(&format!("folder = \"/var/lib/wail\"\n{SOURCE}")).unwrap();
        assert_eq!((config.folder, config.clips.is_none()), ("/var/lib/wail".into(), true));
    }

    #[test]
    fn keys_of_episodes_replace_those_of_the_model() {
        let config = read(&format!("{SOURCE}[episodes]\non_threshold = 0.875\nconfirm_of = 5\n")).unwrap();
        let own = EpisodeSettings::of_threshold(Some(0.5), 7.0);
        let expected = EpisodeSettings { on_threshold: 0.875, confirm_of: 5, ..own };
        assert_eq!(own.with_keys(&config.episodes).unwrap(), expected);
    }

    #[test]
    fn mistakes_are_named_all_at_once() {
        for (text, expected) in [
            ("", &["there is no [[source]]"][..]),
            (&SOURCE.repeat(2), &["source 2 (\"nursery\"): another source has this `name`"]),
            (
                "[[source]]\nname = \"a b\"\ncommand = []\nsample_rate = 10\nchannels = 0\n[clips]\ndays = 0\nmax_mib = 0\nbefore_seconds = -1",
                &[
                    "`name` must be",
                    "`command` must",
                    "`sample_rate` must",
                    "`channels` must",
                    "`days` must",
                    "`max_mib` must",
                    "`before_seconds` must",
                ],
            ),
            (&format!("{SOURCE}rate = 3\n"), &["line 4", "unknown field `rate`"]),
            (&format!("{SOURCE}[episode]\n"), &["unknown field `episode`"]),
            (&format!("{SOURCE}[episodes]\nthreshold = 0.5\n"), &["[episodes]: unknown field `threshold`"]),
            (&format!("{SOURCE}[episodes]\non_threshold = \"high\"\n"), &["[episodes]: invalid type"]),
            (&format!("{SOURCE}[clips]\nbefore_seconds = nan\n"), &["`before_seconds` must"]),
            ("folder = ", &["line 1"]),
            (
                &format!("{SOURCE}[mqtt]\nbroker = \"http://x\"\n[[webhook]]\nurl = \"x\"\n"),
                &["mqtt.broker", "webhook.url"],
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(expected.iter().all(|word| error.contains(word)), "{text}\n{error}");
        }
        assert!(
            Config::read(Path::new("/nowhere/monitor.toml")).unwrap_err().to_string().contains("/nowhere/monitor.toml")
        );
    }
}
