//! Fits a gate to examples.

use model::Gate;

use super::examples::{Examples, Others};
use super::logistic::{self, Example};
use crate::Error;

/// Fits a gate that distinguishes cries from `others`: a logistic regression with the L2 `ridge` on the embedding, or only on the
/// encoder's own logit for cries, if it has one at the place `cry_logit`.
pub(super) fn fit(examples: &Examples, others: Others, cry_logit: Option<usize>, ridge: f64) -> Result<Gate, Error> {
    let used = cry_logit.map_or(0..examples.n_features, |place| place..place + 1);
    let cries = examples.cries(others).map(|row| Example { row: &row[used.clone()], is_cry: true });
    let others = examples.others(others).map(|row| Example { row: &row[used.clone()], is_cry: false });
    let of_both: Vec<Example> = cries.chain(others).collect();
    let (slopes, bias) = logistic::fit(&of_both, ridge)?;
    let mut weight = vec![0.0; examples.n_features];
    weight[used].copy_from_slice(&slopes);
    Gate::new(weight, bias).map_err(Error::device("the gate"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use dataset::sounds::KINDS;

    use super::*;
    use crate::embed::embeddings::Rows;

    /// The first number separates cries from sounds. The second, which stands for the encoder's own logit, does so less well.
    #[test]
    fn a_gate_on_the_encoders_own_logit_uses_nothing_else() {
        let examples = Examples {
            n_features: 2,
            train: vec![1.0, 0.5, 1.1, 2.0, 0.9, -0.5],
            parts: vec![],
            family_over_part: vec![],
            decoys: vec![],
            sounds: vec![(&KINDS[0], vec![-1.0, 0.0, -1.1, -2.0, -0.9, -1.0])],
            val: Rows::default(),
            tested: Rows::default(),
            tested_on: "val",
        };
        let scores = |cry_logit| {
            let gate = fit(&examples, Others::All, cry_logit, 1e-3).unwrap();
            gate.scores(&[1.0, 0.0, -1.0, 0.0, 0.0, 3.0, 0.0, -3.0])
        };
        let trained = scores(None);
        assert!(trained[0] > 0.9 && trained[1] < 0.1, "{trained:?}");
        let own = scores(Some(1));
        assert!(own[0] == own[1] && own[2] > own[0] && own[0] > own[3], "{own:?}");
    }
}
