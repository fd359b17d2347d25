//! The trials of a sweep.

use experiment::TrialConfig;
use model::{HeadConfig, HeadKind};

use crate::config::{Config, SweepConfig};

/// Every combination of the grid, in the order of [`TrialConfig::order`].
pub(super) fn trials(config: &Config) -> Vec<TrialConfig> {
    with_earlier(config, Vec::new())
}

/// Every combination of the grid and the trials `earlier`, without repetition, in the order of [`TrialConfig::order`]: it does
/// not depend on which of them were trained first.
pub(super) fn with_earlier(config: &Config, earlier: Vec<TrialConfig>) -> Vec<TrialConfig> {
    let mut trials = earlier;
    let kind = config.head.kind;
    let rates: Vec<Option<f64>> = match kind.has_epochs() {
        true => config.sweep.learning_rate.iter().copied().map(Some).collect(),
        false => vec![None],
    };
    for learning_rate in rates {
        trials.extend(heads(kind, &config.sweep).into_iter().map(|head| TrialConfig { learning_rate, head }));
    }
    trials.sort_by(TrialConfig::order);
    trials.dedup();
    trials
}

/// Every head of a grid.
fn heads(kind: HeadKind, sweep: &SweepConfig) -> Vec<HeadConfig> {
    match kind {
        HeadKind::Mlp => {
            let of_size =
                |inner: &usize| sweep.dropout.iter().map(|dropout| HeadConfig::mlp(*inner, *dropout)).collect();
            sweep.inner.iter().flat_map(|inner| -> Vec<HeadConfig> { of_size(inner) }).collect()
        }
        HeadKind::Logistic => sweep.c.iter().map(|c| HeadConfig::logistic(*c)).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn a_grid_and_earlier_trials_are_in_one_order_whichever_came_first() {
        let sweep = |inner: &[usize]| {
            let sweep = SweepConfig {
                learning_rate: vec![1e-2, 1e-3],
                inner: inner.to_vec(),
                dropout: vec![0.5, 0.0],
                ..SweepConfig::default()
            };
            Config { sweep, ..Config::default() }
        };
        let both = trials(&sweep(&[16, 8]));
        assert_eq!(both.len(), 8);
        let ids: Vec<String> = both.iter().map(TrialConfig::id).collect();
        assert_eq!(ids[..3], ["lr0.001-inner8-dropout0", "lr0.001-inner8-dropout0.5", "lr0.001-inner16-dropout0"]);
        for (first, second) in [(&[8][..], &[16][..]), (&[16], &[8]), (&[8, 16], &[8])] {
            assert_eq!(with_earlier(&sweep(second), trials(&sweep(first))), both);
        }
    }

    #[test]
    fn a_logistic_head_has_a_trial_for_each_c() {
        let config = Config::parse("test", "[head]\nkind = \"logistic\"\n[sweep]\nc = [1.0, 0.01]\n", &[]).unwrap();
        let ids: Vec<String> = trials(&config).iter().map(TrialConfig::id).collect();
        assert_eq!(ids, ["logistic-c0.01", "logistic-c1"]);
    }
}
