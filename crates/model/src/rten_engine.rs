//! rten, the fastest ONNX engine in pure Rust that was measured: see docs/benchmarks.md.

use std::collections::BTreeMap;
use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueView};

use crate::engine::Engine;
use crate::onnx::{self, EMBEDDING, End, INPUT};
use crate::{BackboneWeights, Error, Trainable};

/// A backbone as an ONNX graph inside rten.
pub(crate) struct RtenEngine {
    model: Model,
    input: NodeId,
    embedding: NodeId,
    /// Of the size that the rest of the process uses: rten's own counts cores itself.
    threads: Arc<ThreadPool>,
    n_outputs: usize,
    image_shape: [usize; 2],
}

impl RtenEngine {
    /// The layers before those that `trainable` names.
    pub fn new(weights: &BackboneWeights, trainable: Trainable, image_shape: [usize; 2]) -> Result<Self, Error> {
        let graph = onnx::write(weights, End::Before(trainable), image_shape, &BTreeMap::new())?;
        let model = Model::load(graph).map_err(failed)?;
        Ok(Self {
            input: model.node_id(INPUT).map_err(failed)?,
            embedding: model.node_id(EMBEDDING).map_err(failed)?,
            model,
            threads: Arc::new(ThreadPool::with_num_threads(rayon::current_num_threads())),
            n_outputs: weights.trainable_input(trainable, image_shape).iter().product(),
            image_shape,
        })
    }
}

impl Engine for RtenEngine {
    fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    fn image_shape(&self) -> [usize; 2] {
        self.image_shape
    }

    fn forward(&self, images: &[f32]) -> Result<Vec<f32>, Error> {
        let [height, width] = self.image_shape;
        let shape = [images.len() / (height * width), 1, height, width];
        let input = ValueView::from_shape(shape, images).map_err(failed)?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let outputs = [self.embedding];
        let [embeddings]: [Value; 1] =
            self.model.run_n(vec![(self.input, input.into())], outputs, Some(options)).map_err(failed)?;
        let (_, embeddings) = embeddings.into_shape_vec::<f32, 2>().map_err(failed)?;
        Ok(embeddings)
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Device { name: "rten".into(), problem: error.to_string() }
}
