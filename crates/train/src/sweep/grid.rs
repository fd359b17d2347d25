//! The trials of a sweep.

use experiment::TrialConfig;

use super::point::{self, NamedAxis, Point};
use super::{halving, parzen, random};
use crate::config::{Axis, Config, Strategy};

/// Every trial of the search that does not depend on results, in the order of [`TrialConfig::order`].
pub(super) fn trials(config: &Config) -> Vec<TrialConfig> {
    with_earlier(config, Vec::new())
}

/// These trials and the trials `earlier`, without repetition, in the order of [`TrialConfig::order`]: it does not
/// depend on which of them were trained first.
pub(super) fn with_earlier(config: &Config, earlier: Vec<TrialConfig>) -> Vec<TrialConfig> {
    let axes = config.sweep.axes();
    let n = config.sweep.trials.unwrap_or_default();
    let points = match config.sweep.strategy {
        Strategy::Grid => combinations(&axes),
        Strategy::Random | Strategy::Halving => random::points(&axes, n, config.seed),
        Strategy::Tpe => parzen::first_points(&axes, n, config.seed),
    };
    let of_search = points.into_iter().filter_map(|point| point::trial(config, point)).collect();
    let mut trials = earlier;
    trials.extend(match config.sweep.strategy {
        Strategy::Grid | Strategy::Random | Strategy::Tpe => of_search,
        Strategy::Halving => halving::first_round(config, of_search),
    });
    trials.sort_by(TrialConfig::order);
    trials.dedup();
    trials
}

/// Every combination of the values of `axes`.
fn combinations(axes: &[NamedAxis]) -> Vec<Point> {
    axes.iter().fold(vec![Point::new()], |points, (name, axis)| {
        let Axis::Values(values) = axis else { return Vec::new() };
        let extended = |point: &Point| {
            let with = |value| [&point[..], &[(name.clone(), value)]].concat();
            values.iter().cloned().map(with).collect::<Vec<_>>()
        };
        points.iter().flat_map(extended).collect()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::HeadConfig;

    use super::*;
    use crate::config::{Settings, SweepConfig};

    #[test]
    fn a_grid_and_earlier_trials_are_in_one_order_whichever_came_first() {
        let sweep = |inner: &[usize]| {
            let sweep = SweepConfig {
                learning_rate: vec![1e-2, 1e-3].into(),
                inner: inner.to_vec().into(),
                dropout: vec![0.5, 0.0].into(),
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

    #[test]
    fn keys_are_axes_beside_those_of_the_head() {
        let text = "[sweep]\nlearning_rate = [0.01]\ninner = [8]\ndropout = [0.5]\n\"train.weight_decay\" = [0.01, 1e-4]\nseed = [2, 1]\n";
        let trials = trials(&Config::parse("test", text, &[]).unwrap());
        let ids: Vec<String> = trials.iter().map(TrialConfig::id).collect();
        let id = |seed, decay| format!("lr0.01-inner8-dropout0.5-seed={seed}-train.weight_decay={decay}");
        assert_eq!(ids, [id(1, "0.0001"), id(1, "0.01"), id(2, "0.0001"), id(2, "0.01")]);
        let text = "[head]\nkind = \"gru\"\n[sweep]\nlearning_rate = [0.01]\nhidden = [8]\ndropout = [0.5]\n[sweep.head]\nbidirectional = [true, false]\n";
        let trials = super::trials(&Config::parse("test", text, &[]).unwrap());
        let directions: Vec<bool> =
            trials.iter().map(|trial| matches!(&trial.head, HeadConfig::Gru(config) if config.bidirectional)).collect();
        assert_eq!(directions, [false, true]);
    }

    #[test]
    fn random_search_draws_its_trials_and_more_trials_contain_fewer() {
        let text = "[sweep]\nstrategy = \"random\"\nlearning_rate = { min = 1e-4, max = 1e-1, log = true }\ninner = { min = 8, max = 64 }\n";
        let drawn = |n: usize| trials(&Config::parse("test", text, &[format!("sweep.trials={n}")]).unwrap());
        let (few, many) = (drawn(5), drawn(12));
        assert_eq!((few.len(), many.len()), (5, 12));
        assert!(few.iter().all(|trial| many.contains(trial)));
        assert_eq!(with_earlier(&Config::parse("test", text, &["sweep.trials=12".into()]).unwrap(), few), many);
    }
}
