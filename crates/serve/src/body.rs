//! Reading request bodies within limits on size, time and total memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::limits::Limits;
use crate::problem::Problem;

/// How long a body that is too large is still read, so that the client can receive the answer.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// Memory for request bodies; one permit per byte.
#[derive(Clone)]
pub struct Memory {
    free: Arc<Semaphore>,
    size: usize,
}

/// A body and the memory reserved for it.
pub struct Held {
    /// The body.
    pub bytes: Bytes,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// Memory of the size that `limits` allow.
    pub fn new(limits: &Limits) -> Self {
        let size = limits.memory_bytes();
        Self { free: Arc::new(Semaphore::new(size)), size }
    }

    /// Bytes in use.
    pub fn n_held(&self) -> usize {
        self.size - self.free.available_permits()
    }

    /// Reads `body` to its end.
    ///
    /// # Errors
    /// [`Problem::TooLarge`], [`Problem::Slow`], [`Problem::Busy`] if the other bodies leave too little memory,
    /// [`Problem::Unusable`] if the client disconnects.
    pub async fn read(&self, mut body: Body, limits: &Limits) -> Result<Held, Problem> {
        let limit = limits.body_bytes();
        let deadline = Instant::now() + limits.body_seconds;
        if body.size_hint().lower() > limit as u64 {
            discard(body, limit).await;
            return Err(Problem::TooLarge(limit));
        }
        let mut bytes = Vec::new();
        let mut permit: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = timeout_at(deadline, body.frame()).await.map_err(|_| Problem::Slow)? {
            let frame =
                frame.map_err(|_| Problem::Unusable("the request body ended too early; send it again".into()))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                discard(body, limit).await;
                return Err(Problem::TooLarge(limit));
            }
            let more = self.reserve(data.len())?;
            match &mut permit {
                Some(permit) => permit.merge(more),
                None => permit = Some(more),
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Held { bytes: bytes.into(), _permit: permit })
    }

    /// Reserves `n_bytes` more.
    fn reserve(&self, n_bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let n_bytes = u32::try_from(n_bytes).map_err(|_| Problem::Busy)?;
        Arc::clone(&self.free).try_acquire_many_owned(n_bytes).map_err(|_| Problem::Busy)
    }
}

/// Keeps reading for a while and discards the data, because a client that is still sending would treat a closed connection as
/// a failure.
async fn discard(mut body: Body, limit: usize) {
    let read = async {
        let mut n_bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            n_bytes += frame.data_ref().map_or(0, Bytes::len);
            if n_bytes > limit {
                return;
            }
        }
    };
    drop(timeout(DISCARD_TIME, read).await);
}
