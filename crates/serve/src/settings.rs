//! What to serve, and to whom.

use crate::limits::Limits;
use crate::token::Token;

/// What to serve, and to whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Limits on size, time and number of requests.
    pub limits: Limits,
    /// Token that clients must send; `None` lets everybody in.
    pub token: Option<Token>,
    /// Origins of other pages that may call the API, such as `https://example.org`.
    pub origins: Vec<String>,
    /// Hosts that recordings may be fetched from. Without any, fetching is off.
    pub url_hosts: Vec<String>,
}
