//! Fits a gate to examples.

use model::Gate;

use super::examples::{Examples, Others};
use super::logistic::{self, Example};
use crate::Error;

/// Fits a gate that distinguishes cries from `others`; `ridge` is the L2 of the logistic regression.
pub(super) fn fit(examples: &Examples, others: Others, ridge: f64) -> Result<Gate, Error> {
    let cries = examples.cries(others).map(|row| Example { row, is_cry: true });
    let others = examples.others(others).map(|row| Example { row, is_cry: false });
    let examples: Vec<Example> = cries.chain(others).collect();
    let (weight, bias) = logistic::fit(&examples, ridge)?;
    Gate::new(weight, bias).map_err(Error::device("the gate"))
}
