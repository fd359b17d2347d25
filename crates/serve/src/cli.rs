//! The command line: what can be typed, and what it starts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use model::Compute;
use predict::Classifier;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::Error;
use crate::limits::Limits;
use crate::listen::serve;
use crate::router::router;
use crate::service::{Service, Settings};
use crate::token::Token;

const AFTER_HELP: &str = "Exit codes: 0 stopped on a signal, 1 failed, 2 wrong use, 4 no model or one that cannot be used.\n\
    The token may also stand in the environment variable WAIL_TOKEN. A socket that systemd passes is used instead of --listen.\n\
    Logs go to stderr. Research software, no medical device.";

/// Where runs are.
const EXPERIMENTS: &str = "experiments";

/// How long `serve check` waits.
const CHECK_TIME: Duration = Duration::from_secs(3);

/// Says why a baby cries, over HTTP: a page for people at /, an API for programs at /docs.
#[derive(Debug, Parser)]
#[command(name = "serve", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    model: ModelArgs,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// A file with the token that clients must send as "Authorization: Bearer TOKEN"
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Let pages of this origin call the API, such as https://example.org; may be given several times
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    allow_origin: Vec<String>,
    /// Let clients name recordings on this host by URL; may be given several times, or as a list with commas
    #[arg(long, value_name = "HOST[:PORT]", env = "WAIL_ALLOW_URL_HOST", value_delimiter = ',')]
    allow_url_host: Vec<String>,
    /// Form of the log
    #[arg(long, value_enum, default_value = "text")]
    log: LogFormat,
    #[command(flatten)]
    limits: Limits,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask a running service whether it lives; for a container's health check
    Check {
        /// Where it listens
        #[arg(value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
        address: SocketAddr,
    },
}

/// Which model, and where to compute, as typed.
#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    /// A model file, an exported model's folder or a run's, or `newest` for the newest run in experiments/; without it the model that
    /// comes with the program
    #[arg(long, value_name = "PATH", env = "WAIL_MODEL")]
    model: Option<PathBuf>,
    /// Where to compute: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
    /// What runs the backbone: auto, burn or rten
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    engine: String,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

impl ModelArgs {
    /// Loads the model.
    ///
    /// # Errors
    /// [`Error::Use`] for a wrong device, [`Error::Model`] if there is no model, or none that can be used.
    pub fn load(&self) -> Result<Classifier, Error> {
        let compute = Compute::new(&self.device, &self.engine).map_err(|e| Error::Use(e.to_string()))?;
        let no_model = |e: predict::Error| Error::Model(e.to_string());
        let classifier = Classifier::find(self.model.as_deref(), Path::new(EXPERIMENTS), &compute).map_err(no_model)?;
        tracing::info!(
            model = classifier.name(),
            sha256 = classifier.sha256(),
            engine = compute.engine_name(),
            "loaded"
        );
        Ok(classifier)
    }
}

/// Parses the arguments of the process and serves until it is told to stop.
///
/// # Errors
/// What keeps the service from starting. Wrong arguments end the process with code 2 and a hint.
pub fn run() -> Result<(), Error> {
    let cli = Cli::parse();
    if let Some(Command::Check { address }) = cli.command {
        return check(address);
    }
    start_log(cli.log);
    let classifier = cli.model.load()?;
    let settings = Settings {
        limits: cli.limits,
        token: token(cli.token_file.as_deref())?,
        origins: cli.allow_origin,
        url_hosts: cli.allow_url_host,
    };
    let failed = |what: &str, e: std::io::Error| Error::Failed(format!("{what}: {e}"));
    let service = Arc::new(Service::new(classifier, settings).map_err(|e| failed("threads", e))?);
    let runtime = tokio::runtime::Runtime::new().map_err(|e| failed("threads", e))?;
    if crate::lambda::is_here() {
        return runtime.block_on(crate::lambda::run(service)).map_err(|e| Error::Failed(format!("lambda: {e}")));
    }
    runtime.block_on(async {
        let listener = listener(cli.listen).await.map_err(|e| failed(&cli.listen.to_string(), e))?;
        let address = listener.local_addr().map_err(|e| failed("socket", e))?;
        let mut terminate = signal(SignalKind::terminate()).map_err(|e| failed("signals", e))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| failed("signals", e))?;
        tracing::info!(%address, "listening");
        let stop = async {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            tracing::info!("stopping");
            service.stop();
        };
        serve(listener, router(Arc::clone(&service)), &service.settings.limits, &service.metrics, stop).await;
        Ok(())
    })
}

/// The socket that systemd passes, else a new one.
async fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    match listenfd::ListenFd::from_env().take_tcp_listener(0)? {
        Some(listener) => {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        }
        None => TcpListener::bind(address).await,
    }
}

fn start_log(format: LogFormat) {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).with_ansi(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

fn token(file: Option<&Path>) -> Result<Option<Token>, Error> {
    let secret = match file {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|e| Error::Use(format!("{}: {e}", path.display()))).map(Some)?
        }
        None => std::env::var("WAIL_TOKEN").ok(),
    };
    let wrong = || Error::Use("the token must be plain characters without spaces, at least one".into());
    secret.map(|secret| Token::new(secret.trim()).ok_or_else(wrong)).transpose()
}

fn origin(text: &str) -> Result<String, String> {
    let uri: axum::http::Uri = text.parse().map_err(|_| "it is no URL".to_owned())?;
    let is_origin = uri.scheme().is_some() && uri.host().is_some() && !text.ends_with('/') && uri.path() == "/";
    if is_origin { Ok(text.into()) } else { Err("it is a scheme and a host, such as https://example.org".into()) }
}

fn check(address: SocketAddr) -> Result<(), Error> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, CHECK_TIME)?;
        stream.set_read_timeout(Some(CHECK_TIME))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    match ask() {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(_) => Err(Error::Failed(format!("{address}: it does not live"))),
        Err(e) => Err(Error::Failed(format!("{address}: {e}"))),
    }
}
