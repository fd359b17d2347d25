//! MQTT, with the messages from which Home Assistant discovers the sources by itself.
//!
//! The client is `rumqttc-v4-next`, the continuation of `rumqttc`: the last release of the latter reads certificates with
//! `rustls-pemfile`, which nobody maintains, and brings an older `rustls-webpki` beside ours. MQTT 3.1.1, because every broker speaks it.

mod board;
mod discovery;
mod link;
mod topics;

use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rumqttc::{LastWill, MqttOptions, QoS, Transport};
use serde::Deserialize;
use ureq::http::Uri;

use crate::secret_file::read_secret;
use crate::{SourceStatus, Subscription};
use board::Board;
use link::Link;
use topics::Topics;

/// s. The broker says "offline" after one and a half times as long without a sign of life.
const KEEP_ALIVE: u16 = 30;

/// `[mqtt]`: the broker that is told of the sources.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttSettings {
    /// `mqtt://HOST`, or `mqtts://HOST` with TLS; `:PORT` if it is not 1883 or 8883.
    pub broker: String,
    /// User name, if the broker wants one.
    #[serde(default)]
    pub user: Option<String>,
    /// File with the password of `user`, relative to the configuration's folder.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// First part of every topic.
    #[serde(default = "default_topic")]
    pub topic: String,
    /// First part of Home Assistant's discovery topics; empty turns discovery off.
    #[serde(default = "default_discovery")]
    pub discovery: String,
}

fn default_topic() -> String {
    "wail".into()
}

fn default_discovery() -> String {
    "homeassistant".into()
}

/// A broker whose settings were checked.
pub struct Output {
    options: MqttOptions,
    topics: Topics,
    discovery: Option<String>,
}

impl MqttSettings {
    /// Checks the settings and reads the password; relative paths start from `folder`.
    ///
    /// # Errors
    ///
    /// Every problem, which begins with the name of its key.
    pub fn open(&self, folder: &Path) -> Result<Output, Vec<String>> {
        let mut problems = Vec::new();
        let mut note = |key: &str, problem: String| problems.push(format!("mqtt.{key}: {problem}"));

        let broker = broker(&self.broker).map_err(|problem| note("broker", problem)).ok();
        let password = self
            .password_file
            .as_ref()
            .and_then(|file| read_secret(&folder.join(file)).map_err(|problem| note("password_file", problem)).ok());
        if self.password_file.is_some() && self.user.is_none() {
            note("password_file", "a password needs a `user`".into());
        }
        if !is_prefix(&self.topic) {
            note(
                "topic",
                format!("\"{}\" must be of letters, digits, - and _, with single slashes between them", self.topic),
            );
        }
        if !self.discovery.is_empty() && !is_prefix(&self.discovery) {
            note(
                "discovery",
                format!("\"{}\" must be of letters, digits, - and _, with single slashes between them", self.discovery),
            );
        }

        match broker {
            Some(broker) if problems.is_empty() => Ok(self.output(broker, password)),
            _ => Err(problems),
        }
    }

    fn output(&self, broker: Broker, password: Option<String>) -> Output {
        let topics = Topics::new(&self.topic);
        let mut options = MqttOptions::new(topics.client_id(), (broker.host, broker.port));
        options.set_transport(broker.transport).set_keep_alive(KEEP_ALIVE);
        options.set_last_will(LastWill::new(topics.available(), "offline", QoS::AtLeastOnce, true));
        match (&self.user, password) {
            (Some(user), Some(password)) => options.set_credentials(user, password),
            (Some(user), None) => options.set_username(user),
            (None, _) => &mut options,
        };
        let discovery = (!self.discovery.is_empty()).then(|| self.discovery.clone());
        Output { options, topics, discovery }
    }
}

impl Output {
    /// Starts a thread that tells the broker of all `events` until the monitor has stopped; it then says that the monitor is offline, and
    /// ends within a few seconds. `current` gives the state of every source. `model` is shown by Home Assistant.
    ///
    /// # Errors
    ///
    /// If the system starts no thread.
    pub fn start(
        self,
        model: &str,
        events: Subscription,
        current: impl Fn() -> Vec<SourceStatus> + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let link = Link::new(self.options, Board::new(self.topics, self.discovery, model), events, current);
        std::thread::Builder::new().name("mqtt".into()).spawn(move || {
            runtime.block_on(link.run());
            // A lookup of a name may last; it need not be awaited.
            runtime.shutdown_background();
        })
    }
}

/// Where a broker is.
struct Broker {
    host: String,
    port: u16,
    transport: Transport,
}

fn broker(url: &str) -> Result<Broker, String> {
    let example = "it should look like mqtt://localhost:1883";
    let uri: Uri = url.parse().map_err(|_| format!("\"{url}\" is not a URL; {example}"))?;
    let (transport, default_port) = match uri.scheme_str() {
        Some("mqtt") => (Transport::Tcp, 1883),
        Some("mqtts") => {
            let tls = Transport::try_tls_with_default_config();
            (tls.map_err(|error| format!("the system's certificates cannot be read: {error}"))?, 8883)
        }
        _ => return Err(format!("\"{url}\" must begin with mqtt:// or mqtts://; {example}")),
    };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err("the user and the password belong into `user` and `password_file`".into());
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(format!("\"{url}\" must end after the port; {example}"));
    }
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Broker { host, port: uri.port_u16().unwrap_or(default_port), transport })
}

/// Whether topics may begin with `text`.
fn is_prefix(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    text.split('/').all(is_part)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn settings(toml: &str) -> MqttSettings {
        toml::from_str(toml).unwrap()
    }

    fn problems(toml: &str) -> Vec<String> {
        settings(toml).open(Path::new("/nowhere")).err().unwrap_or_default()
    }

    #[test]
    fn only_the_broker_is_needed() {
        let settings = settings("broker = \"mqtt://localhost\"");
        assert_eq!((settings.topic.as_str(), settings.discovery.as_str()), ("wail", "homeassistant"));
        let output = settings.open(Path::new("")).ok().unwrap();
        assert_eq!(output.options.broker().tcp_address(), Some(("localhost", 1883)));
        assert_eq!(output.discovery.as_deref(), Some("homeassistant"));
        let will = output.options.last_will().unwrap();
        assert_eq!((will.topic.as_str(), &will.message[..], will.retain), ("wail/available", &b"offline"[..], true));
    }

    #[test]
    fn an_empty_discovery_turns_it_off() {
        let output = settings("broker = \"mqtt://[::1]:1884\"\ndiscovery = \"\"").open(Path::new("")).ok().unwrap();
        assert_eq!(output.options.broker().tcp_address(), Some(("::1", 1884)));
        assert_eq!(output.discovery, None);
    }

    #[test]
    fn with_tls_the_port_is_another() {
        let broker = broker("mqtts://broker.example").ok().unwrap();
        assert_eq!((broker.host.as_str(), broker.port), ("broker.example", 8883));
        assert!(matches!(broker.transport, Transport::Tls(_)));
    }

    #[test]
    fn the_password_is_the_first_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "secret words\n").unwrap();
        let settings = settings("broker = \"mqtt://localhost\"\nuser = \"wail\"\npassword_file = \"password\"");
        let output = settings.open(folder.path()).ok().unwrap();
        let expected =
            rumqttc::ConnectAuth::UsernamePassword { username: "wail".into(), password: "secret words".into() };
        assert_eq!(output.options.auth(), &expected);
    }

    #[test]
    fn every_problem_names_its_key() {
        let found =
            problems("broker = \"http://localhost\"\npassword_file = \"none\"\ntopic = \"a/#\"\ndiscovery = \"/x\"");
        let keys: Vec<&str> = found.iter().filter_map(|problem| problem.split(": ").next()).collect();
        let expected = ["mqtt.broker", "mqtt.password_file", "mqtt.password_file", "mqtt.topic", "mqtt.discovery"];
        assert_eq!(keys, expected, "{found:?}");
    }

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        for url in
            ["localhost", "mqtt://user:word@localhost", "mqtt://localhost/topic", "mqtt://localhost?x", "mqtt://", ""]
        {
            assert!(broker(url).is_err(), "{url}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = toml::from_str::<MqttSettings>("broker = \"mqtt://localhost\"\nuser_name = \"wail\"").unwrap_err();
        assert!(error.to_string().contains("user_name"), "{error}");
    }
}
