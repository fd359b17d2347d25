//! What a student of a teacher predicts of each sound.

/// Share of the real cries that reach the logit from which on a sound counts as a cry: as many as pass a gate.
const RECALL: f64 = 0.95;

/// What a student predicts of each sound.
#[derive(Default)]
pub(super) struct Targets {
    /// The teacher's embedding, `[n_sounds][n_features]`, each feature standardised over the sounds; a constant one is 0.
    pub embeddings: Vec<Vec<f32>>,
    /// How probably the sound is a cry, `[n_sounds]`, 0 to 1.
    pub cries: Vec<f32>,
    /// Weight of that for cries and for other sounds: both have half of the sum.
    pub cry_weights: [f32; 2],
}

impl Targets {
    /// Targets of the teacher's `embeddings`, whose last number is its logit for crying; the first `n_real_cries` are of real cries.
    ///
    /// The probability is the sigmoid of how far the logit is above the one that 95 % of the real cries reach.
    pub fn of(mut embeddings: Vec<Vec<f32>>, n_real_cries: usize) -> Self {
        let logits: Vec<f32> = embeddings.iter_mut().filter_map(Vec::pop).collect();
        let mut of_cries = logits[..n_real_cries].to_vec();
        of_cries.sort_by(f32::total_cmp);
        let least = of_cries.get(((1.0 - RECALL) * n_real_cries as f64) as usize).copied().unwrap_or_default();
        let cries: Vec<f32> = logits.iter().map(|logit| 1.0 / (1.0 + (least - logit).exp())).collect();
        standardise(&mut embeddings);
        let n = cries.len() as f32;
        let sum: f32 = cries.iter().sum();
        Self { embeddings, cries, cry_weights: [sum, n - sum].map(|sum| n / (2.0 * sum.max(1.0))) }
    }
}

fn standardise(rows: &mut [Vec<f32>]) {
    for column in 0..rows.first().map_or(0, Vec::len) {
        let n = rows.len() as f64;
        let mean = rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / n;
        let variance = rows.iter().map(|row| (f64::from(row[column]) - mean).powi(2)).sum::<f64>() / n;
        let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
        rows.iter_mut().for_each(|row| row[column] = ((f64::from(row[column]) - mean) * scale) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_a_cry_as_probably_as_its_logit_is_above_that_of_nearly_all_cries() {
        let embeddings = [2.0, 1.0, 2.0, -3.0].map(|logit| vec![logit, logit]).to_vec();
        let Targets { embeddings, cries, cry_weights } = Targets::of(embeddings, 3);
        assert_eq!(embeddings.iter().map(Vec::len).collect::<Vec<_>>(), [1; 4]);
        let expected = [0.731, 0.5, 0.731, 0.018];
        assert!(cries.iter().zip(expected).all(|(p, expected)| (p - expected).abs() < 1e-3), "{cries:?}");
        let sums = [cries.iter().sum::<f32>(), cries.iter().map(|p| 1.0 - p).sum()];
        assert!(sums.iter().zip(cry_weights).all(|(sum, weight)| (sum * weight - 2.0).abs() < 1e-5));
    }

    #[test]
    fn columns_are_standardised_and_a_constant_column_becomes_zero() {
        let mut rows = vec![vec![3.0, 5.0], vec![1.0, 5.0]];
        standardise(&mut rows);
        assert_eq!(rows, [[1.0, 0.0], [-1.0, 0.0]]);
        standardise(&mut []);
    }
}
