//! What to serve, and to which clients.

use crate::limits::Limits;
use crate::token::Token;

/// What to serve, and to which clients.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Limits on size, time and number of requests.
    pub limits: Limits,
    /// Token that clients must send; `None` allows every client.
    pub token: Option<Token>,
    /// Origins of other pages that may call the API, such as `https://example.org`.
    pub origins: Vec<String>,
    /// Hosts that recordings may be fetched from. Fetching is off if the list is empty.
    pub url_hosts: Vec<String>,
}
