//! Connections: how many, how slow they may be, and how they end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use crate::limits::Limits;
use crate::metrics::Metrics;

/// Most bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;
/// How long no connection is accepted when there is no room for one, such as no file descriptor.
const PAUSE: Duration = Duration::from_millis(50);
/// How long connections that wait to be accepted when the service stops have to send their request.
const LAST_CALL: Duration = Duration::from_millis(200);

/// Serves until `stop` is done, then lets the requests in flight end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    metrics: &Metrics,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections as usize));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_seconds).max_buf_size(MAX_HEAD);

    let start = |stream: TcpStream, place| {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.body_seconds));
        let connection =
            http.serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router.clone()));
        let connection = graceful.watch(connection);
        let open = metrics.connections.clone();
        open.inc();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            open.dec();
            drop(place);
        });
    };
    let next = || async {
        let place = Arc::clone(&places).acquire_owned().await.ok();
        (listener.accept().await, place)
    };
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            (accepted, place) = next() => match accepted {
                Ok((stream, _)) => start(stream, place),
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    // Closing the socket would reset whoever waits to be accepted.
    while let Ok((Ok((stream, _)), place)) = timeout(Duration::ZERO, next()).await {
        start(stream, place);
    }
    drop(listener);
    sleep(LAST_CALL).await;
    if timeout(limits.stop_seconds, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests took too long; they are cut off");
    }
}
