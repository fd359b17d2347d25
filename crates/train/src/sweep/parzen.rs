//! The tree-structured Parzen estimator, TPE (Bergstra et al. 2011), for each axis by itself: of some values that are likely among the
//! best trials so far, the one that is least likely among the others.

use experiment::{Setting, TrialConfig, seed};
use rand_chacha::ChaCha8Rng;
use tpe::TpeOptimizer;

use super::ended::Ended;
use super::point::{self, NamedAxis, Point};
use super::random::{self, DRAWS_PER_POINT};
use crate::config::{Axis, Config, Range};

/// Random points before the first estimate.
const FIRST: usize = 10;

/// Points of each later round, which are trained side by side.
const ROUND: usize = 5;

/// The points of the first round of a search of `n` points.
pub(super) fn first_points(axes: &[NamedAxis], n: usize, seed: u64) -> Vec<Point> {
    random::points(axes, n.min(FIRST), seed)
}

/// The rounds of one search. Each follows from the results of those before and from the seed, so a longer search begins with the
/// rounds of a shorter one.
pub(super) struct Rounds<'a> {
    config: &'a Config,
    axes: Vec<NamedAxis>,
    /// The points so far, in the order in which they were planned, with their trials.
    planned: Vec<(Point, TrialConfig)>,
}

impl<'a> Rounds<'a> {
    pub fn new(config: &'a Config) -> Self {
        let axes = config.sweep.axes();
        let first = first_points(&axes, config.sweep.trials.unwrap_or_default(), config.seed);
        let mut rounds = Self { config, axes, planned: Vec::new() };
        rounds.plan(first);
        rounds
    }

    /// The trials of the first round that is not complete that are not among `ended`; none if the search is done. What else is among
    /// `ended` decides nothing.
    pub fn next(&mut self, ended: &[Ended]) -> Vec<TrialConfig> {
        let find = |trial: &TrialConfig| ended.iter().find(|ended| ended.trial == *trial);
        loop {
            let results: Option<Vec<&Ended>> = self.planned.iter().map(|(_, trial)| find(trial)).collect();
            let Some(results) = results else {
                let trials = self.planned.iter().map(|(_, trial)| trial);
                return trials.filter(|trial| find(trial).is_none()).cloned().collect();
            };
            let round = self.round(&results);
            if round.is_empty() {
                return Vec::new();
            }
            self.plan(round);
        }
    }

    fn plan(&mut self, points: Vec<Point>) {
        let with_trial = |point: Point| Some((point.clone(), point::trial(self.config, point)?));
        self.planned.extend(points.into_iter().filter_map(with_trial));
    }

    /// The points that follow from the results of those so far.
    fn round(&self, results: &[&Ended]) -> Vec<Point> {
        let known = self.planned.len();
        let n = self.config.sweep.trials.unwrap_or_default().saturating_sub(known).min(ROUND);
        let mut ranked: Vec<(&Ended, &Point)> =
            results.iter().copied().zip(self.planned.iter().map(|(point, _)| point)).collect();
        ranked.sort_by(|(one, _), (other, _)| one.rank(other));
        let ranked: Vec<&Point> = ranked.into_iter().map(|(_, point)| point).collect();
        let estimators = self.axes.iter().enumerate().map(|(index, (_, axis))| Estimator::new(axis, index, &ranked));
        let Some(mut estimators) = estimators.collect::<Option<Vec<Estimator>>>() else { return Vec::new() };
        let mut points: Vec<Point> = Vec::new();
        for index in known..known + n {
            let mut rngs: Vec<ChaCha8Rng> = self
                .axes
                .iter()
                .map(|(name, _)| seed::generator(self.config.seed, &["tpe", &index.to_string(), name]))
                .collect();
            // Where estimates give known points only, as in a small space, one is drawn at random.
            let new = (0..2 * DRAWS_PER_POINT).find_map(|attempt| {
                let values = self.axes.iter().zip(&mut estimators).zip(&mut rngs);
                let point: Point = values
                    .map(|(((name, axis), estimator), rng)| {
                        let value =
                            if attempt < DRAWS_PER_POINT { estimator.value(rng) } else { random::draw(axis, rng) };
                        Some((name.clone(), value?))
                    })
                    .collect::<Option<_>>()?;
                let is_known = self.planned.iter().any(|(known, _)| *known == point) || points.contains(&point);
                (!is_known).then_some(point)
            });
            points.extend(new);
        }
        points
    }
}

/// What is likely to be good on one axis.
struct Estimator<'a> {
    axis: &'a Axis<Setting>,
    /// Of the index of a value, or of the share of the range below it.
    optimizer: TpeOptimizer,
}

impl<'a> Estimator<'a> {
    /// The estimate from points of which `index` is the value on `axis`, best first.
    fn new(axis: &'a Axis<Setting>, index: usize, ranked: &[&Point]) -> Option<Self> {
        let mut optimizer = match axis {
            Axis::Values(values) => {
                TpeOptimizer::new(tpe::histogram_estimator(), tpe::categorical_range(values.len()).ok()?)
            }
            Axis::Range(_) => TpeOptimizer::new(tpe::parzen_estimator(), tpe::range(0.0, 1.0).ok()?),
        };
        for (place, point) in ranked.iter().enumerate() {
            let (_, value) = point.get(index)?;
            let position = match axis {
                Axis::Values(values) => values.iter().position(|known| known == value)? as f64,
                Axis::Range(range) => share(range, value)?,
            };
            optimizer.tell(position, place as f64).ok()?;
        }
        Some(Self { axis, optimizer })
    }

    /// A value that is likely among the best and not among the others.
    fn value(&mut self, rng: &mut ChaCha8Rng) -> Option<Setting> {
        let position = self.optimizer.ask(rng).ok()?;
        match self.axis {
            Axis::Values(values) => values.get(position as usize).cloned(),
            Axis::Range(range) => random::number(range, position),
        }
    }
}

/// The share of `range` below `value`, 0 to below 1: what [`random::number`] makes `value` of. A whole number lies in the middle of its
/// part.
fn share(range: &Range<Setting>, value: &Setting) -> Option<f64> {
    let (mut value, min, mut max) = (value.number()?, range.min.number()?, range.max.number()?);
    if let (Setting::Integer(_), Setting::Integer(_)) = (&range.min, &range.max) {
        value += 0.5;
        max += 1.0;
    }
    let share = match range.log {
        true => (value.ln() - min.ln()) / (max.ln() - min.ln()),
        false => (value - min) / (max - min),
    };
    Some(share.clamp(0.0, 1.0 - f64::EPSILON))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::sweep::ended::with_score;

    const SEARCH: &str = "[sweep]\nstrategy = \"tpe\"\nlearning_rate = { min = 1e-4, max = 1.0, log = true }\ninner = { min = 8, \
                          max = 512, log = true }\ndropout = { min = 0.0, max = 0.8 }\n\"train.schedule\" = [\"plateau\", \
                          \"cosine\"]\n";

    fn config(seed: u64, trials: usize) -> Config {
        Config::parse("test", &format!("seed = {seed}\n{SEARCH}trials = {trials}\n"), &[]).unwrap()
    }

    /// Highest where the learning rate is 0.01, dropout 0.2 and the schedule a cosine; the size does not matter.
    fn score(trial: &TrialConfig) -> f64 {
        let value = |name: &str| trial.axis(name).unwrap();
        let number = |name: &str| value(name).number().unwrap();
        let cosine = f64::from(value("train.schedule") == Setting::Text("cosine".into()));
        0.9 - 0.1 * (number("learning_rate").log10() + 2.0).abs()
            - 0.3 * (number("dropout") - 0.2).abs()
            - 0.1 * (1.0 - cosine)
    }

    /// All trials of a search, round by round.
    fn search(config: &Config, score: impl Fn(&TrialConfig) -> Option<f64>) -> Vec<Vec<TrialConfig>> {
        let (mut rounds, mut ended, mut all) = (Rounds::new(config), Vec::new(), Vec::new());
        loop {
            let round = rounds.next(&ended);
            if round.is_empty() {
                return all;
            }
            ended.extend(round.iter().map(|trial| with_score(trial, score(trial))));
            all.push(round);
        }
    }

    #[test]
    fn rounds_follow_from_the_seed_and_a_longer_search_begins_with_a_shorter_one() {
        let long = search(&config(7, 33), |trial| Some(score(trial)));
        assert_eq!(long.iter().map(Vec::len).collect::<Vec<_>>(), [10, 5, 5, 5, 5, 3]);
        let long = long.concat();
        assert!((1..33).all(|index| !long[..index].contains(&long[index])), "no trial comes twice");
        for n in [1, 10, 12, 32] {
            assert_eq!(search(&config(7, n), |trial| Some(score(trial))).concat(), long[..n]);
        }
        assert_ne!(search(&config(8, 33), |trial| Some(score(trial))).concat(), long);
        assert_eq!(long[..10], search(&config(7, 33), |_| Some(0.0)).concat()[..10], "the first are random");
        assert_ne!(
            long[10..15],
            search(&config(7, 33), |trial| Some(-score(trial))).concat()[10..15],
            "the others are not"
        );
    }

    #[test]
    fn an_interrupted_round_is_completed_and_other_trials_change_nothing() {
        let config = config(7, 20);
        let all = search(&config, |trial| Some(score(trial))).concat();
        let mut ended: Vec<Ended> = all[..12].iter().map(|trial| with_score(trial, Some(score(trial)))).collect();
        let other = search(&Config { seed: 1, ..config.clone() }, |trial| Some(score(trial))).concat();
        ended.extend(other[..5].iter().map(|trial| with_score(trial, Some(1.0))));
        ended.reverse();
        assert_eq!(Rounds::new(&config).next(&ended), all[12..15]);
    }

    #[test]
    fn it_finds_better_trials_than_random_search_and_avoids_what_fails() {
        let best = |trials: &[TrialConfig]| trials.iter().map(score).fold(f64::MIN, f64::max);
        let seeds = 0..10;
        let wins = seeds.clone().filter(|seed| {
            let config = config(*seed, 60);
            let drawn = random::points(&config.sweep.axes(), 60, *seed);
            let random: Vec<TrialConfig> =
                drawn.into_iter().map(|point| point::trial(&config, point).unwrap()).collect();
            best(&search(&config, |trial| Some(score(trial))).concat()) > best(&random)
        });
        assert!(wins.count() >= 8);
        // A quarter of the range of learning rates, and so of random trials, diverges.
        let diverges = |trial: &TrialConfig| trial.learning_rate.unwrap() > 0.1;
        let n_failed = seeds.map(|seed| {
            let all = search(&config(seed, 60), |trial| (!diverges(trial)).then(|| score(trial))).concat();
            all[20..].iter().filter(|trial| diverges(trial)).count()
        });
        assert!(n_failed.sum::<usize>() < 50, "of 400 trials");
    }

    #[test]
    fn a_small_space_is_searched_whole_and_once() {
        let text = "[sweep]\nstrategy = \"tpe\"\ntrials = 50\nlearning_rate = [0.1, 0.01, 0.001]\ninner = [8, 16]\ndropout = [0.0, \
                    0.2, 0.5]\n";
        let config = Config::parse("test", text, &[]).unwrap();
        let all = search(&config, |trial| trial.learning_rate).concat();
        assert_eq!(all.len(), 18);
    }

    #[test]
    fn a_share_is_what_makes_the_value() {
        for axis in config(1, 1).sweep.axes().iter().map(|(_, axis)| axis) {
            let Axis::Range(range) = axis else { continue };
            for step in 0..100 {
                let value = random::number(range, f64::from(step) / 100.0).unwrap();
                let share = share(range, &value).unwrap();
                assert!((share - f64::from(step) / 100.0).abs() < 0.03, "{value} at {step} %: {share}");
                assert_eq!(random::number(range, share).unwrap(), value);
            }
        }
    }
}
