//! Successive halving (Jamieson and Talwalkar 2016): many trials of few epochs, then a third of them with three times as many epochs,
//! and so on, until the best have all epochs. Every round trains from the start, so a trial of a round is an ordinary trial whose
//! `train.epochs` is that of the round, and every schedule runs over its own epochs.

use experiment::{Setting, TrialConfig};

use super::ended::Ended;
use crate::config::Config;

/// One of so many trials of a round is in the next one, with so many times the epochs.
const ETA: usize = 3;

/// The key that a round sets.
const EPOCHS: &str = "train.epochs";

/// Number of trials and epochs of each round of a halving that begins with `n` trials and ends with `epochs`.
fn rounds(n: usize, epochs: usize) -> Vec<(usize, usize)> {
    let mut thirds = vec![1];
    while let Some(next) = thirds.last().map(|last| last * ETA).filter(|next| *next <= n.min(epochs)) {
        thirds.push(next);
    }
    thirds.iter().zip(thirds.iter().rev()).map(|(trials, rest)| (n / trials, epochs / rest)).collect()
}

/// The trials of the first round, of those that were drawn.
pub(super) fn first_round(config: &Config, drawn: Vec<TrialConfig>) -> Vec<TrialConfig> {
    let epochs = rounds(drawn.len(), config.train.epochs).first().map_or(config.train.epochs, |(_, epochs)| *epochs);
    drawn.into_iter().map(|trial| with_epochs(config, trial, epochs)).collect()
}

/// The trials of the first round that is not complete that are not among `ended`; none if the search is done. `first` is its first
/// round.
pub(super) fn next_round(config: &Config, first: &[TrialConfig], ended: &[Ended]) -> Vec<TrialConfig> {
    let find = |trial: &TrialConfig| ended.iter().find(|ended| ended.trial == *trial);
    let mut round = first.to_vec();
    for (n, epochs) in rounds(first.len(), config.train.epochs).into_iter().skip(1) {
        let Some(mut done) = round.iter().map(find).collect::<Option<Vec<&Ended>>>() else { break };
        done.retain(|ended| ended.result().is_some());
        done.sort_by(|one, other| one.rank(other));
        let best = done.into_iter().take(n);
        round = best.map(|ended| with_epochs(config, ended.trial.clone(), epochs)).collect();
    }
    round.retain(|trial| find(trial).is_none());
    round
}

/// `trial` with so many epochs.
fn with_epochs(config: &Config, mut trial: TrialConfig, epochs: usize) -> TrialConfig {
    trial.settings.remove(EPOCHS);
    if epochs != config.train.epochs {
        trial.settings.insert(EPOCHS.into(), Setting::Integer(epochs as i64));
    }
    trial
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::sweep::ended::with_score;

    #[test]
    fn each_round_has_a_third_of_the_trials_and_three_times_the_epochs() {
        for (n, epochs, expected) in [
            (27, 27, &[(27, 1), (9, 3), (3, 9), (1, 27)][..]),
            (30, 40, &[(30, 1), (10, 4), (3, 13), (1, 40)]),
            (100, 9, &[(100, 1), (33, 3), (11, 9)]),
            (4, 60, &[(4, 20), (1, 60)]),
            (2, 60, &[(2, 60)]),
            (50, 2, &[(50, 2)]),
        ] {
            assert_eq!(rounds(n, epochs), expected, "{n} trials, {epochs} epochs");
        }
    }

    #[test]
    fn the_best_third_that_did_not_fail_goes_on_with_more_epochs() {
        let text = "[train]\nepochs = 9\n[sweep]\nstrategy = \"halving\"\ntrials = 9\nlearning_rate = { min = 1e-4, max = 1.0 }\n";
        let config = Config::parse("test", text, &[]).unwrap();
        let drawn = crate::sweep::grid::trials(&config);
        assert_eq!(drawn.len(), 9);
        assert!(drawn.iter().all(|trial| trial.axis(EPOCHS) == Some(Setting::Integer(1))));
        let scores = [Some(0.1), Some(0.5), None, Some(0.4), Some(0.5), Some(0.2), None, Some(0.3), Some(0.0)];
        let mut all: Vec<Ended> = drawn.iter().zip(scores).map(|(trial, score)| with_score(trial, score)).collect();
        assert_eq!(next_round(&config, &drawn, &all[..7]), drawn[7..], "the first round is not complete");
        let second = next_round(&config, &drawn, &all);
        let expected = [1, 4, 3].map(|index: usize| with_epochs(&config, drawn[index].clone(), 3));
        assert_eq!(second, expected, "equal ones keep their order");
        all.extend(second.iter().zip([0.1, 0.2, 0.1]).map(|(trial, score)| with_score(trial, Some(score))));
        let third = next_round(&config, &drawn, &all);
        assert_eq!(third.len(), 1);
        assert!(third[0].axis(EPOCHS).is_none() && third[0].learning_rate == drawn[4].learning_rate);
        all.push(with_score(&third[0], None));
        assert!(next_round(&config, &drawn, &all).is_empty());
    }
}
