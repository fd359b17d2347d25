//! Random search (Bergstra and Bengio 2012): independent draws from the axes.

use experiment::{Setting, seed};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::point::{NamedAxis, Point};
use crate::config::{Axis, Range};

/// Draws for each point wanted, of which some may repeat earlier ones: a small space is searched whole.
pub(super) const DRAWS_PER_POINT: usize = 100;

/// Significant digits of a number from a range.
const DIGITS: usize = 3;

/// The first `n` distinct points that are drawn from `axes` with `seed`; fewer if the axes hardly have so many. A larger `n` begins
/// with the same points, and a further axis leaves the draws of the others as they are.
pub(super) fn points(axes: &[NamedAxis], n: usize, seed: u64) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for index in 0..n.saturating_mul(DRAWS_PER_POINT) {
        if points.len() == n {
            break;
        }
        let value = |(name, axis): &NamedAxis| {
            let mut rng = seed::generator(seed, &["random search", &index.to_string(), name]);
            Some((name.clone(), draw(axis, &mut rng)?))
        };
        let point: Option<Point> = axes.iter().map(value).collect();
        points.extend(point.filter(|point| !points.contains(point)));
    }
    points
}

/// A value of `axis`; `None` if it has none.
pub(super) fn draw(axis: &Axis<Setting>, rng: &mut ChaCha8Rng) -> Option<Setting> {
    match axis {
        Axis::Values(values) if values.is_empty() => None,
        Axis::Values(values) => Some(values[rng.random_range(0..values.len())].clone()),
        Axis::Range(range) => number(range, rng.random()),
    }
}

/// The number at the share `u` of `range`, 0 to below 1. Numbers that are not whole have three significant digits, of the number
/// itself with `log`, else of the range's length.
pub(super) fn number(range: &Range<Setting>, u: f64) -> Option<Setting> {
    let Range { min, max, log } = range;
    let between = |min: f64, max: f64| match log {
        true => (min.ln() + u * (max.ln() - min.ln())).exp(),
        false => min + u * (max - min),
    };
    Some(match (min, max) {
        // Each whole number has the part up to the next one.
        (Setting::Integer(min), Setting::Integer(max)) => {
            Setting::Integer((between(*min as f64, *max as f64 + 1.0).floor() as i64).clamp(*min, *max))
        }
        _ => {
            let (min, max) = (min.number()?, max.number()?);
            let value = between(min, max);
            let rounded = match log {
                true => format!("{value:.*e}", DIGITS - 1),
                false => {
                    let decimals = DIGITS as i32 - (max - min).log10().ceil() as i32;
                    format!("{value:.*}", decimals.max(0) as usize)
                }
            };
            Setting::Number(rounded.parse::<f64>().ok()?.clamp(min, max))
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn axes() -> Vec<NamedAxis> {
        let range = |min, max, log| Axis::Range(Range { min, max, log });
        let (number, integer) = (Setting::Number, Setting::Integer);
        vec![
            ("rate".into(), range(number(1e-5), number(1e-1), true)),
            ("dropout".into(), range(number(0.0), number(0.8), false)),
            ("inner".into(), range(integer(8), integer(512), true)),
            ("patience".into(), range(integer(0), integer(3), false)),
            ("sampler".into(), vec![Setting::Text("shuffle".into()), Setting::Text("weighted".into())].into()),
        ]
    }

    #[test]
    fn more_trials_begin_with_the_same_ones_and_a_further_axis_changes_no_other() {
        let axes = axes();
        let many = points(&axes, 40, 7);
        assert_eq!(many.len(), 40);
        for n in [0, 1, 5, 39] {
            assert_eq!(points(&axes, n, 7), many[..n]);
        }
        assert_ne!(points(&axes, 40, 8), many, "the seed decides");
        let fewer: Vec<Point> = points(&axes[..3], 40, 7);
        assert!(fewer.iter().zip(&many).all(|(fewer, all)| fewer[..] == all[..3]));
    }

    #[test]
    fn draws_are_uniform_or_log_uniform_within_their_range() {
        let n = 4000;
        let drawn = |axis: usize| -> Vec<f64> {
            let mut rng = seed::generator(3, &["draws"]);
            let axes = axes();
            (0..n).map(|_| draw(&axes[axis].1, &mut rng).unwrap().number().unwrap()).collect()
        };
        // Share of draws below a value; six standard deviations of a binomial of 4000 and 1/2 are 190.
        let below = |values: &[f64], limit: f64| values.iter().filter(|value| **value < limit).count();
        let near = |found: usize, share: f64| found.abs_diff((share * n as f64) as usize) < 190;
        let rates = drawn(0);
        assert!(rates.iter().all(|rate| (1e-5..=1e-1).contains(rate)));
        assert!(near(below(&rates, 1e-3), 0.5) && near(below(&rates, 1e-4), 0.25));
        let dropout = drawn(1);
        assert!(dropout.iter().all(|p| (0.0..=0.8).contains(p)) && near(below(&dropout, 0.2), 0.25));
        let sizes = drawn(2);
        assert!(sizes.iter().all(|size| (8.0..=512.0).contains(size) && size.fract() == 0.0));
        assert!(near(below(&sizes, 64.0), 0.5), "{}", below(&sizes, 64.0));
        let patience = drawn(3);
        assert!((0..=3).all(|value| near(patience.iter().filter(|found| **found == f64::from(value)).count(), 0.25)));
        let digits = |value: f64| format!("{value:e}").split('e').next().unwrap_or_default().replace('.', "").len();
        assert!(rates.iter().all(|rate| digits(*rate) <= DIGITS) && dropout.iter().all(|p| digits(*p) <= DIGITS));
    }

    #[test]
    fn a_small_space_is_searched_whole_and_once() {
        let axes: Vec<NamedAxis> = vec![
            ("a".into(), vec![Setting::Integer(1), Setting::Integer(2), Setting::Integer(3)].into()),
            ("b".into(), vec![Setting::Flag(false), Setting::Flag(true)].into()),
        ];
        let points = points(&axes, 50, 1);
        assert_eq!(points.len(), 6);
    }
}
