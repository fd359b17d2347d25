//! `wail evaluate --fit`: how episodes begin and end, chosen on long recordings with known cries.
//!
//! Every setting decides something else. When an episode is confirmed, and whether at all, depends on the upper threshold, on how many
//! windows must reach it, on smoothing and on the shortest length; so all combinations of these are tried first. Where an episode ends
//! depends on the lower threshold and on the hold time; these are chosen next, by event-based F1 whose matches agree in their ends as well.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dataset::count;
use metrics::{Collar, DetectedEvent, EventScores, RecordingEvents, TrueEvent, quantile};
use model::EpisodeSettings;
use predict::{Classifier, Episodes, Options, Prediction, Window, Windows};
use rayon::prelude::*;

use super::detections::{detected, of_recording};
use crate::Error;
use crate::terminal::stderr;

/// Shares of the windows of true cries that a threshold may let fall below it.
const SHARES_BELOW: [f64; 19] =
    [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];
/// So many windows of so many.
const CONFIRMATIONS: [(usize, usize); 6] = [(1, 1), (2, 3), (3, 4), (3, 6), (4, 6), (6, 8)];
const SMOOTHING_SECONDS: [f64; 3] = [0.0, 1.0, 2.0];
const MIN_SECONDS: [f64; 3] = [0.0, 1.0, 2.0];
/// An end may differ by this share of a cry's length, unless the command line says otherwise.
const SHARE_OF_LENGTH: f64 = 0.5;
const HOLD_SECONDS: [f64; 6] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0];

/// A recording as a model hears it.
pub(super) struct Heard {
    /// Its length, s.
    pub seconds: f64,
    /// Its windows, without probabilities.
    windows: Vec<Window>,
}

/// The windows of each file. The model listens once, whatever is tried afterwards.
pub(super) fn listen(
    classifier: &Classifier,
    settings: EpisodeSettings,
    files: &[PathBuf],
) -> Result<Vec<Heard>, Error> {
    let options = Options { top_k: 1, min_confidence: None, coverage: None };
    let listen = |file: &PathBuf| {
        let mut windows = Vec::new();
        let listened = classifier.listen_to_file(file, Windows::from(settings), &options, |window| {
            let prediction = Prediction { all_probs: BTreeMap::new(), top_k: vec![], ..window.prediction };
            windows.push(Window { prediction, ..window });
            Ok::<(), predict::Error>(())
        });
        let (seconds, warnings) = listened.map_err(|error| of_recording(file, error))?;
        warnings.iter().for_each(|warning| stderr::line(format_args!("{}: {warning}", file.display())));
        Ok(Heard { seconds, windows })
    };
    files.iter().map(listen).collect()
}

/// What the settings are chosen by.
pub(super) struct Fit<'a> {
    /// Window and hop, which stay, and where the search starts.
    pub settings: EpisodeSettings,
    /// The cries of each recording, `[n_recordings]`.
    pub truth: &'a [Vec<TrueEvent>],
    /// `[n_recordings]`
    pub heard: &'a [Heard],
    pub collar: Collar,
    /// Most false alarms per hour.
    pub most_per_hour: f64,
    /// Seed of the resamples.
    pub seed: u64,
}

/// Settings with their scores.
pub(super) struct Fitted {
    settings: EpisodeSettings,
    scores: EventScores,
    /// How many more false calls per hour than allowed.
    excess_per_hour: f64,
    most_per_hour: f64,
}

impl Fit<'_> {
    /// The best settings.
    ///
    /// # Errors
    /// [`Error::Data`] if no window is of a cry, [`Error::Metrics`] for invalid events.
    pub fn best(&self) -> Result<Fitted, Error> {
        let thresholds = self.thresholds()?;
        let onsets = Collar { share_of_length: None, ..self.collar };
        let ends = Collar { share_of_length: Some(self.collar.share_of_length.unwrap_or(SHARE_OF_LENGTH)), ..onsets };
        let begins = |on: usize| {
            let confirmations =
                CONFIRMATIONS.into_iter().flat_map(|of| SMOOTHING_SECONDS.map(|smoothing| (of, smoothing)));
            confirmations.flat_map(move |(of, smoothing)| MIN_SECONDS.map(|min| (on, of, smoothing, min)))
        };
        let candidates =
            (0..thresholds.len()).flat_map(begins).map(|(on, (confirm_windows, confirm_of), smoothing, min)| {
                EpisodeSettings {
                    on_threshold: thresholds[on],
                    off_threshold: (thresholds[0] + thresholds[on]) / 2.0,
                    confirm_windows,
                    confirm_of,
                    smoothing_seconds: smoothing,
                    min_seconds: min,
                    ..self.settings
                }
            });
        let by_latency = |one: &Fitted, other: &Fitted| self.latency(one).total_cmp(&self.latency(other));
        let begins = self.first_of(candidates.collect(), &onsets, by_latency)?.settings;
        let below = thresholds.into_iter().filter(|threshold| *threshold <= begins.on_threshold);
        let candidates = below.flat_map(|off_threshold| {
            HOLD_SECONDS.map(|hold_seconds| EpisodeSettings { off_threshold, hold_seconds, ..begins })
        });
        let f1 = |fitted: &Fitted| fitted.scores.f1.map_or(0.0, |f1| f1.value);
        let by_f1 = |one: &Fitted, other: &Fitted| f1(other).total_cmp(&f1(one)).then(by_latency(one, other));
        self.first_of(candidates.collect(), &ends, by_f1)
    }

    /// Scores that the windows in the middle of true cries fall below in [`SHARES_BELOW`], to four decimals, ascending.
    fn thresholds(&self) -> Result<Vec<f32>, Error> {
        let is_of = |window: &Window, truth: &[TrueEvent]| {
            let middle = (window.span.start_seconds + window.span.end_seconds) / 2.0;
            truth.iter().any(|cry| (cry.onset_seconds..cry.end_seconds).contains(&middle))
        };
        let of_cries = self
            .heard
            .iter()
            .zip(self.truth)
            .flat_map(|(heard, truth)| heard.windows.iter().filter(move |window| is_of(window, truth)));
        let mut scores: Vec<f64> = of_cries.filter_map(|window| window.prediction.cry_score.map(f64::from)).collect();
        if scores.is_empty() {
            return Err(Error::Data("there is no cry in these recordings, so there is nothing to fit to".into()));
        }
        scores.sort_by(f64::total_cmp);
        let rounded = |share: f64| (1e4 * quantile(&scores, share)).round() / 1e4;
        let mut thresholds: Vec<f32> = SHARES_BELOW.into_iter().map(|share| rounded(share) as f32).collect();
        thresholds.dedup();
        Ok(thresholds)
    }

    /// The best of `candidates`: the one with the fewest false calls beyond those allowed, then with the fewest misses, then by `compare`;
    /// of equal ones the first.
    fn first_of(
        &self,
        candidates: Vec<EpisodeSettings>,
        collar: &Collar,
        compare: impl Fn(&Fitted, &Fitted) -> Ordering,
    ) -> Result<Fitted, Error> {
        let tried: Result<Vec<Fitted>, Error> =
            candidates.into_par_iter().map(|settings| self.scored(settings, collar)).collect();
        let best = tried?.into_iter().min_by(|one, other| {
            let misses = one.scores.total.n_missed.cmp(&other.scores.total.n_missed);
            one.excess_per_hour.total_cmp(&other.excess_per_hour).then(misses).then_with(|| compare(one, other))
        });
        best.ok_or_else(|| Error::Data("there is nothing to choose from".into()))
    }

    fn scored(&self, settings: EpisodeSettings, collar: &Collar) -> Result<Fitted, Error> {
        let events = self.heard.iter().zip(self.truth).map(|(heard, truth)| {
            let episodes = Episodes::of_windows(settings, &heard.windows);
            let detected = episodes.iter().map(detected).collect();
            RecordingEvents { seconds: heard.seconds, truth: truth.clone(), detected }
        });
        let events: Vec<RecordingEvents> = events.collect();
        let n_false_calls = events.iter().map(|recording| self.n_false_calls(recording)).sum::<usize>() as f64;
        let scores = EventScores::new(&events, collar, self.seed)?;
        let hours = (scores.total.seconds / 3600.0).max(f64::MIN_POSITIVE);
        let excess_per_hour = (n_false_calls / hours - self.most_per_hour).max(0.0);
        Ok(Fitted { settings, scores, excess_per_hour, most_per_hour: self.most_per_hour })
    }

    /// How often somebody is called while no cry has begun: by a detection that overlaps none, or is confirmed before the first one. An
    /// episode that lasts all night overlaps every cry, but is no use.
    fn n_false_calls(&self, RecordingEvents { truth, detected, .. }: &RecordingEvents) -> usize {
        let is_false = |event: &&DetectedEvent| {
            let overlaps =
                |cry: &&TrueEvent| cry.onset_seconds < event.end_seconds && event.onset_seconds < cry.end_seconds;
            let onsets = truth.iter().filter(overlaps).map(|cry| cry.onset_seconds);
            let first = onsets.min_by(f64::total_cmp);
            first.zip(event.confirmed_seconds).is_none_or(|(onset, confirmed)| confirmed < onset - self.collar.seconds)
        };
        detected.iter().filter(is_false).count()
    }

    fn latency(&self, fitted: &Fitted) -> f64 {
        fitted.scores.median_latency_seconds.map_or(f64::INFINITY, |latency| latency.value)
    }
}

impl Fitted {
    /// The settings as TOML, with how they were chosen and their scores as a comment.
    pub fn toml(&self, model: &str, truth: &Path) -> Result<String, Error> {
        let EventScores { total, recordings, false_alarms_per_hour, median_latency_seconds, .. } = &self.scores;
        let value =
            |estimate: &Option<metrics::Estimate>| estimate.map_or("none".into(), |e| format!("{:.2}", e.value));
        let settings = toml::to_string(&self.settings).map_err(Error::encode("TOML"))?;
        Ok(format!(
            "# How to find episodes with {model}: chosen by `wail evaluate --fit {}` on {}, {:.1} hours together ({}).\n\
             # On these, {} of {} cries missed, {} false alarms per hour, median latency {} s. Others will be worse: evaluate on others.\n\
             {settings}",
            self.most_per_hour,
            count(recordings.len(), "recording"),
            total.seconds / 3600.0,
            truth.display(),
            total.n_missed,
            total.n_true,
            value(false_alarms_per_hour),
            value(median_latency_seconds),
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use predict::Span;

    use super::*;

    /// Windows of 3 s every 0.5 s over 200 s whose middle has the score that `score` gives to its time.
    fn heard(score: impl Fn(f64) -> f32) -> Heard {
        let window = |index: usize| {
            let start_seconds = index as f64 / 2.0;
            let prediction = Prediction {
                label: String::new(),
                probability: 1.0,
                top_k: vec![],
                all_probs: BTreeMap::new(),
                abstains: None,
                prediction_set: None,
                cry_score: Some(score(start_seconds + 1.5)),
                not_a_cry: None,
                warnings: vec![],
            };
            Window { span: Span { start_seconds, end_seconds: start_seconds + 3.0 }, level_dbfs: -20.0, prediction }
        };
        Heard { seconds: 200.0, windows: (0..395).map(window).collect() }
    }

    #[test]
    fn a_short_loud_sound_needs_more_windows_and_a_pause_needs_a_hold() {
        // Two windows of a bark, and a cry with a pause of six seconds.
        let score = |time: f64| match time {
            50.0..51.0 => 0.9,
            100.0..108.0 | 114.0..120.0 => 0.6,
            _ => 0.1,
        };
        let (recordings, truth) = ([heard(score)], [vec![TrueEvent { onset_seconds: 100.0, end_seconds: 120.0 }]]);
        let fit = |heard| Fit {
            settings: EpisodeSettings::of_threshold(Some(0.5), 7.0),
            truth: &truth,
            heard,
            collar: Collar { seconds: 1.0, share_of_length: None },
            most_per_hour: 0.0,
            seed: 1,
        };
        let Fitted { settings, scores, .. } = fit(&recordings).best().unwrap();
        assert!(0.1 < settings.on_threshold && settings.on_threshold <= 0.6, "{settings:?}");
        assert_eq!((settings.confirm_windows, settings.confirm_of), (3, 4), "two windows of a bark do not reach it");
        assert_eq!(settings.hold_seconds, 10.0, "{settings:?}");
        let EventScores { total, .. } = scores;
        assert_eq!((total.n_missed, total.n_false_alarms, total.n_detected, total.n_matched), (0, 0, 1, 1));

        let text = fit(&recordings).best().unwrap().toml("a model", Path::new("truth.csv")).unwrap();
        assert!(text.contains("0 of 1 cries missed, 0.00 false alarms per hour, median latency 2."), "{text}");
        let keys: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(EpisodeSettings::of_threshold(None, 3.0).with_keys(&keys).unwrap(), settings);
    }

    #[test]
    fn without_a_cry_there_is_nothing_to_fit_to() {
        let (recordings, truth) = ([heard(|_| 0.1)], [vec![]]);
        let settings = EpisodeSettings::of_threshold(Some(0.5), 7.0);
        let fit =
            Fit { settings, truth: &truth, heard: &recordings, collar: Collar::default(), most_per_hour: 1.0, seed: 1 };
        assert!(matches!(fit.best(), Err(Error::Data(_))));
    }
}
