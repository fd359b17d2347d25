//! One network in rten, the fastest ONNX engine in pure Rust that was measured: see docs/benchmarks.md.

use std::collections::BTreeMap;
use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueView};

use crate::engine::Engine;
use crate::error::Error;
use crate::frozen_output::FrozenOutput;
use crate::guarded::{failed, guarded};
use crate::networks::NetworkWeights;
use crate::networks::onnx::weights::OnnxWeights;
use crate::onnx::values::INPUT;
use crate::onnx::write::{EMBEDDING, End, write};

/// A network as an ONNX graph inside rten.
pub(super) struct RtenEngine {
    model: Model,
    input: NodeId,
    embedding: NodeId,
    /// As many threads as the rest of the process uses: rten's own pool would count the cores itself.
    threads: Arc<ThreadPool>,
    n_outputs: usize,
    /// Height and width of the input.
    shape: [usize; 2],
    /// Whether the graph takes one record at a time.
    one_record: bool,
}

impl RtenEngine {
    /// The layers up to `output`.
    pub fn new(network: &NetworkWeights, output: FrozenOutput, shape: [usize; 2]) -> Result<Self, Error> {
        let name = network.arch().to_string();
        let graph = write(&name, &[(network, shape)], End::Frozen(output), &BTreeMap::new())?;
        let model = guarded(|| Model::load(graph).map_err(failed))?;
        Ok(Self {
            input: model.node_id(INPUT).map_err(failed)?,
            embedding: model.node_id(EMBEDDING).map_err(failed)?,
            model,
            threads: Arc::new(ThreadPool::with_num_threads(rayon::current_num_threads())),
            n_outputs: network.encoder().output_len(output, shape),
            shape,
            one_record: network.onnx().is_some_and(OnnxWeights::takes_one_record),
        })
    }

    fn run(&self, records: &[f32]) -> Result<Vec<f32>, Error> {
        let [height, width] = self.shape;
        let shape = [records.len() / (height * width), 1, height, width];
        let input = ValueView::from_shape(shape, records).map_err(failed)?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let outputs = [self.embedding];
        let [embeddings]: [Value; 1] =
            self.model.run_n(vec![(self.input, input.into())], outputs, Some(options)).map_err(failed)?;
        let (_, embeddings) = embeddings.into_shape_vec::<f32, 2>().map_err(failed)?;
        // A graph from elsewhere may do anything.
        if embeddings.len() != shape[0] * self.n_outputs {
            return Err(failed(format!("{} values for {} records of {}", embeddings.len(), shape[0], self.n_outputs)));
        }
        Ok(embeddings)
    }
}

impl Engine for RtenEngine {
    fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    fn record_len(&self) -> usize {
        self.shape.iter().product()
    }

    fn forward(&self, records: &[f32]) -> Result<Vec<f32>, Error> {
        let at_once = if self.one_record { self.record_len() } else { records.len().max(1) };
        let embeddings = records.chunks(at_once).map(|records| guarded(|| self.run(records)));
        Ok(embeddings.collect::<Result<Vec<_>, _>>()?.concat())
    }
}
