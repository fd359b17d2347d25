//! Why the service does not start or ends early, and the exit code for each reason.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the service does not start or ends early. [`Error::exit_code`] gives the documented exit code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device or engine is not available: exit code 2.
    #[error(transparent)]
    Device(model::Error),
    /// The token file cannot be read: exit code 2.
    #[error("cannot read the token file {}: {source}", path.display())]
    TokenFile {
        /// The token file.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The token cannot be sent in a header: exit code 2.
    #[error("the token must have at least one character, and only ASCII characters without spaces")]
    Token,
    /// The labels do not fit the model: exit code 2.
    #[error(transparent)]
    Labels(predict::Error),
    /// The address of the model is wrong, or this program has no object stores: exit code 2.
    #[error(transparent)]
    Address(predict::Error),
    /// There is no model, or it is not usable: exit code 4.
    #[error(transparent)]
    Model(predict::Error),
    /// The configuration of the monitor is wrong, or does not fit the model: exit code 2.
    #[error("--monitor: {0}")]
    MonitorConfig(#[source] monitor::Error),
    /// The monitor would be open to everyone in the network: exit code 2.
    #[error(
        "--monitor without a token listens to this machine only, and {0} is open to others; set a token with --token-file or \
         WAIL_TOKEN, or listen on 127.0.0.1"
    )]
    OpenMonitor(SocketAddr),
    /// The folder of the monitor cannot be used: exit code 1.
    #[error("--monitor: {0}")]
    Monitor(#[source] monitor::Error),
    /// The address is not available, for instance because the port is in use: exit code 1.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// Why it is not available.
        source: io::Error,
    },
    /// The operating system refuses a thread, a socket or a signal handler: exit code 1.
    #[error("cannot set up {what}: {source}")]
    System {
        /// What was refused.
        what: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// The Lambda runtime API fails: exit code 1.
    #[error("the Lambda runtime API fails: {0}")]
    Lambda(#[source] lambda_http::Error),
    /// The health check could not reach the service: exit code 1.
    #[error("no answer from {address}: {source}")]
    Unreachable {
        /// Address of the service.
        address: SocketAddr,
        /// Why it was not reached.
        source: io::Error,
    },
    /// The service answered the health check with an error: exit code 1.
    #[error("{0} answers, but not like a healthy Wail service")]
    Unhealthy(SocketAddr),
}

impl Error {
    /// Exit code of the process for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Device(_)
            | Self::TokenFile { .. }
            | Self::Token
            | Self::Labels(_)
            | Self::Address(_)
            | Self::MonitorConfig(_)
            | Self::OpenMonitor(_) => 2,
            Self::Model(_) => 4,
            Self::Listen { .. }
            | Self::Monitor(_)
            | Self::System { .. }
            | Self::Lambda(_)
            | Self::Unreachable { .. }
            | Self::Unhealthy(_) => 1,
        }
    }
}

impl From<monitor::Error> for Error {
    fn from(error: monitor::Error) -> Self {
        match error {
            monitor::Error::InUse { .. } | monitor::Error::Folder { .. } | monitor::Error::Thread(_) => {
                Self::Monitor(error)
            }
            _ => Self::MonitorConfig(error),
        }
    }
}
