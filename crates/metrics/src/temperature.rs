//! Temperature scaling (Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017): the
//! logits of all examples are divided by one number T > 0. This matches confidence to accuracy and changes no
//! prediction.

use crate::Predictions;

/// Bounds of T. The larger of two probabilities 0.6 and 0.4 becomes 0.9997 at the lower bound and 0.501 at the upper
/// one.
const T_MIN: f64 = 0.05;
const T_MAX: f64 = 100.0;

/// The T that minimises the mean log loss, within `[0.05, 100]`; 1 if T makes no difference.
///
/// The log loss is convex in 1 / T, so its derivative changes sign once, and bisection on ln T finds that point.
pub(crate) fn fit(predictions: &Predictions) -> f64 {
    let logits: Vec<Vec<f64>> = predictions.rows().map(logits).collect();
    // d(log loss) / d(1 / T): the expected logit minus the true one. Above 0, T should be larger.
    let slope = |temperature: f64| -> f64 {
        let of_one = |(logits, label): (&Vec<f64>, &usize)| {
            let expected: f64 = softmax(logits, temperature).iter().zip(logits).map(|(p, z)| p * z).sum();
            expected - logits[*label]
        };
        logits.iter().zip(predictions.labels()).map(of_one).sum()
    };
    let (mut low, mut high) = (T_MIN.ln(), T_MAX.ln());
    if slope(1.0) == 0.0 {
        return 1.0;
    }
    while high - low > 1e-12 {
        let middle = f64::midpoint(low, high);
        if slope(middle.exp()) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high).exp()
}

/// Probabilities at `temperature`, `[n_classes]`, from probabilities at temperature 1: `p^(1/T)`, normalised to sum 1.
pub(crate) fn rescale(probabilities: &[f64], temperature: f64) -> Vec<f64> {
    softmax(&logits(probabilities), temperature)
}

/// Softmax of `logits / temperature`, `[n_classes]`.
pub(crate) fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|z| ((z - highest) / temperature).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// Logits of these probabilities. A probability that `f32` rounded to 0 counts as the smallest normal `f32`.
fn logits(probabilities: &[f64]) -> Vec<f64> {
    probabilities.iter().map(|p| p.max(f64::from(f32::MIN_POSITIVE)).ln()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn predictions(labels: &[usize], rows: &[[f32; 2]]) -> Predictions {
        let rows: Vec<Vec<f32>> = rows.iter().map(|row| row.to_vec()).collect();
        Predictions::new(2, labels, &rows, &(0..labels.len()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_fit_matches_the_closed_form() {
        // Confidence 0.9 everywhere, 3 of 4 correct: T turns 0.9 into 0.75, so ln 9 / T = ln 3.
        let found = fit(&predictions(&[0, 0, 0, 1], &[[0.9, 0.1]; 4]));
        assert!((found - 2.0).abs() < 1e-6, "{found}"); // 0.9 as f32
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let [high, low] = softmax(&[4000.0, 3996.0], 2.0)[..] else { panic!("two logits have two probabilities") };
        let expected = 1.0 / (1.0 + (-2.0_f64).exp());
        assert!((high - expected).abs() < 1e-12 && (low - (1.0 - expected)).abs() < 1e-12, "{high} {low}");
    }

    #[test]
    fn the_bounds_hold_where_the_optimum_is_at_infinity() {
        assert!((fit(&predictions(&[0, 1], &[[0.6, 0.4], [0.4, 0.6]])) - T_MIN).abs() < 1e-9, "always correct");
        assert!((fit(&predictions(&[1, 0], &[[0.6, 0.4], [0.4, 0.6]])) - T_MAX).abs() < 1e-9, "always wrong");
        assert_eq!(fit(&predictions(&[1, 0], &[[0.5, 0.5]; 2])), 1.0, "no opinion");
        assert!(fit(&predictions(&[0, 1, 0], &[[1.0, 0.0]; 3])).is_finite());
    }
}
