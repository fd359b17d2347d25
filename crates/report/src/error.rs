//! Why a page cannot be rendered.

use std::path::PathBuf;

/// Why a page cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the run cannot be read or written.
    #[error(transparent)]
    Run(#[from] experiment::Error),
    /// A table of the run is not what this program wrote.
    #[error("{}: {problem}", path.display())]
    Table {
        /// The CSV file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A recording can no longer be read.
    #[error("{}: {source}", path.display())]
    Recording {
        /// The recording.
        path: PathBuf,
        /// Why.
        source: features::Error,
    },
    /// The feature settings are invalid.
    #[error(transparent)]
    Features(#[from] features::Error),
    /// The predictions cannot be scored.
    #[error(transparent)]
    Metrics(#[from] metrics::Error),
    /// A template cannot be rendered.
    #[error("{name}: {source:#}")]
    Template {
        /// Name of the template.
        name: &'static str,
        /// Why.
        source: minijinja::Error,
    },
    /// A chart cannot be laid out.
    #[error("chart {description:?}: {source}")]
    Chart {
        /// What the chart shows.
        description: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A sound or picture cannot be encoded.
    #[error("{what} cannot be encoded: {source}")]
    Media {
        /// What was to be encoded.
        what: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A value has no JSON form.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}
