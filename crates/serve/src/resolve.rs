//! Names of hosts to addresses, within a time limit and only to addresses that the service may connect to.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Looks up the addresses of a host and puts a port to each.
pub type Lookup = fn(&str, u16) -> std::io::Result<Vec<SocketAddr>>;

/// Resolves a name to addresses that the service may connect to. ureq connects only to these and does not resolve the name again.
#[derive(Debug, Clone)]
pub struct PublicOnly {
    /// Looks up a name.
    pub lookup: Lookup,
    /// Whether the service may connect to an address.
    pub may_connect: fn(IpAddr) -> bool,
    /// Slot of the fetch.
    pub slot: Arc<OwnedSemaphorePermit>,
}

impl Resolver for PublicOnly {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (host, port) = host_and_port(uri).ok_or(ureq::Error::HostNotFound)?;
        let found = self.look_up(host.trim_matches(['[', ']']).to_owned(), port, *timeout.after)?;
        let mut addresses = self.empty();
        // A private address among public ones is as suspicious as a private one alone.
        if !found.iter().all(|address| (self.may_connect)(address.ip())) {
            return Err(ureq::Error::HostNotFound);
        }
        found.into_iter().take(4).for_each(|address| addresses.push(address));
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

impl PublicOnly {
    /// Looks a name up in a separate thread, because the system's resolver has no time limit. A thread that hangs keeps the slot of
    /// its fetch, so there are never more threads than slots.
    fn look_up(&self, host: String, port: u16, time_limit: Duration) -> Result<Vec<SocketAddr>, ureq::Error> {
        let Self { lookup, slot, .. } = self.clone();
        let (sender, receiver) = mpsc::channel();
        std::thread::Builder::new().name("resolve".into()).spawn(move || {
            let found = lookup(&host, port);
            drop(slot);
            // If nobody waits any more, the addresses are not needed.
            let _ = sender.send(found);
        })?;
        let found = receiver.recv_timeout(time_limit);
        Ok(found.map_err(|_| ureq::Error::Timeout(ureq::Timeout::Resolve))??)
    }
}

/// Host and port of an http or https URL; `None` for other URLs.
pub fn host_and_port(uri: &Uri) -> Option<(&str, u16)> {
    let port = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some((uri.host()?, uri.port_u16().unwrap_or(port)))
}
