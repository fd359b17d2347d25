//! The order of the training recordings in an epoch.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::config::Sampler;

/// Indices of one epoch, `[n labels]`.
///
/// [`Sampler::Shuffle`] gives each index once. [`Sampler::Weighted`] draws with replacement: first a class that has a
/// recording, then one of its recordings, each with equal probability.
pub fn epoch_order(sampler: Sampler, labels: &[usize], rng: &mut ChaCha8Rng) -> Vec<usize> {
    match sampler {
        Sampler::Shuffle => {
            let mut order: Vec<usize> = (0..labels.len()).collect();
            order.shuffle(rng);
            order
        }
        Sampler::Weighted => {
            let n_classes = labels.iter().max().map_or(0, |largest| largest + 1);
            let mut members = vec![Vec::new(); n_classes];
            for (index, label) in labels.iter().enumerate() {
                members[*label].push(index);
            }
            members.retain(|class| !class.is_empty());
            (0..labels.len())
                .map(|_| {
                    let class = &members[rng.random_range(0..members.len())];
                    class[rng.random_range(0..class.len())]
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use experiment::seed;

    #[test]
    fn a_shuffle_is_a_permutation() {
        let labels = vec![0; 100];
        let mut order = epoch_order(Sampler::Shuffle, &labels, &mut seed::generator(1, &[]));
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn weighted_draws_give_each_class_equal_probability() {
        let labels: Vec<usize> = (0..10_000).map(|i| if i % 100 == 0 { 3 } else { 1 }).collect();
        let order = epoch_order(Sampler::Weighted, &labels, &mut seed::generator(1, &[]));
        let rare = order.iter().filter(|i| labels[**i] == 3).count();
        // Binomial(10000, 1/2): six standard deviations are 300.
        assert!(rare.abs_diff(5000) < 300, "{rare}");
    }
}
