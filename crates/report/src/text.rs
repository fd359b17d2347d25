//! Formatting of numbers.

use metrics::MIN_GROUPS;

/// A score with three decimals; `–` if it is undefined.
pub(crate) fn number(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.3}"))
}

/// An interval with three decimals, or why there is none. `n_groups` is the number of groups that it would resample, if it is
/// known.
pub(crate) fn interval(interval: Option<[f64; 2]>, n_groups: Option<usize>) -> String {
    match (interval, n_groups) {
        (Some([low, high]), _) => format!("{low:.3} to {high:.3}"),
        (None, Some(n_groups)) if n_groups >= MIN_GROUPS => "none: undefined in most resamples".into(),
        (None, Some(n_groups)) => format!("none: fewer than {MIN_GROUPS} groups ({n_groups})"),
        (None, None) => format!("none: fewer than {MIN_GROUPS} groups"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_stands_where_an_interval_is_missing() {
        assert_eq!(interval(Some([0.25, 0.5]), Some(9)), "0.250 to 0.500");
        assert_eq!(interval(None, Some(4)), "none: fewer than 5 groups (4)");
        assert_eq!(interval(None, Some(5)), "none: undefined in most resamples");
        assert_eq!(interval(None, None), "none: fewer than 5 groups");
    }
}
