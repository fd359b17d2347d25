//! The command line of `wail-serve`.

use std::env::VarError;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::uri::Authority;
use clap::{Parser, Subcommand, ValueEnum};
use monitor::Monitor;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::limits::Limits;
use crate::listen::{bind, serve};
use crate::model_args::ModelArgs;
use crate::router::router;
use crate::service::Service;
use crate::settings::Settings;
use crate::token::Token;
use crate::{Error, check, lambda, reload};

const AFTER_HELP: &str = "The token can also be set in the environment variable WAIL_TOKEN. A socket that systemd passes replaces --listen.\n\
    SIGHUP loads the model again, for instance the one that an alias names now; no request is lost.\n\
    The log goes to stderr.\n\
    Exit codes: 0 stopped by a signal, 1 failed, 2 wrong use, 4 no usable model.\n\
    Research software, not a medical device.";

/// Classify baby cries over HTTP: a page for people at /, an API for programs at /docs.
#[derive(Debug, Parser)]
#[command(name = "wail-serve", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    model: ModelArgs,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// File with the token that clients must send as "Authorization: Bearer TOKEN"
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Allow pages from this origin, such as https://example.org, to call the API; can be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    allow_origin: Vec<String>,
    /// Allow clients to send the URL of a recording on this host; can be repeated, or a comma-separated list
    #[arg(long, value_name = "HOST[:PORT]", env = "WAIL_ALLOW_URL_HOST", value_delimiter = ',', value_parser = host)]
    allow_url_host: Vec<String>,
    /// Also listen to the microphones and cameras that this file names, all the time: see /monitor and docs/monitor.md
    #[arg(long, value_name = "FILE")]
    monitor: Option<PathBuf>,
    /// Log format
    #[arg(long, value_enum, default_value = "text")]
    log: LogFormat,
    #[command(flatten)]
    limits: Limits,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that a running service answers; the health check of a container
    Check {
        /// Address of the service
        #[arg(value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
        address: SocketAddr,
    },
}

/// Log format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Text for people
    Text,
    /// One JSON object per line
    Json,
}

/// Parses the arguments of the process and serves until a signal stops it.
///
/// # Errors
/// An [`Error`] that says why the service does not start or ends early. Wrong arguments end the process with exit code 2 and a hint.
pub fn run() -> Result<(), Error> {
    let cli = Cli::parse();
    if let Some(Command::Check { address }) = cli.command {
        return check::check(address);
    }
    start_log(cli.log);
    let settings = Settings {
        limits: cli.limits,
        token: token(cli.token_file.as_deref())?,
        origins: cli.allow_origin,
        url_hosts: cli.allow_url_host.into_iter().filter(|host| !host.is_empty()).collect(),
    };
    let monitor = cli.monitor.as_deref().map(monitor::Config::read).transpose()?;
    let classifier = cli.model.load()?;
    let threads = |source| Error::System { what: "threads", source };
    let service = Service::new(classifier, settings).map_err(threads)?;
    let runtime = tokio::runtime::Runtime::new().map_err(threads)?;
    let served = match lambda::is_here() {
        true => runtime.block_on(lambda::run(Arc::new(service))).map_err(Error::Lambda),
        false => runtime.block_on(serve_until_signal(service, monitor, cli.model, cli.listen)),
    };
    // A fetch that nobody waits for any more must not delay the end.
    runtime.shutdown_background();
    served
}

async fn serve_until_signal(
    mut service: Service,
    monitor: Option<monitor::Config>,
    model: ModelArgs,
    address: SocketAddr,
) -> Result<(), Error> {
    let handlers = |source| Error::System { what: "signal handlers", source };
    let listener = bind(address).await.map_err(|source| Error::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| Error::System { what: "the socket", source })?;
    if let Some(config) = monitor {
        if service.settings.token.is_none() && !address.ip().is_loopback() {
            return Err(Error::OpenMonitor(address));
        }
        service.start_monitor(config)?;
    }
    let service = Arc::new(service);
    let mut terminate = signal(SignalKind::terminate()).map_err(handlers)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(handlers)?;
    let hangup = signal(SignalKind::hangup()).map_err(handlers)?;
    tokio::spawn(reload::at_each(hangup, Arc::clone(&service), model));
    tracing::info!(%address, "listening");
    let mut ending = None;
    let stop = async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping");
        service.stop();
        // It ends its streams of events, for which the open requests wait.
        let service = Arc::clone(&service);
        ending = Some(spawn_blocking(move || service.monitor.iter().for_each(Monitor::stop)));
    };
    serve(listener, router(Arc::clone(&service)), &service.settings.limits, &service.metrics, stop).await;
    if let Some(ending) = ending {
        // A panic was printed when it happened.
        let _ = ending.await;
    }
    Ok(())
}

fn start_log(format: LogFormat) {
    // A log that nobody reads any more is not an error: the subscriber would panic as it reports it.
    let log = tracing_subscriber::fmt().log_internal_errors(false);
    let log = log.with_writer(std::io::stderr).with_target(false).with_ansi(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// The token in `file`, otherwise the one in the environment.
fn token(file: Option<&Path>) -> Result<Option<Token>, Error> {
    let secret = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            Some(text.map_err(|source| Error::TokenFile { path: path.into(), source })?)
        }
        None => match std::env::var("WAIL_TOKEN") {
            Ok(secret) => Some(secret),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(_)) => return Err(Error::Token),
        },
    };
    secret.map(|secret| Token::new(secret.trim()).ok_or(Error::Token)).transpose()
}

/// Parses the origin of a page: a scheme and a host, without a path.
fn origin(text: &str) -> Result<String, String> {
    let uri: axum::http::Uri = text.parse().map_err(|_| "not a URL".to_owned())?;
    let is_origin = uri.scheme().is_some() && uri.host().is_some() && !text.ends_with('/') && uri.path() == "/";
    if is_origin { Ok(text.into()) } else { Err("give a scheme and a host only, such as https://example.org".into()) }
}

/// Parses a host with or without a port. An empty text stands for no host, so that an empty environment variable is no error.
fn host(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_host = text.parse().is_ok_and(|authority: Authority| {
        let port = authority.as_str().strip_prefix(authority.host());
        !authority.host().is_empty() && port.is_some_and(|port| port.is_empty() || authority.port_u16().is_some())
    });
    if text.is_empty() || is_host {
        Ok(text.into())
    } else {
        Err("give a host only, such as example.org or example.org:8443".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_with_or_without_a_port() {
        for (text, expected) in [
            ("example.org", Some("example.org")),
            (" example.org:8443 ", Some("example.org:8443")),
            ("[2606:4700::1111]:443", Some("[2606:4700::1111]:443")),
            ("", Some("")),
            ("https://example.org", None),
            ("example.org/sounds", None),
            ("user@example.org", None),
            ("example.org:", None),
            ("example.org:http", None),
            ("example.org:99999", None),
            (":443", None),
            ("two words", None),
        ] {
            assert_eq!(host(text).ok().as_deref(), expected, "{text}");
        }
    }
}
