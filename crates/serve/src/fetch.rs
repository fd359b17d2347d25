//! Fetching a recording from a URL that a client sends.
//!
//! Clients choose where the service connects to, so everything is checked: the host must be on a list, each name is resolved
//! once and only to public addresses, each redirect is checked like the first URL, and time and size are limited.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use ureq::Body;
use ureq::config::Config;
use ureq::http::{Response, Uri, header};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::address::is_public;
use crate::problem::Problem;
use crate::settings::Settings;

/// Maximum number of redirects.
const MAX_REDIRECTS: usize = 3;
/// Maximum number of recordings that are fetched at the same time.
const MAX_FETCHES: usize = 4;

/// Fetches recordings from the hosts on a list.
pub struct Fetcher {
    /// `host` or `host:port`, in lower case.
    hosts: Vec<String>,
    max_bytes: usize,
    time_limit: Duration,
    slots: Semaphore,
    resolver: PublicOnly,
}

/// Resolves a name to addresses that the service may connect to. ureq connects only to these and does not resolve the name again.
#[derive(Debug, Clone, Copy)]
struct PublicOnly {
    lookup: fn(&str, u16) -> std::io::Result<Vec<SocketAddr>>,
    may_connect: fn(IpAddr) -> bool,
}

impl Resolver for PublicOnly {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (host, port) = host_and_port(uri).ok_or(ureq::Error::HostNotFound)?;
        let found = (self.lookup)(host.trim_matches(['[', ']']), port)?;
        let mut addresses = self.empty();
        // A private address among public ones is as suspicious as a private one alone.
        if !found.iter().all(|address| (self.may_connect)(address.ip())) {
            return Err(ureq::Error::HostNotFound);
        }
        found.into_iter().take(4).for_each(|address| addresses.push(address));
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

impl Fetcher {
    /// A fetcher for the hosts in `settings`, with the size and time limits of request bodies.
    pub fn new(settings: &Settings) -> Self {
        let lookup = |host: &str, port| (host, port).to_socket_addrs().map(Iterator::collect);
        Self {
            hosts: settings.url_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            max_bytes: settings.limits.body_bytes(),
            time_limit: settings.limits.body_seconds,
            slots: Semaphore::new(MAX_FETCHES),
            resolver: PublicOnly { lookup, may_connect: is_public },
        }
    }

    /// Fetches the bytes at `url`.
    ///
    /// # Errors
    /// [`Problem::Unusable`] with a reason that reveals nothing about the network, [`Problem::Busy`] if too many fetches are running.
    pub async fn fetch(self: Arc<Self>, url: String) -> Result<Vec<u8>, Problem> {
        let fetcher = Arc::clone(&self);
        let _slot = self.slots.try_acquire().map_err(|_| Problem::Busy)?;
        let fetch = tokio::task::spawn_blocking(move || fetcher.get(&url));
        fetch.await.map_err(|_| Problem::Internal)?
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, Problem> {
        let deadline = Instant::now() + self.time_limit;
        let mut uri: Uri = url.parse().map_err(|_| refused("it is not a URL"))?;
        for _ in 0..=MAX_REDIRECTS {
            self.check(&uri)?;
            let response = self.request(&uri, deadline)?;
            if !response.status().is_redirection() {
                return self.read(response.into_body());
            }
            uri = redirect_target(&uri, response.headers().get(header::LOCATION))?;
        }
        Err(refused("it redirects too often"))
    }

    /// Sends one request; redirects are not followed.
    fn request(&self, uri: &Uri, deadline: Instant) -> Result<Response<Body>, Problem> {
        let config = Config::builder()
            .timeout_global(Some(deadline.saturating_duration_since(Instant::now())))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), self.resolver);
        agent.get(uri.clone()).call().map_err(|error| {
            tracing::info!(%error, "cannot fetch a URL");
            refused("it cannot be fetched")
        })
    }

    fn read(&self, body: Body) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        let read = body.into_reader().take(self.max_bytes as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|_| refused("it cannot be fetched"))?;
        if bytes.len() > self.max_bytes { Err(refused("it is too large")) } else { Ok(bytes) }
    }

    /// Checks that clients may send `uri`: its host is on the list, and it has no user name.
    fn check(&self, uri: &Uri) -> Result<(), Problem> {
        let (host, port) = host_and_port(uri).ok_or_else(|| refused("it is not an http or https URL"))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let host = host.to_ascii_lowercase();
        // An entry without a port allows only the default port of the scheme.
        let has_default_port = uri.port().is_none() && self.hosts.contains(&host);
        let is_listed = has_default_port || self.hosts.contains(&format!("{host}:{port}"));
        if is_listed && !authority.contains('@') { Ok(()) } else { Err(refused("its host is not allowed")) }
    }
}

/// Host and port of an http or https URL; `None` for other URLs.
fn host_and_port(uri: &Uri) -> Option<(&str, u16)> {
    let port = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some((uri.host()?, uri.port_u16().unwrap_or(port)))
}

/// The URL that a redirect leads to. `location` is an absolute URL, or a path on the same host.
fn redirect_target(from: &Uri, location: Option<&header::HeaderValue>) -> Result<Uri, Problem> {
    let wrong = || refused("it redirects to something that is not a URL");
    let location = location.and_then(|location| location.to_str().ok()).ok_or_else(wrong)?;
    if !location.starts_with('/') || location.starts_with("//") {
        return location.parse().map_err(|_| wrong());
    }
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(location.parse().map_err(|_| wrong())?);
    Uri::from_parts(parts).map_err(|_| wrong())
}

fn refused(why: &str) -> Problem {
    Problem::Unusable(format!("cannot use this URL: {why}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    /// Starts a server that answers each connection with the next of `answers`; returns its port.
    fn server(answers: Vec<String>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        port
    }

    fn found(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    fn moved(to: &str) -> String {
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
    }

    /// A fetcher that resolves a few test names, and treats 127.0.0.1, but no other local address, as public.
    fn fetcher(hosts: &[String]) -> Fetcher {
        let lookup = |host: &str, port| {
            let addresses: &[&str] = match host {
                "good.test" => &["127.0.0.1"],
                "mixed.test" => &["127.0.0.1", "10.0.0.1"],
                "mapped.test" => &["::ffff:127.0.0.1"],
                "empty.test" => &[],
                other => &[other],
            };
            Ok(addresses.iter().filter_map(|address| Some(SocketAddr::new(address.parse().ok()?, port))).collect())
        };
        let may_connect = |address: IpAddr| address == IpAddr::from([127, 0, 0, 1]) || is_public(address);
        Fetcher {
            hosts: hosts.to_vec(),
            max_bytes: 100,
            time_limit: Duration::from_secs(2),
            slots: Semaphore::new(1),
            resolver: PublicOnly { lookup, may_connect },
        }
    }

    fn why(result: Result<Vec<u8>, Problem>) -> String {
        result.unwrap_err().detail().replace("cannot use this URL: ", "")
    }

    #[test]
    fn up_to_three_redirects_are_followed_and_each_is_checked() {
        for (answers, expected) in [
            (vec![found("sound")], Ok("sound")),
            (vec![moved("/a"), moved("/b"), moved("/c"), found("sound")], Ok("sound")),
            (vec![moved("/a"), moved("/b"), moved("/c"), moved("/d")], Err("it redirects too often")),
            (vec![moved("http://evil.test/")], Err("its host is not allowed")),
            (vec![moved("http://127.0.0.1/")], Err("its host is not allowed")),
            (vec![moved("file:///etc/passwd")], Err("it redirects to something that is not a URL")),
            (vec![moved("ftp://good.test/cry.wav")], Err("it is not an http or https URL")),
            (vec![found(&"x".repeat(101))], Err("it is too large")),
            (vec!["HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into()], Err("it cannot be fetched")),
        ] {
            let host = format!("good.test:{}", server(answers));
            let got = fetcher(std::slice::from_ref(&host)).get(&format!("http://{host}/cry.wav"));
            match expected {
                Ok(body) => assert_eq!(got.unwrap(), body.as_bytes()),
                Err(reason) => assert_eq!(why(got), reason),
            }
        }
    }

    #[test]
    fn unlisted_hosts_and_private_addresses_are_refused() {
        let hosts =
            ["mixed.test", "mapped.test", "empty.test", "169.254.169.254", "[::1]", "good.test"].map(String::from);
        let fetcher = fetcher(&hosts);
        for (url, reason) in [
            ("http://other.test/", "its host is not allowed"),
            ("http://good.test:22/", "its host is not allowed"),
            ("http://user@good.test/", "its host is not allowed"),
            ("ftp://good.test/", "it is not an http or https URL"),
            ("/etc/passwd", "it is not an http or https URL"),
            ("http://mixed.test/", "it cannot be fetched"),
            ("http://mapped.test/", "it cannot be fetched"),
            ("http://empty.test/", "it cannot be fetched"),
            ("http://169.254.169.254/latest/meta-data", "it cannot be fetched"),
            ("http://[::1]/", "it cannot be fetched"),
        ] {
            assert_eq!(why(fetcher.get(url)), reason, "{url}");
        }
    }

    #[test]
    fn a_slow_host_is_cut_off_at_the_time_limit() {
        let slow = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nonly this".to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("good.test:{}", listener.local_addr().unwrap().port());
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(slow.as_bytes()).unwrap();
            let _ = wait.recv();
        });
        let fetcher = Fetcher { time_limit: Duration::from_millis(300), ..fetcher(std::slice::from_ref(&host)) };
        assert_eq!(why(fetcher.get(&format!("http://{host}/"))), "it cannot be fetched");
        drop(done);
        server.join().unwrap();
    }
}
