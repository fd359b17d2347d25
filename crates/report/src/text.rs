//! Formatting of numbers.

/// A score with three decimals; `–` if it is undefined.
pub(crate) fn number(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.3}"))
}

/// An interval with three decimals; `–` if there is none.
pub(crate) fn interval(interval: Option<[f64; 2]>) -> String {
    interval.map_or("–".into(), |[low, high]| format!("{low:.3} to {high:.3}"))
}
