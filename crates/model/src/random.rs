//! Normal draws that are the same bytes on every machine.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::arch::ConvSpec;
use crate::fold::Conv;

/// Sets these draws apart from everything else that is drawn from the same seed.
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

    /// Kaiming normal, fan out, for ReLU: standard deviation `sqrt(2 / (outputs * kernel *
    /// kernel))`, as torchvision initialises its ResNets (batch norm is then the identity, so the
    /// bias is 0). The stem sums three such channels, as an imported one does.
    pub fn conv(&mut self, spec: ConvSpec) -> Conv {
        let [inputs, outputs] = spec.channels;
        let area = spec.kernel * spec.kernel;
        let deviation = (2.0 / (outputs * area) as f64).sqrt();
        let channels = if spec.kernel == 7 { 3 } else { 1 };
        let mut weight = || (0..channels).map(|_| self.draw() * deviation).sum::<f64>() as f32;
        Conv { weight: (0..outputs * inputs * area).map(|_| weight()).collect(), bias: vec![0.0; outputs], spec }
    }
}
