//! `--track`: what else is told of a run.

use std::path::PathBuf;

use super::mlflow::Mlflow;
use super::queue::Queued;
use super::sink::{Sink, TrackError};
use super::tensorboard::Tensorboard;
use super::watch::{Event, Watch};

/// Folder of TensorBoard's files unless `--track` names one.
const TENSORBOARD: &str = "tensorboard";
/// Environment variable with the address of the MLflow server, as for MLflow's own clients.
const MLFLOW_VARIABLE: &str = "MLFLOW_TRACKING_URI";

/// A sink that the command line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackTarget {
    /// Event files below a folder.
    Tensorboard(PathBuf),
    /// The server at an address.
    Mlflow(String),
}

impl TrackTarget {
    /// Parses `tensorboard[:DIR]` or `mlflow[:URL]`.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, place) = text.split_once(':').map_or((text, None), |(kind, place)| (kind, Some(place)));
        match (kind, place) {
            ("tensorboard", Some("")) | ("mlflow", Some("")) => Err("nothing follows the colon".into()),
            ("tensorboard", folder) => Ok(Self::Tensorboard(folder.unwrap_or(TENSORBOARD).into())),
            ("mlflow", place) => {
                let url = place.map(String::from).or_else(|| std::env::var(MLFLOW_VARIABLE).ok());
                let is_http = |url: &String| url.starts_with("http://") || url.starts_with("https://");
                url.filter(is_http).map(Self::Mlflow).ok_or_else(|| {
                    format!(
                        "give the address of the server: mlflow:http://HOST:5000, or {MLFLOW_VARIABLE}=http://HOST:5000"
                    )
                })
            }
            _ => Err("give tensorboard, tensorboard:DIR, mlflow or mlflow:URL".into()),
        }
    }

    /// As `--track` names it.
    fn name(&self) -> String {
        match self {
            Self::Tensorboard(folder) => format!("tensorboard:{}", folder.display()),
            Self::Mlflow(url) => format!("mlflow:{url}"),
        }
    }

    fn sink(&self) -> Box<dyn Sink> {
        match self {
            Self::Tensorboard(folder) => Box::new(Tensorboard::new(folder)),
            Self::Mlflow(url) => Box::new(Mlflow::new(url)),
        }
    }

    /// Watches a run without holding it up.
    pub fn watch(&self) -> Box<dyn Watch> {
        Box::new(Queued::new(&self.name(), self.sink()))
    }

    /// Sends `events` and waits for each.
    ///
    /// # Errors
    /// [`TrackError`] of the first one that was not taken.
    pub fn send(&self, events: &[Event]) -> Result<(), TrackError> {
        let mut sink = self.sink();
        events.iter().try_for_each(|event| sink.take(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_named_with_its_place() {
        assert_eq!(TrackTarget::parse("tensorboard"), Ok(TrackTarget::Tensorboard("tensorboard".into())));
        assert_eq!(TrackTarget::parse("tensorboard:/a:b"), Ok(TrackTarget::Tensorboard("/a:b".into())));
        let server = "http://127.0.0.1:5000";
        assert_eq!(TrackTarget::parse(&format!("mlflow:{server}")), Ok(TrackTarget::Mlflow(server.into())));
        for wrong in ["wandb", "tensorboard:", "mlflow:", "mlflow:ftp://a", ""] {
            assert!(TrackTarget::parse(wrong).is_err(), "{wrong}");
        }
    }
}
