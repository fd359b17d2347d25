//! Where tracked events end up.

use super::watch::Event;

/// Why an event was not taken. The text names the sink.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// A file cannot be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The server cannot be reached.
    #[error("{url}: {source}")]
    Unreachable {
        /// The request.
        url: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The server refuses a request.
    #[error("{url}: status {status}: {message}")]
    Refused {
        /// The request.
        url: String,
        /// HTTP status.
        status: u16,
        /// What the server says.
        message: String,
    },
    /// The server's answer cannot be understood.
    #[error("{url}: {source}")]
    Answer {
        /// The request.
        url: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// Takes events one after the other. Taking an event again changes nothing.
pub trait Sink: Send {
    /// Takes `event`; this may take its time.
    ///
    /// # Errors
    /// [`TrackError`] if it was not taken.
    fn take(&mut self, event: &Event) -> Result<(), TrackError>;
}
