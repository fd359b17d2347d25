//! What the heads over frames have in common.

use burn::tensor::{Tensor, TensorData};
use rand::{Rng, RngExt};

use crate::onnx::nodes::Nodes;

/// Largest number of units.
const MAX_HIDDEN: usize = 4096;

/// Every problem with the units and the dropout of a head; empty if they are valid.
pub(super) fn problems(hidden: usize, dropout: f64) -> Vec<String> {
    let mut problems = Vec::new();
    if !(1..=MAX_HIDDEN).contains(&hidden) {
        problems.push(format!("hidden = {hidden}: must be 1 to {MAX_HIDDEN}"));
    }
    if !(0.0..1.0).contains(&dropout) {
        problems.push(format!("dropout = {dropout}: must be at least 0 and below 1"));
    }
    problems
}

/// Rows of flattened frames `[n, t * d]` as frames `[n, t, d]`.
pub(super) fn frames_of(rows: Tensor<2>, frame_len: usize) -> Tensor<3> {
    let [n, length] = rows.dims();
    rows.reshape([n, length / frame_len, frame_len])
}

/// Dropout of frames `[n, t, d]`: each of the `d` features of a row becomes 0 in all of its frames with the probability p, the
/// others are multiplied by 1 / (1 - p) (Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural
/// Networks", 2016).
pub(super) fn drop_features(frames: Tensor<3>, p: f64, rng: &mut dyn Rng) -> Tensor<3> {
    if p == 0.0 {
        return frames;
    }
    let [n, _, d] = frames.dims();
    let kept = (1.0 / (1.0 - p)) as f32;
    let mask = (0..n * d).map(|_| if rng.random::<f64>() < p { 0.0 } else { kept });
    let mask = Tensor::from_data(TensorData::new(mask.collect::<Vec<f32>>(), [n, 1, d]), &frames.device());
    frames * mask
}

/// A linear layer with the initialisers `name.weight` `[out, in]` and `name.bias` on each frame of the value named `x`,
/// `[batch, t, in]`.
pub(super) fn linear_to_onnx(nodes: &mut Nodes, x: &str, name: &str) -> String {
    let weight = nodes.transpose(&format!("{name}.weight"), &[1, 0], &format!("{name}.transposed"));
    let product = nodes.add("MatMul", &[x, &weight], &format!("{name}.product"), vec![]);
    nodes.add("Add", &[&product, &format!("{name}.bias")], &format!("{name}.out"), vec![])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::burn_layers::host_vec;

    #[test]
    fn dropout_takes_a_feature_out_of_all_frames_of_a_row() {
        let dropped = |p, seed| {
            let ones = Tensor::<3>::ones([40, 3, 100], &Device::flex());
            host_vec(drop_features(ones, p, &mut ChaCha8Rng::seed_from_u64(seed))).unwrap()
        };
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
