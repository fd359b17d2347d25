//! Normal draws that are bit-identical on every machine.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::conv::{Conv, ConvSpec};

/// The random stream, which separates these draws from all others with the same seed.
const STREAM: u64 = 0x6261_636b_626f_6e65;

/// Standard normal draws by Marsaglia's polar method ("A convenient method for generating normal
/// variables", 1964). It needs one square root, which IEEE 754 rounds exactly, and one logarithm,
/// taken from the `libm` crate: the platform's own may differ in the last bit from machine to
/// machine.
pub(crate) struct NormalDraws {
    rng: ChaCha8Rng,
    spare: Option<f64>,
}

impl NormalDraws {
    pub fn new(seed: u64) -> NormalDraws {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        NormalDraws { rng, spare: None }
    }

    fn draw(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let [x, y] = [(); 2].map(|()| 2.0 * self.rng.random::<f64>() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * libm::log(square) / square).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }

    /// Kaiming normal, fan out, for ReLU, as torchvision initialises its networks: standard deviation
    /// `sqrt(2 / (outputs * kernel * kernel))`, with one output per group. Batch norm is then the identity, so the bias is 0.
    /// A stem that sums the three channels of an imported one sums three draws.
    pub fn conv(&mut self, spec: ConvSpec) -> Conv {
        let [inputs, outputs] = spec.channels;
        let area = spec.kernel * spec.kernel;
        let deviation = (2.0 / (outputs / spec.groups() * area) as f64).sqrt();
        let channels = if spec.sums_channels { 3 } else { 1 };
        let mut weight = || (0..channels).map(|_| self.draw() * deviation).sum::<f64>() as f32;
        let weight: Vec<f32> = (0..outputs * inputs * area).map(|_| weight()).collect();
        Conv { weight: weight.into(), bias: vec![0.0; outputs], spec }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::networks::resnet::spec::ResNetArch;

    /// Mean, standard deviation and kurtosis of many draws; each tolerance is four standard errors.
    #[test]
    fn draws_are_standard_normal() {
        let mut draws = NormalDraws::new(1);
        let n = 1_000_000;
        let [mut sum, mut squares, mut fourths] = [0.0; 3];
        for _ in 0..n {
            let x = draws.draw();
            sum += x;
            squares += x * x;
            fourths += x.powi(4);
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 4.0 / n.sqrt());
        assert!((squares / n - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
        assert!((fourths / n - 3.0).abs() < 4.0 * (96.0 / n).sqrt());
    }

    /// torchvision: `sqrt(2 / (outputs * kernel^2))`; the stem sums three independent channels.
    #[test]
    fn standard_deviations_follow_kaiming() {
        let mut draws = NormalDraws::new(2);
        let layers = ResNetArch::RESNET18.layers();
        let last = layers.blocks.last().unwrap().conv2.clone();
        for (spec, expected) in
            [(layers.stem, (6.0_f64 / (64.0 * 49.0)).sqrt()), (last, (2.0_f64 / (512.0 * 9.0)).sqrt())]
        {
            let conv = draws.conv(spec);
            let squares: f64 = conv.weight.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            let deviation = (squares / conv.weight.len() as f64).sqrt();
            assert!((deviation / expected - 1.0).abs() < 0.05, "{}: {deviation}, expected {expected}", conv.spec.name);
            assert!(conv.bias.iter().all(|&bias| bias == 0.0));
        }
    }
}
