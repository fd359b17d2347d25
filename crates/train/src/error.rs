//! What can end a command early, and the exit code of each case.

use std::io;
use std::path::{Path, PathBuf};

/// The source of an error for which this crate has no type.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;

/// What can end a command early. [`Error::exit_code`] gives the documented exit code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Wrong use of the command line, or an invalid configuration: exit code 2.
    #[error("{0}")]
    Config(String),
    /// A configuration that cannot be read, or is not valid TOML: exit code 2.
    #[error("{what}: {source}")]
    ConfigFile {
        /// The file, and what was done with it.
        what: String,
        /// Why it failed.
        source: Source,
    },
    /// The device or engine is not in this build or does not answer, or the two cannot be combined: exit code 2.
    #[error(transparent)]
    Compute(model::Error),
    /// The model cannot do what the command line asks for: exit code 2.
    #[error(transparent)]
    Request(predict::Error),
    /// The feature settings are invalid: exit code 2.
    #[error(transparent)]
    Features(features::Error),

    /// Recordings, splits or a saved run that cannot be used: exit code 3.
    #[error("{0}")]
    Data(String),
    /// A corpus that cannot be read: exit code 3. A rule for recorders that is wrong or does not fit, a synthetic corpus that is
    /// too small or whose folder is taken: exit code 2. A cache or a corpus that cannot be written: exit code 1.
    #[error(transparent)]
    Dataset(#[from] dataset::Error),
    /// A run without shards that is not finished: exit code 3.
    #[error("{}: there are no shards to merge in it, and no finished run: {source}", run.display())]
    NothingToMerge {
        /// The run's folder.
        run: PathBuf,
        /// Why there is no finished run.
        source: experiment::Error,
    },
    /// A recording that cannot be decoded: exit code 3.
    #[error("{}: {source}", path.display())]
    Recording {
        /// The recording.
        path: PathBuf,
        /// Why.
        source: features::Error,
    },

    /// Weights or a model that is missing or not usable: exit code 4.
    #[error("{0}")]
    Weights(String),
    /// A known weight file that is not available: exit code 4, or 1 if a file cannot be read or written.
    #[error(transparent)]
    WeightFile(#[from] weights::Error),
    /// A weight or model file that is damaged or does not fit: exit code 4.
    #[error(transparent)]
    ModelFile(model::Error),
    /// There is no model to predict with: exit code 4, or 1 if the device or engine refuses it.
    #[error(transparent)]
    NoModel(predict::Error),
    /// A published model that is not available, or a model that cannot be published: exit code 4, or 2 for a wrong address, 1 if a
    /// store cannot be used, 75 if somebody else moved the alias.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A run cannot be sent to TensorBoard or MLflow: exit code 1.
    #[error(transparent)]
    Tracking(crate::tracking::sink::TrackError),
    /// A candidate that does not take over: exit code 1.
    #[error("the candidate does not take over: {0}")]
    NotBetter(String),
    /// Settings inside a weight or model file that cannot be read: exit code 4.
    #[error("{what}: {source}")]
    SavedSettings {
        /// Which settings, with the path of their file.
        what: String,
        /// Why.
        source: serde_json::Error,
    },

    /// A signal asked the command to stop: exit code 75.
    #[error("stopped on a signal; run the same command again to resume")]
    Interrupted,
    /// Trials of a run that is to be merged are missing: exit code 75.
    #[error("{0}")]
    Incomplete(String),

    /// The reader of standard output closed it, as `head` does: a quiet end with exit code 0.
    #[error("standard output is closed")]
    ClosedPipe,

    /// Training diverged: exit code 1. Only this error is recorded as the outcome of a trial.
    #[error("{0}")]
    Diverged(String),
    /// Every trial of a search diverged: exit code 1.
    #[error("every trial failed, the first one with: {first}")]
    NoTrial {
        /// Message of the first failed trial.
        first: String,
    },
    /// A file or stream cannot be read or written: exit code 1.
    #[error("{what}: {source}")]
    Io {
        /// The file or stream.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A run's file cannot be used: exit code 75 if another process is at work there, 3 if it cannot be understood, else 1.
    #[error(transparent)]
    Run(#[from] experiment::Error),
    /// A page cannot be rendered: the exit code of its cause.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// The run's model or one of its checkpoints cannot be written or read: exit code 1.
    #[error(transparent)]
    Checkpoint(model::Error),
    /// The device or engine does not support the network or returns no result: exit code 1.
    #[error("{what}: {source}")]
    Device {
        /// What was computed.
        what: &'static str,
        /// Why.
        source: Source,
    },
    /// A decomposition of a matrix failed, or an embedding is not finite: exit code 1.
    #[error("{0}")]
    Numerical(String),
    /// Predictions cannot be scored: exit code 1.
    #[error(transparent)]
    Metrics(#[from] metrics::Error),
    /// A prediction failed: exit code 1.
    #[error(transparent)]
    Predict(#[from] predict::Error),
    /// A value has no encoded form: exit code 1.
    #[error("{what}: {source}")]
    Encode {
        /// What was to be encoded.
        what: String,
        /// Why.
        source: Source,
    },
    /// Jobs that cannot be submitted: exit code 1, or 2 for an option that they cannot have.
    #[error(transparent)]
    Submit(#[from] submit::Error),
    /// The system does not let the program handle signals: exit code 1.
    #[error("signals cannot be handled: {0}")]
    Signals(#[source] io::Error),
}

impl Error {
    /// The exit code of the process: 0 if nobody reads its output any more, 1 failed, 2 wrong use or configuration, 3 bad input
    /// data, 4 missing or unusable weights, 75 to be continued: stopped by a signal, another process is at work, or trials are
    /// missing.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::ConfigFile { .. } | Self::Compute(_) | Self::Request(_) | Self::Features(_) => 2,
            Self::Dataset(
                dataset::Error::RecorderPattern { .. }
                | dataset::Error::RecorderGroup { .. }
                | dataset::Error::RecorderCoverage { .. }
                | dataset::Error::Synthetic(_)
                | dataset::Error::Occupied { .. },
            ) => 2,
            Self::Submit(submit::Error::Option(_)) => 2,
            Self::Dataset(dataset::Error::Write { .. }) | Self::WeightFile(weights::Error::Io { .. }) => 1,
            Self::NoModel(predict::Error::Model(model::Error::Device { .. } | model::Error::Engine { .. })) => 1,
            Self::Data(_) | Self::Dataset(_) | Self::NothingToMerge { .. } | Self::Recording { .. } => 3,
            Self::Weights(_)
            | Self::WeightFile(_)
            | Self::ModelFile(_)
            | Self::NoModel(_)
            | Self::SavedSettings { .. } => 4,
            Self::Registry(error) => registry_exit_code(error),
            Self::ClosedPipe => 0,
            Self::Interrupted | Self::Incomplete(_) => 75,
            Self::Run(error) => run_exit_code(error),
            Self::Report(error) => report_exit_code(error),
            Self::Diverged(_)
            | Self::NotBetter(_)
            | Self::Tracking(_)
            | Self::NoTrial { .. }
            | Self::Io { .. }
            | Self::Checkpoint(_)
            | Self::Device { .. }
            | Self::Numerical(_)
            | Self::Metrics(_)
            | Self::Predict(_)
            | Self::Encode { .. }
            | Self::Submit(_)
            | Self::Signals(_) => 1,
        }
    }

    /// Wraps an error of finding a model, for `map_err`.
    pub(crate) fn of_model(error: predict::Error) -> Self {
        match error {
            predict::Error::Labels { .. } => Self::Request(error),
            predict::Error::Registry(error) => Self::Registry(error),
            error => Self::NoModel(error),
        }
    }

    /// Wraps an I/O error of `path`, for `map_err`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what: path.display().to_string(), source }
    }

    /// Wraps an error of the device or engine, for `map_err`; `what` says what was computed.
    pub(crate) fn device<E: Into<Source>>(what: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Device { what, source: source.into() }
    }

    /// Wraps an error of reading or parsing a configuration, for `map_err`; `what` says what was done.
    pub(crate) fn config_file<E: Into<Source>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |source| Self::ConfigFile { what: what.into(), source: source.into() }
    }

    /// Wraps an encoder's error, for `map_err`; `what` says what was to be encoded.
    pub(crate) fn encode<E: Into<Source>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |source| Self::Encode { what: what.into(), source: source.into() }
    }

    /// Wraps the error of reading a tensor back from the device, for `map_err`.
    pub(crate) fn no_result(source: impl Into<Source>) -> Self {
        Self::Device { what: "the device gave no float32 result", source: source.into() }
    }
}

fn registry_exit_code(error: &registry::Error) -> u8 {
    match error {
        error if error.is_wrong_use() => 2,
        registry::Error::Missing { .. } | registry::Error::Damaged { .. } => 4,
        registry::Error::Moved { .. } => 75,
        _ => 1,
    }
}

fn run_exit_code(error: &experiment::Error) -> u8 {
    match error {
        experiment::Error::NoReport { .. } | experiment::Error::Format { .. } | experiment::Error::Damaged { .. } => 3,
        experiment::Error::Busy { .. } => 75,
        _ => 1,
    }
}

fn report_exit_code(error: &report::Error) -> u8 {
    match error {
        report::Error::Run(error) => run_exit_code(error),
        report::Error::Features(_) => 2,
        report::Error::Table { .. } | report::Error::Recording { .. } => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let path = PathBuf::from("x");
        for (error, code) in [
            (Error::Diverged("the loss is not finite".into()), 1),
            (Error::io(&path)(missing()), 1),
            (Error::no_result("no float32"), 1),
            (experiment::Error::Write { path: path.clone(), source: missing() }.into(), 1),
            (dataset::Error::Write { path: path.clone(), source: missing() }.into(), 1),
            (weights::Error::Io { path: path.clone(), source: missing() }.into(), 1),
            (Error::Config("wrong".into()), 2),
            (dataset::Error::RecorderGroup { pattern: "x".into() }.into(), 2),
            (dataset::Error::RecorderCoverage { rule: "x".into(), reason: "none".into() }.into(), 2),
            (dataset::Error::Synthetic("too few".into()).into(), 2),
            (Error::Data("bad".into()), 3),
            (dataset::Error::Read { path: path.clone(), source: missing() }.into(), 3),
            (experiment::Error::NoReport { path: path.clone(), source: missing() }.into(), 3),
            (experiment::Error::Busy { run: path.clone(), holder: "process 7".into() }.into(), 75),
            (report::Error::Table { path, problem: "a row is too short".into() }.into(), 3),
            (weights::Error::Status { url: "https://example.org".into(), status: 404 }.into(), 4),
            (Error::Weights("none".into()), 4),
            (Error::NoModel(predict::Error::NoModel("none".into())), 4),
            (Error::NoModel(model::Error::Device { name: "cuda".into(), problem: "lost".into() }.into()), 1),
            (Error::NotBetter("worse".into()), 1),
            (registry::Error::Url { url: "s3://b".into(), problem: "no alias" }.into(), 2),
            (registry::Error::Damaged { url: "s3://b/a".into(), problem: "another SHA-256".into() }.into(), 4),
            (registry::Error::Moved { url: "s3://b/a".into() }.into(), 75),
            (Error::Interrupted, 75),
            (Error::Incomplete("one is missing".into()), 75),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
        }
    }

    #[test]
    fn errors_keep_their_source() {
        let error = Error::from(experiment::Error::Write {
            path: "x".into(),
            source: io::Error::from_raw_os_error(28), // ENOSPC
        });
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.and_then(io::Error::raw_os_error), Some(28));
    }
}
