//! How well a score separates positives from negatives: area under the ROC curve and false-alarm rate.
//!
//! Positives may come in groups, such as the recordings of one recorder. Negatives come in families, such as music and
//! speech, which count equally whatever their size. Each family has its own scores of the positives, so that they can
//! come from a classifier that was trained without that family.

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bootstrap::{RESAMPLES, interval};
use crate::groups::{group_ids, group_members};
use crate::random::{Purpose, generator};
use crate::ranks::{mid_ranks, roc_auc};
use crate::{Error, Estimate};

/// Recall at which false alarms are counted.
pub const RECALL: f64 = 0.95;

/// Scores of the positives and of one family of negatives.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Name of the family.
    pub name: String,
    /// Score of each positive, `[n_positives]`; higher means more likely positive. Not NaN.
    pub positives: Vec<f64>,
    /// Score of each negative, `[n_negatives]`, at least one. Not NaN.
    pub negatives: Vec<f64>,
}

/// How well positives are separated from negatives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    /// Number of positives.
    pub n_positives: usize,
    /// Area under the ROC curve, mean over the families, 0 to 1; 0.5 is chance.
    pub roc_auc: Estimate,
    /// Share of negatives that pass the threshold that 95 % of the positives pass, mean over the families, 0 to 1.
    pub false_alarm_rate: Estimate,
    /// The result of each family.
    pub families: Vec<FamilyDetection>,
}

/// How well positives are separated from one family of negatives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FamilyDetection {
    /// Name of the family.
    pub name: String,
    /// Number of negatives.
    pub n_negatives: usize,
    /// Area under the ROC curve, 0 to 1.
    pub roc_auc: f64,
    /// Share of its negatives that pass the threshold that 95 % of the positives pass, 0 to 1.
    pub false_alarm_rate: f64,
}

impl Detection {
    /// Scores `families`. `groups` is the group of each positive, `[n_positives]`, any numbers.
    ///
    /// The intervals resample whole groups of positives, and negatives within their family, with replacement.
    ///
    /// # Errors
    /// [`Error::Empty`] without a positive, without a family or for a family without negatives; [`Error::Length`] if
    /// the number of positives of a family differs from `groups`.
    pub fn new(families: &[Family], groups: &[usize], seed: u64) -> Result<Self, Error> {
        if groups.is_empty() || families.is_empty() || families.iter().any(|family| family.negatives.is_empty()) {
            return Err(Error::Empty);
        }
        if let Some(family) = families.iter().find(|family| family.positives.len() != groups.len()) {
            return Err(Error::Length { what: "positives", found: family.positives.len(), expected: groups.len() });
        }
        let members = group_members(&group_ids(groups.iter().map(Some)));
        let whole: Vec<[f64; 2]> = families.iter().map(|family| scores(&family.positives, &family.negatives)).collect();
        let mut rng = generator(seed, Purpose::Detection);
        let mut resampled = [Vec::with_capacity(RESAMPLES), Vec::with_capacity(RESAMPLES)];
        for _ in 0..RESAMPLES {
            let drawn: Vec<usize> =
                (0..members.len()).flat_map(|_| members[rng.random_range(0..members.len())].clone()).collect();
            let of_family = |family: &Family| {
                let positives: Vec<f64> = drawn.iter().map(|example| family.positives[*example]).collect();
                let n = family.negatives.len();
                let negatives: Vec<f64> = (0..n).map(|_| family.negatives[rng.random_range(0..n)]).collect();
                scores(&positives, &negatives)
            };
            let each: Vec<[f64; 2]> = families.iter().map(of_family).collect();
            for (of_score, mean) in resampled.iter_mut().zip(mean(&each)) {
                of_score.push(mean);
            }
        }
        let [auc, alarms] = mean(&whole);
        let [aucs, many_alarms] = resampled;
        let estimate = |value, resampled| Estimate { value, interval: interval(resampled, members.len()) };
        let of_family = |(family, [roc_auc, false_alarm_rate]): (&Family, [f64; 2])| FamilyDetection {
            name: family.name.clone(),
            n_negatives: family.negatives.len(),
            roc_auc,
            false_alarm_rate,
        };
        Ok(Self {
            n_positives: groups.len(),
            roc_auc: estimate(auc, aucs),
            false_alarm_rate: estimate(alarms, many_alarms),
            families: families.iter().zip(whole).map(of_family).collect(),
        })
    }
}

/// The highest score that at least [`RECALL`] of `positives` reach. At least one positive is needed.
pub fn threshold_at_recall(positives: &[f64]) -> f64 {
    let mut sorted = positives.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Slightly below the product, which rounding may lift above a whole number.
    let passed = (RECALL * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted[sorted.len() - passed]
}

fn mean(each: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|i| each.iter().map(|scores| scores[i]).sum::<f64>() / each.len() as f64)
}

/// Area under the ROC curve, and the share of negatives at or above [`threshold_at_recall`].
fn scores(positives: &[f64], negatives: &[f64]) -> [f64; 2] {
    let ranks = mid_ranks(&[positives, negatives].concat());
    let auc = roc_auc(ranks[..positives.len()].iter().sum(), positives.len(), ranks.len());
    let threshold = threshold_at_recall(positives);
    let passed = negatives.iter().filter(|score| **score >= threshold).count();
    // Both lists have members, so the area is defined.
    [auc.unwrap_or(0.5), passed as f64 / negatives.len() as f64]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn family(positives: &[f64], negatives: &[f64]) -> Family {
        Family { name: "noise".into(), positives: positives.to_vec(), negatives: negatives.to_vec() }
    }

    #[test]
    fn scores_match_scikit_learn() {
        // roc_auc_score([1, 1, 1, 0, 0, 0, 0], [0.9, 0.5, 0.3, 0.5, 0.1, 0.2, 0.4]) = 0.7916666666666667
        let [auc, alarms] = scores(&[0.9, 0.5, 0.3], &[0.5, 0.1, 0.2, 0.4]);
        assert!((auc - 0.791_666_666_666_666_7).abs() < 1e-12);
        assert_eq!(alarms, 0.5, "at 0.3, which all three positives reach");
    }

    #[test]
    fn the_threshold_lets_19_of_20_positives_pass() {
        let positives: Vec<f64> = (0..40).map(f64::from).collect();
        assert_eq!(threshold_at_recall(&positives), 2.0);
        assert_eq!(threshold_at_recall(&positives[..20]), 1.0);
        assert_eq!(threshold_at_recall(&positives[..19]), 0.0);
        assert_eq!(threshold_at_recall(&[0.5]), 0.5);
    }

    #[test]
    fn families_count_equally_and_four_groups_have_no_interval() {
        let positives = [2.0, 3.0, 2.0, 3.0, 2.0];
        let families = [family(&positives, &[1.0; 30]), family(&positives, &[4.0])];
        let detection = Detection::new(&families, &[7, 8, 3, 4, 5], 1).unwrap();
        assert_eq!((detection.roc_auc.value, detection.false_alarm_rate.value), (0.5, 0.5));
        assert_eq!(detection.roc_auc.interval, Some([0.5, 0.5]));
        assert_eq!(Detection::new(&families, &[7, 8, 3, 4, 4], 1).unwrap().roc_auc.interval, None);
    }

    #[test]
    fn invalid_scores_are_refused() {
        assert_eq!(Detection::new(&[], &[1], 1), Err(Error::Empty));
        assert_eq!(Detection::new(&[family(&[1.0], &[])], &[1], 1), Err(Error::Empty));
        assert!(matches!(Detection::new(&[family(&[1.0], &[0.0])], &[1, 2], 1), Err(Error::Length { .. })));
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_ranked_correctly(
            positives in prop::collection::vec(0_u8..6, 1..12),
            negatives in prop::collection::vec(0_u8..6, 1..12),
        ) {
            let [p, n] = [&positives, &negatives].map(|xs| xs.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>());
            let won = |a: &f64, b: &f64| if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
            let pairs: f64 = p.iter().flat_map(|a| n.iter().map(move |b| won(a, b))).sum();
            let [auc, alarms] = scores(&p, &n);
            prop_assert!((auc - pairs / (p.len() * n.len()) as f64).abs() < 1e-12);
            let threshold = threshold_at_recall(&p);
            let recall = p.iter().filter(|x| **x >= threshold).count() as f64 / p.len() as f64;
            prop_assert!(recall >= RECALL);
            prop_assert_eq!(alarms, n.iter().filter(|x| **x >= threshold).count() as f64 / n.len() as f64);
        }
    }
}
