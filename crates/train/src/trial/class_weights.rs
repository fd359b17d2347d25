//! Weights of classes in the cross-entropy.

use crate::config::ClassWeights;

/// `n / (C n_c)` for each class; 1 for a class without a recording, which never enters the loss.
pub(crate) fn class_weights(kind: ClassWeights, labels: &[usize], n_classes: usize) -> Vec<f64> {
    let mut counts = vec![0_usize; n_classes];
    labels.iter().for_each(|label| counts[*label] += 1);
    counts
        .into_iter()
        .map(|count| match kind {
            ClassWeights::Balanced if count > 0 => labels.len() as f64 / (n_classes * count) as f64,
            _ => 1.0,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_weights_equal_scikit_learns() {
        // sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1])
        assert_eq!(class_weights(ClassWeights::Balanced, &[0, 0, 0, 1], 3), [4.0 / 9.0, 4.0 / 3.0, 1.0]);
        assert_eq!(class_weights(ClassWeights::None, &[0, 0, 0, 1], 3), [1.0; 3]);
    }
}
