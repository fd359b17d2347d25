//! Reading request bodies within limits on size, time and total memory.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, HttpBody};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use tokio::time::{Instant, timeout_at};

use crate::limits::Limits;
use crate::problem::Problem;

/// Memory that all requests share.
#[derive(Clone)]
pub struct Memory {
    size: usize,
    n_free: Arc<AtomicUsize>,
}

/// Reserved memory, which is free again when this is dropped. It belongs to the work that uses the memory, not to the request: a client
/// that leaves frees nothing that is still used.
#[derive(Debug)]
pub struct Reserved {
    n_bytes: usize,
    n_free: Arc<AtomicUsize>,
}

/// Bytes that are still arriving, and the memory reserved for them.
pub struct Arriving {
    bytes: Vec<u8>,
    reserved: Reserved,
}

/// Bytes, and the memory reserved for them, which the parts of a body share.
#[derive(Debug)]
pub struct Held {
    bytes: Bytes,
    reserved: Arc<Reserved>,
}

impl Memory {
    /// Memory of `size` bytes.
    pub fn new(size: usize) -> Self {
        Self { size, n_free: Arc::new(AtomicUsize::new(size)) }
    }

    /// Bytes in all.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Bytes in use.
    pub fn n_held(&self) -> usize {
        self.size - self.n_free()
    }

    /// Bytes that are free.
    pub fn n_free(&self) -> usize {
        self.n_free.load(Ordering::SeqCst)
    }

    /// Reserves `n_bytes`.
    ///
    /// # Errors
    /// [`Problem::Busy`] if fewer bytes are free.
    pub fn reserve(&self, n_bytes: usize) -> Result<Reserved, Problem> {
        let mut reserved = self.nothing();
        reserved.grow(n_bytes)?;
        Ok(reserved)
    }

    fn nothing(&self) -> Reserved {
        Reserved { n_bytes: 0, n_free: Arc::clone(&self.n_free) }
    }

    /// Starts to collect bytes.
    pub fn collect(&self) -> Arriving {
        Arriving { bytes: Vec::new(), reserved: self.nothing() }
    }

    /// Reads `body` to its end.
    ///
    /// # Errors
    /// [`Problem::TooLarge`], [`Problem::Slow`], [`Problem::Busy`] if the other requests leave too little memory,
    /// [`Problem::Unusable`] if the client disconnects.
    pub async fn read(&self, mut body: Body, limits: &Limits) -> Result<Held, Problem> {
        let limit = limits.body_bytes();
        let deadline = Instant::now() + limits.body_seconds;
        if body.size_hint().lower() > limit as u64 {
            return Err(Problem::TooLarge(limit));
        }
        let mut arriving = self.collect();
        while let Some(frame) = timeout_at(deadline, body.frame()).await.map_err(|_| Problem::Slow)? {
            let frame =
                frame.map_err(|_| Problem::Unusable("the request body ended too early; send it again".into()))?;
            let Ok(data) = frame.into_data() else { continue };
            if arriving.n_bytes() + data.len() > limit {
                return Err(Problem::TooLarge(limit));
            }
            arriving.push(&data)?;
        }
        Ok(arriving.finish())
    }
}

impl Reserved {
    fn grow(&mut self, n_bytes: usize) -> Result<(), Problem> {
        let less = |n_free: usize| n_free.checked_sub(n_bytes);
        self.n_free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).map_err(|_| Problem::Busy)?;
        self.n_bytes += n_bytes;
        Ok(())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.n_free.fetch_add(self.n_bytes, Ordering::SeqCst);
    }
}

impl Arriving {
    /// Number of bytes so far.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Appends `data`.
    ///
    /// # Errors
    /// [`Problem::Busy`] if there is too little memory.
    pub fn push(&mut self, data: &[u8]) -> Result<(), Problem> {
        self.reserved.grow(data.len())?;
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// All bytes.
    pub fn finish(self) -> Held {
        Held { bytes: self.bytes.into(), reserved: Arc::new(self.reserved) }
    }
}

impl Held {
    /// The bytes and their memory, separately.
    pub fn into_parts(self) -> (Bytes, Arc<Reserved>) {
        (self.bytes, self.reserved)
    }

    /// Puts bytes together with the memory that contains them.
    pub fn from_parts(bytes: Bytes, reserved: Arc<Reserved>) -> Self {
        Self { bytes, reserved }
    }
}

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_free_again_once_the_last_part_of_a_body_is_dropped() {
        let memory = Memory::new(10);
        let mut arriving = memory.collect();
        arriving.push(b"abcd").unwrap();
        arriving.push(b"ef").unwrap();
        assert_eq!((memory.n_held(), memory.n_free()), (6, 4));
        assert_eq!(memory.collect().push(b"abcde"), Err(Problem::Busy), "4 bytes are free");
        let (bytes, reserved) = arriving.finish().into_parts();
        let parts = [bytes.slice(..2), bytes.slice(2..)].map(|part| Held::from_parts(part, Arc::clone(&reserved)));
        drop((bytes, reserved));
        let [first, second] = parts;
        assert_eq!((&*first, &*second), (&b"ab"[..], &b"cdef"[..]));
        drop(first);
        assert_eq!(memory.n_held(), 6);
        drop(second);
        assert_eq!(memory.n_held(), 0);
    }
}
