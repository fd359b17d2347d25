//! The part of the network that a trial trains: the head, and the last layers of the backbone if the configuration says so.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use model::{Backbone, BackboneWeights, Head};

use crate::Error;
use crate::config::BackboneConfig;
use crate::embed::whitening::Whitening;

/// Number of recordings that pass through the trained layers together; feature maps take much memory.
const STEP: usize = 32;

/// Number of embeddings or frames that pass through the head together where no gradients are needed.
const HEAD_STEP: usize = 8192;

/// Where all trials of a search start.
pub struct Start<'a> {
    /// The backbone's weights.
    pub weights: &'a BackboneWeights,
    /// Which of them are trained, and at what rate.
    pub backbone: &'a BackboneConfig,
    /// Channels, height and width of a row of the data: feature maps, an embedding as `[512, 1, 1]`, or frames as `[1024, 1, t]`.
    pub input: [usize; 3],
    /// Maps embeddings to inputs of the heads. If the whole backbone is frozen, the data is whitened already.
    pub whitening: &'a Whitening,
}

/// The trained layers.
#[derive(Module, Debug)]
pub struct TrainablePart {
    /// The last layers of the backbone, if any are trained.
    pub backbone: Option<Backbone>,
    /// The head.
    pub head: Head,
}

impl TrainablePart {
    /// The layers with the given weights, on the head's device.
    pub fn new(start: &Start, weights: &BackboneWeights, head: Head) -> Self {
        Self { backbone: weights.to_trainable(start.backbone.train, &head.device()), head }
    }

    /// Maps rows of the data, `[n, channels * height * width]` row-major, to inputs of the head's linear layers.
    pub fn head_inputs(&self, start: &Start, rows: &[f32]) -> Tensor<2> {
        let embeddings = self.embeddings(start, rows);
        if self.backbone.is_some() { start.whitening.head_inputs(embeddings) } else { embeddings }
    }

    /// Class probabilities `[n][n_classes]` of rows of the data; the head must be one for plain embeddings.
    ///
    /// # Errors
    /// [`Error::Device`] if the device gives no result.
    pub fn probabilities(&self, start: &Start, rows: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        probabilities(self.in_steps(start, rows, |rows| self.head.forward(self.embeddings(start, rows))))
    }

    /// Logits `[n, n_classes]` of rows of the data, without gradients; the head is one for inputs of the kind it was trained on.
    pub fn logits(&self, start: &Start, rows: &[f32]) -> Tensor<2> {
        self.in_steps(start, rows, |rows| self.head.logits(self.head_inputs(start, rows)))
    }

    /// Logits of `rows`, step by step; detached, so that no step keeps its inputs and hidden layers for gradients.
    fn in_steps(&self, start: &Start, rows: &[f32], logits: impl Fn(&[f32]) -> Tensor<2>) -> Tensor<2> {
        let length: usize = start.input.iter().product();
        let n_frames = if self.backbone.is_none() { start.input[2] } else { 1 };
        let step = (HEAD_STEP / n_frames.max(1)).max(1);
        match rows.len() <= step * length {
            true => logits(rows),
            false => Tensor::cat(rows.chunks(step * length).map(|rows| logits(rows).detach()).collect(), 0),
        }
    }

    fn embeddings(&self, start: &Start, rows: &[f32]) -> Tensor<2> {
        let device = self.head.device();
        let [channels, height, width] = start.input;
        let length = channels * height * width;
        let Some(backbone) = &self.backbone else {
            return Tensor::from_data(TensorData::new(rows.to_vec(), [rows.len() / length, length]), &device);
        };
        let steps = rows.chunks(STEP * length).map(|rows| {
            let shape = [rows.len() / length, channels, height, width];
            backbone.forward(Tensor::from_data(TensorData::new(rows.to_vec(), shape), &device))
        });
        Tensor::cat(steps.collect(), 0)
    }
}

/// Converts logits `[n, n_classes]` to probabilities.
///
/// # Errors
/// [`Error::Device`] if the device gives no result.
pub fn probabilities(logits: Tensor<2>) -> Result<Vec<Vec<f32>>, Error> {
    let n_classes = logits.dims()[1];
    let flat = burn::tensor::activation::softmax(logits, 1).into_data().try_to_vec::<f32>();
    Ok(flat.map_err(Error::no_result)?.chunks(n_classes).map(<[f32]>::to_vec).collect())
}
