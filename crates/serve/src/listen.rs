//! Accepts connections and limits their number and duration.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use crate::closing::{self, Closing};
use crate::limits::Limits;
use crate::metrics::Metrics;

/// Maximum size of a request head, bytes.
const MAX_HEAD: usize = 16 << 10;
/// Pause after a failed accept, for instance when there is no free file descriptor.
const PAUSE: Duration = Duration::from_millis(50);
/// Time that connections accepted during shutdown have to send their request.
const LAST_CALL: Duration = Duration::from_millis(200);

/// The socket that systemd passes, otherwise a new one on `address`.
///
/// # Errors
/// Any I/O error, for instance if the address is not available.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    match listenfd::ListenFd::from_env().take_tcp_listener(0)? {
        Some(listener) => {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        }
        None => TcpListener::bind(address).await,
    }
}

/// Serves until `stop` completes, then waits for the open requests.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    metrics: &Metrics,
    stop: impl Future<Output = ()>,
) {
    let connections = Connections::new(listener, router, limits, metrics);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            (accepted, slot) = connections.accept() => match accepted {
                Ok(stream) => connections.start(stream, slot),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    connections.finish().await;
}

/// The socket, and the state that its connections share.
struct Connections<'a> {
    listener: TcpListener,
    router: Router,
    limits: &'a Limits,
    metrics: &'a Metrics,
    http: http1::Builder,
    graceful: GracefulShutdown,
    /// One permit per connection.
    slots: Arc<Semaphore>,
}

impl<'a> Connections<'a> {
    fn new(listener: TcpListener, router: Router, limits: &'a Limits, metrics: &'a Metrics) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.head_seconds).max_buf_size(MAX_HEAD);
        let slots = Arc::new(Semaphore::new(limits.connections as usize));
        let router = router.layer(from_fn(closing::announce));
        Self { listener, router, limits, metrics, http, graceful: GracefulShutdown::new(), slots }
    }

    /// Waits for a free slot, then for a client.
    async fn accept(&self) -> (std::io::Result<TcpStream>, Option<OwnedSemaphorePermit>) {
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        (self.listener.accept().await.map(|(stream, _)| stream), slot)
    }

    /// Serves a connection in a separate task, which holds `slot` until the connection ends.
    fn start(&self, stream: TcpStream, slot: Option<OwnedSemaphorePermit>) {
        let mut stream = TimeoutStream::new(Closing::new(stream));
        stream.set_write_timeout(Some(self.limits.body_seconds));
        let service = TowerToHyperService::new(self.router.clone());
        let connection = self.http.serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = self.graceful.watch(connection);
        let open = Open::new(&self.metrics.connections, slot);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection failed");
            }
            drop(open);
        });
    }

    /// Accepts the clients that are already waiting, closes the socket and waits for the open requests.
    async fn finish(self) {
        // Closing the socket first would reset the connections that wait to be accepted.
        while let Ok((Ok(stream), slot)) = timeout(Duration::ZERO, self.accept()).await {
            self.start(stream, slot);
        }
        drop(self.listener);
        sleep(LAST_CALL).await;
        if timeout(self.limits.stop_seconds, self.graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests took too long and were cut off");
        }
    }
}

/// Counts a connection until it is dropped, even by a panic.
struct Open {
    connections: Gauge,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Open {
    fn new(connections: &Gauge, slot: Option<OwnedSemaphorePermit>) -> Self {
        connections.inc();
        Self { connections: connections.clone(), _slot: slot }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connections.dec();
    }
}
