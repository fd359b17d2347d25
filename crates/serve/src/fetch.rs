//! Recordings from a URL that a client names. The service then connects where a stranger tells it to, so that everything is checked:
//! the host is on a list, each name is resolved once and only to public addresses, each redirect is checked like the first URL, and
//! time and size have an end.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use ureq::config::Config;
use ureq::http::{Uri, header};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::address::is_public;
use crate::problem::Problem;
use crate::service::Settings;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 3;
/// Recordings that are fetched at the same time.
const MAX_FETCHES: usize = 4;

/// Fetches recordings from the hosts of a list.
pub struct Fetcher {
    hosts: Vec<String>,
    limit: usize,
    time: Duration,
    places: Semaphore,
    resolver: PublicOnly,
}

/// Resolves names, to addresses that may be connected to. ureq connects to what it is given here and resolves nothing again.
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
        // A name with one private address among public ones is as suspicious as a private one.
        if !found.iter().all(|address| (self.may_connect)(address.ip())) {
            return Err(ureq::Error::HostNotFound);
        }
        found.into_iter().take(4).for_each(|address| addresses.push(address));
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

impl Fetcher {
    /// Fetches from the hosts of `settings`, as much and as long as a body may be and take.
    pub fn new(settings: &Settings) -> Self {
        let lookup = |host: &str, port| (host, port).to_socket_addrs().map(Iterator::collect);
        Self {
            hosts: settings.url_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            limit: settings.limits.body_bytes(),
            time: settings.limits.body_seconds,
            places: Semaphore::new(MAX_FETCHES),
            resolver: PublicOnly { lookup, may_connect: is_public },
        }
    }

    /// The bytes at `url`.
    ///
    /// # Errors
    /// [`Problem::Unusable`] with a reason that tells nothing of the network, [`Problem::Busy`].
    pub async fn fetch(self: Arc<Self>, url: String) -> Result<Vec<u8>, Problem> {
        let fetcher = Arc::clone(&self);
        let _place = self.places.try_acquire().map_err(|_| Problem::Busy)?;
        let fetch = tokio::task::spawn_blocking(move || fetcher.get(&url));
        fetch.await.map_err(|_| Problem::Internal)?
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, Problem> {
        let end = Instant::now() + self.time;
        let mut uri: Uri = url.parse().map_err(|_| refused("it is no URL"))?;
        for _ in 0..=MAX_REDIRECTS {
            self.check(&uri)?;
            let config = Config::builder()
                .timeout_global(Some(end.saturating_duration_since(Instant::now())))
                .max_redirects(0)
                .max_redirects_will_error(false)
                .proxy(None)
                .build();
            let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), self.resolver);
            let response = agent.get(uri.clone()).call().map_err(|error| {
                tracing::info!(%error, "a URL cannot be fetched");
                refused("it cannot be fetched")
            })?;
            if !response.status().is_redirection() {
                let mut bytes = Vec::new();
                let reader = response.into_body().into_reader();
                let read = reader.take(self.limit as u64 + 1).read_to_end(&mut bytes);
                read.map_err(|_| refused("it cannot be fetched"))?;
                return if bytes.len() > self.limit { Err(refused("it is too large")) } else { Ok(bytes) };
            }
            uri = next(&uri, response.headers().get(header::LOCATION))?;
        }
        Err(refused("it redirects too often"))
    }

    /// An error unless `uri` is one that clients may name.
    fn check(&self, uri: &Uri) -> Result<(), Problem> {
        let (host, port) = host_and_port(uri).ok_or_else(|| refused("it is no http or https URL"))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let named = [host.to_ascii_lowercase(), format!("{}:{port}", host.to_ascii_lowercase())];
        // Without a port on the list, only the scheme's own is meant.
        let is_plain = uri.port().is_none() && self.hosts.contains(&named[0]);
        let is_listed = is_plain || self.hosts.contains(&named[1]);
        if is_listed && !authority.contains('@') { Ok(()) } else { Err(refused("its host is not allowed")) }
    }
}

/// Host and port of a http or https URL.
fn host_and_port(uri: &Uri) -> Option<(&str, u16)> {
    let port = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some((uri.host()?, uri.port_u16().unwrap_or(port)))
}

/// Where a redirect leads: an absolute URL, or a path on the same host.
fn next(from: &Uri, location: Option<&header::HeaderValue>) -> Result<Uri, Problem> {
    let wrong = || refused("it redirects to no URL");
    let location = location.and_then(|location| location.to_str().ok()).ok_or_else(wrong)?;
    if !location.starts_with('/') || location.starts_with("//") {
        return location.parse().map_err(|_| wrong());
    }
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(location.parse().map_err(|_| wrong())?);
    Uri::from_parts(parts).map_err(|_| wrong())
}

fn refused(why: &str) -> Problem {
    Problem::Unusable(format!("the URL is refused: {why}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    /// Answers each connection with the next of `answers`; gives the port.
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

    /// Knows `good.test` and `mixed.test`, and takes 127.0.0.1, but nothing else that is local, for public.
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
            limit: 100,
            time: Duration::from_secs(2),
            places: Semaphore::new(1),
            resolver: PublicOnly { lookup, may_connect },
        }
    }

    fn why(result: Result<Vec<u8>, Problem>) -> String {
        result.unwrap_err().detail().replace("the URL is refused: ", "")
    }

    #[test]
    fn redirects_are_followed_three_times_and_checked_each_time() {
        for (answers, expected) in [
            (vec![found("sound")], Ok("sound")),
            (vec![moved("/a"), moved("/b"), moved("/c"), found("sound")], Ok("sound")),
            (vec![moved("/a"), moved("/b"), moved("/c"), moved("/d")], Err("it redirects too often")),
            (vec![moved("http://evil.test/")], Err("its host is not allowed")),
            (vec![moved("http://127.0.0.1/")], Err("its host is not allowed")),
            (vec![moved("file:///etc/passwd")], Err("it redirects to no URL")),
            (vec![moved("ftp://good.test/cry.wav")], Err("it is no http or https URL")),
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
    fn hosts_that_are_not_listed_or_not_public_are_refused() {
        let hosts =
            ["mixed.test", "mapped.test", "empty.test", "169.254.169.254", "[::1]", "good.test"].map(String::from);
        let fetcher = fetcher(&hosts);
        for (url, reason) in [
            ("http://other.test/", "its host is not allowed"),
            ("http://good.test:22/", "its host is not allowed"),
            ("http://user@good.test/", "its host is not allowed"),
            ("ftp://good.test/", "it is no http or https URL"),
            ("/etc/passwd", "it is no http or https URL"),
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
    fn a_host_that_sends_slowly_is_given_up() {
        let slow = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nonly this".to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("good.test:{}", listener.local_addr().unwrap().port());
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(slow.as_bytes()).unwrap();
            let _ = wait.recv();
        });
        let fetcher = Fetcher { time: Duration::from_millis(300), ..fetcher(std::slice::from_ref(&host)) };
        assert_eq!(why(fetcher.get(&format!("http://{host}/"))), "it cannot be fetched");
        drop(done);
        server.join().unwrap();
    }
}
