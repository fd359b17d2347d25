//! The trials of a sweep.

use experiment::TrialConfig;
use model::{AttentionConfig, HeadConfig, HeadKind, RecurrentConfig};

use crate::config::{Config, HeadChoice};

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
        trials.extend(heads(config).into_iter().map(|head| TrialConfig { learning_rate, head }));
    }
    trials.sort_by(TrialConfig::order);
    trials.dedup();
    trials
}

/// Every head of a grid.
fn heads(config: &Config) -> Vec<HeadConfig> {
    let (HeadChoice { kind, bidirectional }, sweep) = (config.head, &config.sweep);
    let recurrent = |hidden, dropout| RecurrentConfig { hidden, dropout, bidirectional };
    match kind {
        HeadKind::Mlp => of_sizes(&sweep.inner, &sweep.dropout, HeadConfig::mlp),
        HeadKind::Logistic => sweep.c.iter().map(|c| HeadConfig::logistic(*c)).collect(),
        HeadKind::Attention => of_sizes(&sweep.hidden, &sweep.dropout, |hidden, dropout| {
            HeadConfig::Attention(AttentionConfig { hidden, dropout })
        }),
        HeadKind::Gru => {
            of_sizes(&sweep.hidden, &sweep.dropout, |hidden, dropout| HeadConfig::Gru(recurrent(hidden, dropout)))
        }
        HeadKind::Lstm => {
            of_sizes(&sweep.hidden, &sweep.dropout, |hidden, dropout| HeadConfig::Lstm(recurrent(hidden, dropout)))
        }
    }
}

/// A head for each size and dropout.
fn of_sizes(sizes: &[usize], dropouts: &[f64], head: impl Fn(usize, f64) -> HeadConfig) -> Vec<HeadConfig> {
    sizes.iter().flat_map(|size| dropouts.iter().map(|dropout| head(*size, *dropout)).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Settings, SweepConfig};

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
    fn a_recurrent_head_has_a_trial_for_each_rate_size_and_dropout_in_the_directions_of_the_config() {
        let text = "[head]\nkind = \"gru\"\nbidirectional = true\n[sweep]\nlearning_rate = [0.01]\nhidden = [8]\n";
        let trials = trials(&Config::parse("test", text, &[]).unwrap());
        let ids: Vec<String> = trials.iter().map(TrialConfig::id).collect();
        assert_eq!(
            ids,
            ["gru-lr0.01-hidden8-dropout0", "gru-lr0.01-hidden8-dropout0.5", "gru-lr0.01-hidden8-dropout0.8"]
        );
        assert!(trials.iter().all(|trial| matches!(&trial.head, HeadConfig::Gru(config) if config.bidirectional)));
    }

    #[test]
    fn a_logistic_head_has_a_trial_for_each_c() {
        let config = Config::parse("test", "[head]\nkind = \"logistic\"\n[sweep]\nc = [1.0, 0.01]\n", &[]).unwrap();
        let ids: Vec<String> = trials(&config).iter().map(TrialConfig::id).collect();
        assert_eq!(ids, ["logistic-c0.01", "logistic-c1"]);
    }
}
