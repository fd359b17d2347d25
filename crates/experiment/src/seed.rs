//! Seeds of all random draws of a run. They depend on the run's seed and on the purpose of the draw, never on time or thread
//! order.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::hash;

/// Derives a seed for one `purpose`: SHA-256 of the run's seed and the parts. No two purposes share a stream, and adding a
/// purpose leaves the others unchanged.
pub fn derive(seed: u64, purpose: &[&str]) -> u64 {
    let mut hasher = Sha256::new_with_prefix(seed.to_le_bytes());
    hash::add_parts(&mut hasher, purpose.iter().copied());
    let digest: [u8; 32] = hasher.finalize().into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

/// Makes a generator for one purpose.
pub fn generator(seed: u64, purpose: &[&str]) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(derive(seed, purpose))
}

#[cfg(test)]
mod tests {
    use super::derive;

    #[test]
    fn seeds_differ_by_every_part_and_are_stable() {
        let all = [
            derive(1, &["a", "b"]),
            derive(2, &["a", "b"]),
            derive(1, &["ab"]),
            derive(1, &["a", "b", ""]),
            derive(1, &["b", "a"]),
        ];
        for (i, x) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|y| y != x));
        }
        assert_eq!(derive(42, &["head"]), derive(42, &["head"]));
    }
}
