//! What every kind of head can do.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};

use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::onnx::nodes::Nodes;

/// The layers of a head.
///
/// A head prepares an embedding (an mlp rectifies it), and its layers map what it prepared to logits. Trials are trained on
/// prepared embeddings, which may be whitened as well. Heads over frames take rows of frames, `[n, t * n_inputs]`, wherever
/// others take embeddings, `[n, n_inputs]`.
pub(crate) trait HeadLayers {
    /// Prepares embeddings `[n, n_inputs]`; most heads take them as they are.
    fn prepare(&self, embeddings: Tensor<2>) -> Tensor<2> {
        embeddings
    }

    /// Maps prepared embeddings `[n, n_inputs]` to logits `[n, n_classes]`, without dropout.
    fn logits(&self, inputs: Tensor<2>) -> Tensor<2>;

    /// Probability in training that a feature is dropped.
    fn dropout(&self) -> f64 {
        0.0
    }

    /// As [`HeadLayers::logits`], with the dropout of training drawn from `rng`.
    fn forward_train(&self, inputs: Tensor<2>, rng: &mut dyn Rng) -> Tensor<2> {
        self.logits(dropped(inputs, self.n_inputs(), self.dropout(), rng))
    }

    /// The device that holds the weights.
    fn device(&self) -> Device;

    /// Length of an embedding or of a frame.
    fn n_inputs(&self) -> usize;

    /// Number of logits.
    fn n_classes(&self) -> usize;

    /// The weights by name; linear layers as torch stores them.
    fn tensors(&self) -> Result<Vec<HostTensor>, Error>;

    /// Adds the layers to an ONNX graph, from the value named `input`, embeddings `[batch, n_inputs]` or frames
    /// `[batch, t, n_inputs]`, to the value named `logits`.
    fn to_onnx(&self, nodes: &mut Nodes, input: &str, logits: &str);
}

/// Every problem with the number of units called `name`, at most `most`, and with the dropout of a head; empty if they are valid.
pub(super) fn problems(name: &str, units: usize, most: usize, dropout: f64) -> Vec<String> {
    let mut problems = Vec::new();
    if !(1..=most).contains(&units) {
        problems.push(format!("{name} = {units}: must be 1 to {most}"));
    }
    if !(0.0..1.0).contains(&dropout) {
        problems.push(format!("dropout = {dropout}: must be at least 0 and below 1"));
    }
    problems
}

/// Dropout of rows of frames `[n, t * d]`, of which an embedding `[n, d]` is one: each of the `d` features of a row becomes 0 in all
/// of its frames with the probability p, the others are multiplied by 1 / (1 - p) (Gal and Ghahramani, "A Theoretically Grounded
/// Application of Dropout in Recurrent Neural Networks", 2016).
fn dropped(rows: Tensor<2>, d: usize, p: f64, rng: &mut dyn Rng) -> Tensor<2> {
    if p == 0.0 {
        return rows;
    }
    let [n, length] = rows.dims();
    let kept = (1.0 / (1.0 - p)) as f32;
    let mask = (0..n * d).map(|_| if rng.random::<f64>() < p { 0.0 } else { kept });
    let mask = Tensor::from_data(TensorData::new(mask.collect::<Vec<f32>>(), [n, 1, d]), &rows.device());
    (rows.reshape([n, length / d, d]) * mask).reshape([n, length])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::burn_layers::host_vec;

    /// Dropout of ones `[n, t * d]`.
    fn dropped_ones([n, t, d]: [usize; 3], p: f64, seed: u64) -> Vec<f32> {
        let ones = Tensor::<2>::ones([n, t * d], &Device::flex());
        host_vec(dropped(ones, d, p, &mut ChaCha8Rng::seed_from_u64(seed))).unwrap()
    }

    #[test]
    fn dropout_zeroes_with_its_probability_and_scales_the_rest() {
        let dropped = |p, seed| dropped_ones([400, 1, 100], p, seed);
        let values = dropped(0.8, 1);
        let n_zero = values.iter().filter(|value| **value == 0.0).count();
        // Binomial(40000, 0.8): six standard deviations are 480.
        assert!(n_zero.abs_diff(32_000) < 480, "{n_zero}");
        assert!(values.iter().all(|value| *value == 0.0 || (*value - 5.0).abs() < 1e-5));
        assert_eq!(values, dropped(0.8, 1), "the generator decides");
        assert_ne!(values, dropped(0.8, 2));
        assert_eq!(dropped(0.0, 1), [1.0; 40_000]);
    }

    #[test]
    fn dropout_takes_a_feature_out_of_all_frames_of_a_row() {
        let dropped = |p, seed| dropped_ones([40, 3, 100], p, seed);
        let values = dropped(0.8, 1);
        for row in values.chunks(300) {
            assert!(row[..100] == row[100..200] && row[..100] == row[200..]);
        }
        let n_zero = values.iter().filter(|value| **value == 0.0).count() / 3;
        // Binomial(4000, 0.8): six standard deviations are 152.
        assert!(n_zero.abs_diff(3200) < 152, "{n_zero}");
        assert!(values.iter().all(|value| *value == 0.0 || (*value - 5.0).abs() < 1e-5));
        assert_eq!(values, dropped(0.8, 1), "the generator decides");
        assert_ne!(values, dropped(0.8, 2));
        assert_eq!(dropped(0.0, 1), [1.0; 12_000]);
    }
}
