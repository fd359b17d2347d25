//! Pools the frames of a record into one embedding.

use crate::networks::yamnet::pooling::CryPooling;
use crate::onnx::nodes::Nodes;

/// How the frames of a record, `[t, d]`, become its embedding.
#[derive(Clone, Debug)]
pub struct FramePooling(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// The mean of frames of this length.
    Mean(usize),
    /// As [`Pooling::Cry`](crate::Pooling::Cry).
    Cry(Box<CryPooling>),
}

impl FramePooling {
    /// The mean of frames of `frame_len` values.
    pub(crate) fn mean(frame_len: usize) -> Self {
        Self(Kind::Mean(frame_len))
    }

    /// As [`Pooling::Cry`](crate::Pooling::Cry).
    pub(crate) fn cry(pooling: Box<CryPooling>) -> Self {
        Self(Kind::Cry(pooling))
    }

    /// The embedding of one record's `frames`, `[t, d]` row-major.
    pub fn pool(&self, frames: &[f32]) -> Vec<f32> {
        match &self.0 {
            Kind::Mean(frame_len) => mean(frames, *frame_len),
            Kind::Cry(pooling) => pooling.pool(frames),
        }
    }

    /// Adds the pooling to an ONNX graph, from the value named `frames`, `[batch, n_frames, d]`, to the value named `embedding`,
    /// `[batch, n]`; returns `embedding`.
    pub(crate) fn to_onnx(&self, nodes: &mut Nodes, frames: &str, n_frames: usize, embedding: &str) -> String {
        match &self.0 {
            Kind::Mean(_) => nodes.mean(frames, 1, false, embedding),
            Kind::Cry(pooling) => pooling.to_onnx(nodes, frames, n_frames, embedding),
        }
    }
}

/// The mean of rows of `n` values.
fn mean(rows: &[f32], n: usize) -> Vec<f32> {
    let mut means = vec![0.0; n];
    for row in rows.chunks_exact(n) {
        for (mean, value) in means.iter_mut().zip(row) {
            *mean += value;
        }
    }
    let n_rows = (rows.len() / n) as f32;
    means.iter_mut().for_each(|mean| *mean /= n_rows);
    means
}
