//! Statistics of the audit against scipy and scikit-learn: goldens of `scripts/goldens/audit_golden.py`. Both sides compute in
//! float64; sums in different orders agree to 1e-12.
#![allow(clippy::unwrap_used)]

use dataset::audit::{chi_squared, cramers_v, intraclass_correlation, q_values, wilson_interval};
use metrics::{mid_ranks, roc_auc};
use serde::Deserialize;

#[derive(Deserialize)]
struct Goldens {
    ranked: Vec<Ranked>,
    contingency: Vec<Contingency>,
    grouped: Vec<Grouped>,
    p_values: Vec<PValues>,
    wilson: Vec<Wilson>,
}

#[derive(Deserialize)]
struct Ranked {
    values: Vec<f64>,
    positive: Vec<bool>,
    ranks: Vec<f64>,
    auc: f64,
}

#[derive(Deserialize)]
struct Contingency {
    table: Vec<Vec<f64>>,
    chi_squared: f64,
    cramers_v: f64,
}

#[derive(Deserialize)]
struct Grouped {
    groups: Vec<Vec<f64>>,
    icc: f64,
}

#[derive(Deserialize)]
struct PValues {
    p: Vec<f64>,
    q: Vec<f64>,
}

#[derive(Deserialize)]
struct Wilson {
    hits: f64,
    n: usize,
    interval: [f64; 2],
}

fn close(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0), "{ours} {theirs}");
}

#[test]
fn statistics_match_scipy_and_scikit_learn() {
    let goldens: Goldens = serde_json::from_str(include_str!("goldens/statistics.json")).unwrap();
    for case in goldens.ranked {
        let ranks = mid_ranks(&case.values);
        assert_eq!(ranks, case.ranks);
        let positive = || ranks.iter().zip(&case.positive).filter(|(_, positive)| **positive);
        let sum = positive().map(|(rank, _)| rank).sum();
        close(roc_auc(sum, positive().count(), ranks.len()).unwrap(), case.auc);
    }
    for case in goldens.contingency {
        close(chi_squared(&case.table), case.chi_squared);
        close(cramers_v(&case.table), case.cramers_v);
    }
    for case in goldens.grouped {
        close(intraclass_correlation(&case.groups).unwrap(), case.icc);
    }
    for case in goldens.p_values {
        q_values(&case.p).into_iter().zip(case.q).for_each(|(ours, theirs)| close(ours, theirs));
    }
    for case in goldens.wilson {
        let ours = wilson_interval(case.hits, case.n);
        ours.into_iter().zip(case.interval).for_each(|(ours, theirs)| close(ours, theirs));
    }
}

#[test]
fn undefined_statistics_are_none_or_uninformative() {
    assert_eq!(roc_auc(3.0, 0, 5), None);
    assert_eq!(roc_auc(15.0, 5, 5), None);
    assert_eq!(cramers_v(&[vec![3.0, 4.0]]), 0.0);
    assert_eq!(cramers_v(&[vec![3.0, 0.0], vec![4.0, 0.0]]), 0.0);
    assert_eq!(intraclass_correlation(&[vec![1.0], vec![2.0]]), None);
    assert_eq!(wilson_interval(0.0, 0), [0.0, 1.0]);
    assert!(q_values(&[]).is_empty());
}
