//! Mid-ranks and the area under the ROC curve that follows from them.

/// Ranks from 1, `[n]`; equal values share the mean of their ranks (`scipy.stats.rankdata`). Values must not be NaN.
pub fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|index| ranks[*index] = rank);
        before += equal.len();
    }
    ranks
}

/// Area under the ROC curve, 0 to 1: the probability that a positive ranks above a negative, where ties count half
/// (Mann and Whitney 1947; `sklearn.metrics.roc_auc_score`). `positive_rank_sum` is the sum of the [`mid_ranks`] of the
/// `n_positive` positives among `n` values. `None` without positives or without negatives.
pub fn roc_auc(positive_rank_sum: f64, n_positive: usize, n: usize) -> Option<f64> {
    let (positive, negative) = (n_positive as f64, (n - n_positive) as f64);
    let pairs = positive * negative;
    (pairs > 0.0).then(|| (positive_rank_sum - positive * (positive + 1.0) / 2.0) / pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_undefined_without_positives_or_without_negatives() {
        assert_eq!(roc_auc(0.0, 0, 5), None);
        assert_eq!(roc_auc(15.0, 5, 5), None);
        assert_eq!(roc_auc(6.0, 2, 4), Some(0.75));
    }

    #[test]
    fn equal_values_share_their_mean_rank() {
        assert_eq!(mid_ranks(&[0.5, 0.1, 0.5, 0.9]), [2.5, 1.0, 2.5, 4.0]);
    }
}
