//! Fits a gate to examples.

use model::Gate;

use super::examples::{Examples, Others};
use super::logistic::{self, Example};
use crate::Error;

/// Fits a gate that distinguishes cries from `others`: a logistic regression with the L2 `ridge` on the embedding, or only on the
/// encoder's own logit for cries, if it has one, whose weights are `own`.
pub(super) fn fit(examples: &Examples, others: Others, own: Option<&[f32]>, ridge: f64) -> Result<Gate, Error> {
    let input = |row: &[f32]| match own {
        None => row.to_vec(),
        Some(own) => vec![row.iter().zip(own).map(|(x, w)| x * w).sum()],
    };
    let cries = examples.cries(others).map(|row| (input(row), true));
    let inputs: Vec<_> = cries.chain(examples.others(others).map(|row| (input(row), false))).collect();
    let examples: Vec<Example> = inputs.iter().map(|(row, is_cry)| Example { row, is_cry: *is_cry }).collect();
    let (slopes, bias) = logistic::fit(&examples, ridge)?;
    let weight = match own {
        None => slopes,
        Some(own) => own.iter().map(|w| w * slopes[0]).collect(),
    };
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
        let scores = |own| {
            let gate = fit(&examples, Others::All, own, 1e-3).unwrap();
            gate.scores(&[1.0, 0.0, -1.0, 0.0, 0.0, 3.0, 0.0, -3.0])
        };
        let trained = scores(None);
        assert!(trained[0] > 0.9 && trained[1] < 0.1, "{trained:?}");
        let own = scores(Some(&[0.0, 1.0][..]));
        assert!(own[0] == own[1] && own[2] > own[0] && own[0] > own[3], "{own:?}");
    }
}
