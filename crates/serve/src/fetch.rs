//! Fetching a recording from a URL that a client sends.
//!
//! Clients choose where the service connects to, so everything is checked: the host must be on a list, each name is resolved
//! once and only to public addresses, each redirect is checked like the first URL and never leads from https to http, and time,
//! size and memory are limited.

use std::io::Read;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use ureq::Body;
use ureq::config::Config;
use ureq::http::{Response, Uri, header};
use ureq::unversioned::transport::DefaultConnector;

use crate::address::is_public;
use crate::body::{Held, Memory};
use crate::problem::Problem;
use crate::resolve::{Lookup, PublicOnly, host_and_port};
use crate::settings::Settings;

/// Maximum number of redirects.
const MAX_REDIRECTS: usize = 3;
/// Maximum number of recordings that are fetched at the same time.
const MAX_FETCHES: usize = 4;
/// Bytes that are read at once.
const PIECE: usize = 16 << 10;

/// Fetches recordings from the hosts on a list.
pub struct Fetcher {
    /// `host` or `host:port`, in lower case.
    hosts: Vec<String>,
    max_bytes: usize,
    time_limit: Duration,
    slots: Arc<Semaphore>,
    lookup: Lookup,
    may_connect: fn(IpAddr) -> bool,
}

impl Fetcher {
    /// A fetcher for the hosts in `settings`, with the size and time limits of request bodies.
    pub fn new(settings: &Settings) -> Self {
        let lookup = |host: &str, port| (host, port).to_socket_addrs().map(Iterator::collect);
        Self {
            hosts: settings.url_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            max_bytes: settings.limits.body_bytes(),
            time_limit: settings.limits.body_seconds,
            slots: Arc::new(Semaphore::new(MAX_FETCHES)),
            lookup,
            may_connect: is_public,
        }
    }

    /// Fetches the bytes at `url` into `memory`. A fetch whose future is dropped keeps its slot until it ends.
    ///
    /// # Errors
    /// [`Problem::Unusable`] with a reason that reveals nothing about the network, [`Problem::Busy`] if too many fetches are running or
    /// there is too little memory.
    pub async fn fetch(self: &Arc<Self>, url: String, memory: &Memory) -> Result<Held, Problem> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| Problem::Busy)?;
        let (fetcher, memory) = (Arc::clone(self), memory.clone());
        let fetch = tokio::task::spawn_blocking(move || fetcher.get(&url, &memory, slot));
        fetch.await.map_err(|_| Problem::Internal)?
    }

    fn get(&self, url: &str, memory: &Memory, slot: OwnedSemaphorePermit) -> Result<Held, Problem> {
        let Self { lookup, may_connect, .. } = *self;
        let resolver = PublicOnly { lookup, may_connect, slot: Arc::new(slot) };
        let deadline = Instant::now() + self.time_limit;
        let mut uri: Uri = url.parse().map_err(|_| refused("it is not a URL"))?;
        for _ in 0..=MAX_REDIRECTS {
            self.check(&uri)?;
            let response = request(&uri, deadline, resolver.clone())?;
            if !response.status().is_redirection() {
                return self.read(response.into_body(), memory);
            }
            uri = redirect_target(&uri, response.headers().get(header::LOCATION))?;
        }
        Err(refused("it redirects too often"))
    }

    fn read(&self, body: Body, memory: &Memory) -> Result<Held, Problem> {
        let mut reader = body.into_reader();
        let mut arriving = memory.collect();
        let mut piece = [0; PIECE];
        loop {
            match reader.read(&mut piece).map_err(|_| refused("it cannot be fetched"))? {
                0 => return Ok(arriving.finish()),
                n if arriving.n_bytes() + n > self.max_bytes => return Err(refused("it is too large")),
                n => arriving.push(&piece[..n])?,
            }
        }
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

/// Sends one request; redirects are not followed. The time limit covers everything from the lookup of the name to the end of the body.
fn request(uri: &Uri, deadline: Instant, resolver: PublicOnly) -> Result<Response<Body>, Problem> {
    let config = Config::builder()
        .timeout_global(Some(deadline.saturating_duration_since(Instant::now())))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .build();
    let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), resolver);
    agent.get(uri.clone()).call().map_err(|error| {
        tracing::info!(%error, "cannot fetch a URL");
        refused("it cannot be fetched")
    })
}

/// The URL that a redirect leads to. `location` is an absolute URL, or a path on the same host.
fn redirect_target(from: &Uri, location: Option<&header::HeaderValue>) -> Result<Uri, Problem> {
    let wrong = || refused("it redirects to something that is not a URL");
    let location = location.and_then(|location| location.to_str().ok()).ok_or_else(wrong)?;
    if location.starts_with('/') && !location.starts_with("//") {
        let mut parts = from.clone().into_parts();
        parts.path_and_query = Some(location.parse().map_err(|_| wrong())?);
        return Uri::from_parts(parts).map_err(|_| wrong());
    }
    let to: Uri = location.parse().map_err(|_| wrong())?;
    if from.scheme_str() == Some("https") && to.scheme_str() == Some("http") {
        return Err(refused("it redirects from https to http"));
    }
    Ok(to)
}

fn refused(why: &str) -> Problem {
    Problem::Unusable(format!("cannot use this URL: {why}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener};
    use std::sync::mpsc;

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
                "hanging.test" => loop {
                    std::thread::park();
                },
                other => &[other],
            };
            Ok(addresses.iter().filter_map(|address| Some(SocketAddr::new(address.parse().ok()?, port))).collect())
        };
        let may_connect = |address: IpAddr| address == IpAddr::from([127, 0, 0, 1]) || is_public(address);
        Fetcher {
            hosts: hosts.to_vec(),
            max_bytes: 100,
            time_limit: Duration::from_secs(2),
            slots: Arc::new(Semaphore::new(1)),
            lookup,
            may_connect,
        }
    }

    fn get(fetcher: &Fetcher, url: &str) -> Result<Held, Problem> {
        fetcher.get(url, &Memory::new(1000), Arc::clone(&fetcher.slots).try_acquire_owned().unwrap())
    }

    fn why(result: Result<Held, Problem>) -> String {
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
            let got = get(&fetcher(std::slice::from_ref(&host)), &format!("http://{host}/cry.wav"));
            match expected {
                Ok(body) => assert_eq!(&*got.unwrap(), body.as_bytes()),
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
            assert_eq!(why(get(&fetcher, url)), reason, "{url}");
        }
    }

    #[test]
    fn a_redirect_from_https_to_http_is_refused() {
        let (ok, refused) = (None, Some("it redirects from https to http"));
        for (from, to, expected) in [
            ("https://a.test/1", "http://a.test/2", refused),
            ("https://a.test/1", "HTTP://b.test/2", refused),
            ("https://a.test/1", "https://b.test/2", ok),
            ("https://a.test/1", "/2", ok),
            ("http://a.test/1", "https://a.test/2", ok),
            ("http://a.test/1", "http://a.test/2", ok),
        ] {
            let target = redirect_target(&from.parse().unwrap(), Some(&to.parse().unwrap()));
            let reason = target.err().map(|problem| problem.detail().replace("cannot use this URL: ", ""));
            assert_eq!(reason.as_deref(), expected, "{from} {to}");
        }
    }

    /// A host that stops in the middle of its answer, one that never answers the greeting of TLS, and a resolver that hangs.
    #[test]
    fn slow_hosts_and_a_slow_resolver_are_cut_off_at_the_time_limit() {
        for (scheme, answer) in
            [("http", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nonly this"), ("http", ""), ("https", "")]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let host = format!("good.test:{}", listener.local_addr().unwrap().port());
            let (done, wait) = mpsc::channel::<()>();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
                let _ = wait.recv();
            });
            let fetcher = Fetcher { time_limit: Duration::from_millis(300), ..fetcher(std::slice::from_ref(&host)) };
            assert_eq!(why(get(&fetcher, &format!("{scheme}://{host}/"))), "it cannot be fetched", "{scheme} {answer}");
            drop(done);
            server.join().unwrap();
            assert_eq!(fetcher.slots.available_permits(), 1);
        }
        let fetcher = Fetcher { time_limit: Duration::from_millis(300), ..fetcher(&["hanging.test".into()]) };
        assert_eq!(why(get(&fetcher, "http://hanging.test/")), "it cannot be fetched");
        assert_eq!(fetcher.slots.available_permits(), 0, "the thread that hangs keeps its slot");
    }

    #[tokio::test]
    async fn fetched_bytes_and_fetches_are_counted() {
        let host = format!("good.test:{}", server(vec![found("four"), found("four")]));
        let url = format!("http://{host}/");
        let fetcher = Arc::new(fetcher(&[host]));
        let memory = Memory::new(7);
        let first = fetcher.fetch(url.clone(), &memory).await.unwrap();
        assert_eq!((&*first, memory.n_held()), (&b"four"[..], 4));
        assert_eq!(fetcher.fetch(url.clone(), &memory).await.unwrap_err(), Problem::Busy, "3 bytes are free");
        assert_eq!(memory.n_held(), 4);
        drop(first);
        assert_eq!(memory.n_held(), 0);
        let _slot = Arc::clone(&fetcher.slots).try_acquire_owned().unwrap();
        assert_eq!(fetcher.fetch(url, &memory).await.unwrap_err(), Problem::Busy, "no slot is free");
    }
}
