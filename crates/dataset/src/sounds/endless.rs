//! Sounds without an end, which need no buffer of their length.

use rand_chacha::ChaCha8Rng;

/// Gives the next sample of a sound without an end, at any level.
pub(crate) type Endless = Box<dyn FnMut(&mut ChaCha8Rng) -> f64>;

/// Fills `sound` with the beginning of `endless`.
pub(super) fn fill(rng: &mut ChaCha8Rng, sound: &mut [f64], mut endless: Endless) {
    sound.fill_with(|| endless(rng));
}
