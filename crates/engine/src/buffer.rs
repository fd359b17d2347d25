//! Aligned memory, and a pool that reuses it between calls.

use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

/// Alignment in values: a cache line, so that no vector crosses two lines.
const ALIGN: usize = 16;

/// `f32` values that start at a cache line.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let data = vec![0.0; len + ALIGN];
        let start = data.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN);
        Self { data, start, len }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.data[self.start..][..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..][..self.len]
    }
}

/// Buffers that are not in use. Fresh pages cost more than most layers, so every call reuses those of earlier calls.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Buffer>>);

impl Pool {
    /// A buffer of `len` values with any contents: the smallest free one that is large enough, else a new one.
    pub fn take(&self, len: usize) -> Pooled<'_> {
        let mut free = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let capacity = |buffer: &Buffer| buffer.data.len() - ALIGN;
        let fits = free.iter().enumerate().filter(|(_, buffer)| capacity(buffer) >= len);
        let smallest = fits.min_by_key(|(_, buffer)| capacity(buffer)).map(|(index, _)| index);
        let buffer = smallest.map(|index| free.swap_remove(index));
        drop(free);
        let buffer = match buffer {
            Some(buffer) => Buffer { len, ..buffer },
            None => Buffer::zeros(len),
        };
        Pooled { buffer, pool: self }
    }
}

/// A buffer that returns to its pool when it is dropped.
#[derive(Debug)]
pub(crate) struct Pooled<'a> {
    buffer: Buffer,
    pool: &'a Pool,
}

impl Deref for Pooled<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer
    }
}

impl DerefMut for Pooled<'_> {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        let mut free = self.pool.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        free.push(std::mem::take(&mut self.buffer));
    }
}
