//! What a graph gives for a record, found by running it once.

use prost::Message;
use rten::{Model, RunOptions, Value, ValueView};

use crate::error::Error;
use crate::guarded::{failed, guarded};
use crate::onnx::proto;
use crate::onnx::values::INPUT;

/// The value that holds the shape of another one, which a `Shape` node makes.
pub(super) const SHAPE: &str = "adapter.probe";

/// Runs `model`, whose graph makes [`SHAPE`], on `n` records of zeros; returns that shape.
///
/// # Errors
/// [`Error::Engine`] if rten cannot load or run it.
pub(super) fn shape_of(model: &proto::Model, n: usize, [rows, columns]: [usize; 2]) -> Result<Vec<usize>, Error> {
    guarded(|| {
        let graph = Model::load(model.encode_to_vec()).map_err(failed)?;
        let [input, shape] = [graph.node_id(INPUT).map_err(failed)?, graph.node_id(SHAPE).map_err(failed)?];
        let zeros = vec![0.0_f32; n * rows * columns];
        let record = ValueView::from_shape([n, 1, rows, columns], &zeros[..]).map_err(failed)?;
        let options = Some(RunOptions::default());
        let [found]: [Value; 1] = graph.run_n(vec![(input, record.into())], [shape], options).map_err(failed)?;
        let (_, sizes) = found.into_shape_vec::<i32, 1>().map_err(failed)?;
        Ok(sizes.into_iter().map(|size| usize::try_from(size).unwrap_or_default()).collect())
    })
}
