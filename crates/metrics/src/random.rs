//! Random generators from a seed and a purpose, so that no two uses share a stream.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What the draws are for. The number is the ChaCha stream and must never change.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Bootstrap = 1,
    Permutation = 2,
    PairedBootstrap = 3,
    Swap = 4,
    Detection = 5,
    Events = 6,
}

/// The generator for one purpose.
pub(crate) fn generator(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose as u64);
    rng
}
