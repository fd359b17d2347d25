//! The grid of a sweep.

use experiment::TrialConfig;
use model::HeadConfig;

use crate::config::SweepConfig;

/// Every combination of the grid, in the order of the configuration's lists.
pub(super) fn trials(sweep: &SweepConfig) -> Vec<TrialConfig> {
    let mut trials = Vec::new();
    for learning_rate in &sweep.learning_rate {
        for inner in &sweep.inner {
            for dropout in &sweep.dropout {
                let head = HeadConfig { inner: *inner, dropout: *dropout };
                trials.push(TrialConfig { learning_rate: *learning_rate, head });
            }
        }
    }
    trials
}
