//! Webhooks: the start and the end of each episode as a POST.
//!
//! A delivery is repeated until the receiver takes it. A receiver may thus get it twice, with the same `x-wail-delivery`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode, Uri, header};

use crate::Event;
use crate::backoff::Backoff;
use crate::notice::Notice;
use crate::secret_file::read_secret;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

/// Deliveries that wait for a receiver; the oldest are dropped beyond.
const KEPT_DELIVERIES: usize = 1000;
/// Delays between two attempts: the first, and the longest.
const DELAYS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(600)];
/// The longest delay that a receiver can ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// How long one delivery is tried, so that one that the receiver never takes does not hold up the others for ever.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Time for one attempt, from the lookup of the name to the end of the answer.
const ATTEMPT: Duration = Duration::from_secs(30);
/// Time for the last deliveries when the monitor stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// `[[webhook]]`: a receiver that is told of each episode.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where the episodes are sent: `http://` or `https://`.
    pub url: String,
    /// File with the secret that signs them, relative to the configuration's folder.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
}

/// A receiver whose settings were checked.
pub struct Hook {
    url: Uri,
    key: Option<Hmac<Sha256>>,
    agent: Agent,
    backoff: Backoff,
}

impl WebhookSettings {
    /// Checks the settings and reads the secret; relative paths start from `folder`.
    ///
    /// # Errors
    ///
    /// Every problem, which begins with the name of its key.
    pub fn open(&self, folder: &Path) -> Result<Hook, Vec<String>> {
        let mut problems = Vec::new();
        let url = match self.url.parse::<Uri>() {
            Ok(url) if matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some() => Some(url),
            _ => {
                problems
                    .push(format!("webhook.url: \"{}\" must be a URL that begins with http:// or https://", self.url));
                None
            }
        };
        let key = self.secret_file.as_ref().and_then(|file| {
            let key = read_secret(&folder.join(file)).and_then(|secret| key(&secret));
            key.map_err(|problem| problems.push(format!("webhook.secret_file: {problem}"))).ok()
        });
        match url {
            Some(url) if problems.is_empty() => Ok(Hook::new(url, key)),
            _ => Err(problems),
        }
    }
}

/// Starts the threads that send `events` to the receivers until the senders of the events are gone. What is left is then tried once
/// more, for a few seconds; the thread that is returned ends afterwards.
///
/// # Errors
///
/// If the system starts no thread.
pub fn start(hooks: Vec<Hook>, mut events: broadcast::Receiver<Event>) -> io::Result<JoinHandle<()>> {
    let (deliveries, _) = broadcast::channel(KEPT_DELIVERIES);
    let (works, all_ended) = mpsc::channel::<()>();
    let mut stops = Vec::new();
    for hook in hooks {
        let (stop, stopped) = mpsc::channel();
        let (waiting, works) = (deliveries.subscribe(), works.clone());
        stops.push(stop);
        thread::Builder::new().name("webhook".into()).spawn(move || {
            hook.run(waiting, &stopped);
            drop(works);
        })?;
    }
    thread::Builder::new().name("webhooks".into()).spawn(move || {
        loop {
            match events.blocking_recv() {
                // Nobody receives if there are no hooks.
                Ok(event) => drop(Delivery::of(&event).map(|delivery| deliveries.send(Arc::new(delivery)))),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "webhooks: events came faster than they could be read")
                }
                Err(RecvError::Closed) => break,
            }
        }
        drop((deliveries, stops, works));
        // An error says that all have ended, or that time is up.
        let _ = all_ended.recv_timeout(FAREWELL);
    })
}

/// One event on its way to the receivers.
#[derive(Debug, PartialEq, Eq)]
struct Delivery {
    event: &'static str,
    /// The same in each attempt, and another for each event.
    id: String,
    body: String,
}

impl Delivery {
    /// `None` for events that no receiver is told of.
    fn of(event: &Event) -> Option<Self> {
        let notice = Notice::of(event)?;
        let body = notice
            .json()
            .map_err(|error| tracing::error!(%error, "webhooks: an episode cannot be written as JSON"))
            .ok()?;
        let id = durable::sha256_hex(body.as_bytes()).chars().take(32).collect();
        Some(Self { event: notice.event, id, body })
    }
}

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Delivered,
    /// Another attempt would have the same answer.
    Refused(String),
    /// It may succeed later, after the time that the receiver asks for.
    Failed(String, Option<Duration>),
}

impl Hook {
    fn new(url: Uri, key: Option<Hmac<Sha256>>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(ATTEMPT))
            .user_agent(concat!("wail/", env!("CARGO_PKG_VERSION")))
            .build();
        let [first, longest] = DELAYS;
        Self { url, key, agent: config.into(), backoff: Backoff::new(first, longest) }
    }

    /// Sends one delivery after the other until there will be no more.
    fn run(mut self, mut deliveries: broadcast::Receiver<Arc<Delivery>>, stopped: &mpsc::Receiver<()>) {
        loop {
            match deliveries.blocking_recv() {
                Ok(delivery) => self.deliver(&delivery, stopped),
                Err(RecvError::Lagged(dropped)) => {
                    tracing::warn!(
                        dropped,
                        host = self.host(),
                        "webhook: dropped, because {KEPT_DELIVERIES} are waiting"
                    );
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Tries until the receiver takes or refuses the delivery. When the sender of `stopped` is gone, the next attempt is the last.
    fn deliver(&mut self, delivery: &Delivery, stopped: &mpsc::Receiver<()>) {
        let began = Instant::now();
        self.backoff.reset();
        loop {
            let is_last =
                stopped.try_recv() == Err(mpsc::TryRecvError::Disconnected) || began.elapsed() > GIVE_UP_AFTER;
            let (problem, asked_for) = match self.attempt(delivery) {
                Outcome::Delivered => return,
                Outcome::Refused(problem) => (problem, None),
                Outcome::Failed(problem, asked_for) if !is_last => {
                    let delay = asked_for.unwrap_or_else(|| self.backoff.next_delay());
                    (problem, Some(delay))
                }
                Outcome::Failed(problem, _) => (problem, None),
            };
            let Some(delay) = asked_for else {
                tracing::warn!(
                    problem,
                    event = delivery.event,
                    id = delivery.id,
                    host = self.host(),
                    "webhook: not delivered"
                );
                return;
            };
            tracing::warn!(
                problem,
                ?delay,
                event = delivery.event,
                id = delivery.id,
                host = self.host(),
                "webhook: failed, tried again"
            );
            // Returns early when the monitor stops.
            let _ = stopped.recv_timeout(delay);
        }
    }

    fn attempt(&self, delivery: &Delivery) -> Outcome {
        let mut request = self
            .agent
            .post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-wail-event", delivery.event)
            .header("x-wail-delivery", &delivery.id);
        if let Some(key) = &self.key {
            request = request.header("x-wail-signature", signature(key, delivery.body.as_bytes()));
        }
        match request.send(&delivery.body) {
            Ok(response) => outcome(response.status(), response.headers(), SystemTime::now()),
            Err(error) => Outcome::Failed(error.to_string(), None),
        }
    }

    /// For messages: the rest of a webhook's URL is often a secret.
    fn host(&self) -> &str {
        self.url.host().unwrap_or_default()
    }
}

/// What an answer means.
fn outcome(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Outcome {
    let problem = format!("the receiver answers {status}");
    if status.is_success() {
        Outcome::Delivered
    } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Outcome::Failed(problem, retry_after(headers, now))
    } else if status.is_redirection() {
        Outcome::Refused(format!("{problem}; redirects are not followed, so webhook.url must be the final address"))
    } else {
        Outcome::Refused(problem)
    }
}

/// How long the receiver asks to wait: seconds or a date, at most `LONGEST_RETRY_AFTER`.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let delay = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(delay.clamp(DELAYS[0], LONGEST_RETRY_AFTER))
}

fn key(secret: &str) -> Result<Hmac<Sha256>, String> {
    Hmac::new_from_slice(secret.as_bytes()).map_err(|error| error.to_string())
}

/// `sha256=` and the HMAC-SHA256 of the body in hex.
fn signature(key: &Hmac<Sha256>, body: &[u8]) -> String {
    let code = key.clone().chain_update(body).finalize().into_bytes();
    format!("sha256={}", durable::hex(&code))
}
