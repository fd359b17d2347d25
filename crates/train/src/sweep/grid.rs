//! The trials of a sweep.

use experiment::TrialConfig;
use model::HeadConfig;

use crate::config::SweepConfig;

/// Every combination of the grid, in the order of [`TrialConfig::order`].
pub(super) fn trials(sweep: &SweepConfig) -> Vec<TrialConfig> {
    with_earlier(sweep, Vec::new())
}

/// Every combination of the grid and the trials `earlier`, without repetition, in the order of [`TrialConfig::order`]: it does
/// not depend on which of them were trained first.
pub(super) fn with_earlier(sweep: &SweepConfig, earlier: Vec<TrialConfig>) -> Vec<TrialConfig> {
    let mut trials = earlier;
    for learning_rate in &sweep.learning_rate {
        for inner in &sweep.inner {
            for dropout in &sweep.dropout {
                let head = HeadConfig { inner: *inner, dropout: *dropout };
                trials.push(TrialConfig { learning_rate: *learning_rate, head });
            }
        }
    }
    trials.sort_by(TrialConfig::order);
    trials.dedup();
    trials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_and_earlier_trials_are_in_one_order_whichever_came_first() {
        let sweep = |inner: &[usize]| SweepConfig {
            learning_rate: vec![1e-2, 1e-3],
            inner: inner.to_vec(),
            dropout: vec![0.5, 0.0],
        };
        let both = trials(&sweep(&[16, 8]));
        assert_eq!(both.len(), 8);
        let ids: Vec<String> = both.iter().map(TrialConfig::id).collect();
        assert_eq!(ids[..3], ["lr0.001-inner8-dropout0", "lr0.001-inner8-dropout0.5", "lr0.001-inner16-dropout0"]);
        for (first, second) in [(&[8][..], &[16][..]), (&[16], &[8]), (&[8, 16], &[8])] {
            assert_eq!(with_earlier(&sweep(second), trials(&sweep(first))), both);
        }
    }
}
