//! The end of a connection.
//!
//! An answer can be ready before the client has sent its whole request, for instance if the body is too large. A socket that is closed
//! while data arrives resets the connection, and the client may lose the answer. So the socket first ends its own direction, then reads
//! and discards what still comes, until the client closes its side.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// How long a closing socket waits for more data, or for the client to close its side.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes that are discarded at once.
const PIECE: usize = 16 << 10;

/// A socket that discards what the client still sends when it is shut down. A shutdown can take as long as the client sends; a timeout
/// around the stream bounds it.
pub struct Closing {
    stream: TcpStream,
    /// Set during the shutdown: ends after [`PATIENCE`] without data.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Closing {
    /// The socket `stream`.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, silence: None }
    }
}

impl AsyncRead for Closing {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Closing {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        let Self { stream, silence } = &mut *self;
        if silence.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
        }
        let silence = silence.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        let mut piece = [0; PIECE];
        loop {
            let mut buffer = ReadBuf::new(&mut piece);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => silence.as_mut().reset(Instant::now() + PATIENCE),
                Poll::Ready(_) => return Poll::Ready(Ok(())), // the client has closed its side, too
                Poll::Pending => return silence.as_mut().poll(cx).map(Ok),
            }
        }
    }
}

/// Says `connection: close` in the answer to a request whose body was not read to its end, because the connection ends then.
pub async fn announce(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let is_read = Arc::new(AtomicBool::new(body.is_end_stream()));
    let body = Body::new(Watched { body, is_read: Arc::clone(&is_read) });
    let mut response = next.run(Request::from_parts(head, body)).await;
    if !is_read.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that notes when it has been read to its end.
struct Watched {
    body: Body,
    is_read: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.is_read.store(frame.is_none() || self.body.is_end_stream(), Ordering::Relaxed);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
