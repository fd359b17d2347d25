//! Which parts of a recording an answer depends on.

use std::path::Path;

use features::{Audio, Occlusion, OcclusionGrid, OcclusionMap};
use metrics::argmax;
use rayon::prelude::*;

use crate::clips::window_waveform;
use crate::{Classifier, Error, Output};

/// Smallest difference that a map shows.
const RESOLUTION: f64 = 1e-3;

/// The explanation of the answer for a recording's first clip: hides each cell of a grid over time and frequency and classifies the rest.
/// It takes about a hundred passes of the model, and makes them in steps of eight.
///
/// It says what this model uses, not why the baby cries: a cell may count because it holds a recorder's hum.
pub struct Explainer {
    occlusion: Occlusion,
    /// The answer for the whole clip, once known.
    whole: Option<Whole>,
    /// The falls of log odds and cry score of each time that is done, `[n_done][n_bands]`.
    log_odds_drop: Vec<Vec<f32>>,
    cry_score_drop: Vec<Vec<f32>>,
}

/// The answer that is explained.
struct Whole {
    class: usize,
    log_odds: f64,
    cry_score: Option<f32>,
}

impl Explainer {
    /// Passes of the model in a step; the first one has another, for the whole clip.
    pub const PASSES_PER_STEP: usize = OcclusionGrid::N_BANDS;

    /// Hides each cell of the next time. Returns whether there are more.
    ///
    /// # Errors
    /// [`Error::Model`] if the device fails.
    pub fn step(&mut self, classifier: &Classifier) -> Result<bool, Error> {
        let (time, n_times) = (self.log_odds_drop.len(), self.occlusion.grid().n_times());
        if time >= n_times {
            return Ok(false);
        }
        let extractor = classifier.extractor();
        let bands = 0..Self::PASSES_PER_STEP;
        let hidden = |band: usize| extractor.record_from_waveform(&self.occlusion.without(time, band));
        let mut records: Vec<f32> = bands.into_par_iter().flat_map_iter(hidden).collect();
        if self.whole.is_none() {
            records.extend(extractor.record_from_waveform(self.occlusion.waveform()));
        }
        let mut outputs = classifier.outputs(&records)?;
        let whole = match &self.whole {
            Some(whole) => whole,
            None => {
                let output = outputs.pop().ok_or(features::Error::Empty)?;
                self.whole.insert(Whole::new(classifier, &output))
            }
        };
        let falls = outputs.iter().map(|output| whole.fall(classifier, output));
        let (log_odds, cry_scores): (Vec<f32>, Vec<Option<f32>>) = falls.unzip();
        self.log_odds_drop.push(log_odds);
        self.cry_score_drop.push(cry_scores.into_iter().flatten().collect());
        Ok(time + 1 < n_times)
    }

    /// The explanation; times that [`Explainer::step`] has not reached are missing.
    pub fn finish(self) -> OcclusionMap {
        let grid = self.occlusion.grid().clone();
        let of_band =
            |falls: &[Vec<f32>], band: usize| falls.iter().filter_map(|of_time| of_time.get(band).copied()).collect();
        let by_band = |falls: &[Vec<f32>]| (0..OcclusionGrid::N_BANDS).map(|band| of_band(falls, band)).collect();
        let has_gate = self.whole.is_some_and(|whole| whole.cry_score.is_some());
        OcclusionMap {
            grid,
            log_odds_drop: by_band(&self.log_odds_drop),
            cry_score_drop: has_gate.then(|| by_band(&self.cry_score_drop)),
        }
    }
}

impl Whole {
    fn new(classifier: &Classifier, output: &Output) -> Self {
        let class = argmax(&output.logits);
        Self { class, log_odds: classifier.calibration().log_odds(&output.logits, class), cry_score: output.cry_score }
    }

    /// How much log odds and cry score fall from the whole clip to `output`.
    fn fall(&self, classifier: &Classifier, output: &Output) -> (f32, Option<f32>) {
        let left = classifier.calibration().log_odds(&output.logits, self.class);
        let cry_scores = self.cry_score.zip(output.cry_score);
        (rounded(self.log_odds - left), cry_scores.map(|(whole, left)| rounded(f64::from(whole - left))))
    }
}

fn rounded(fall: f64) -> f32 {
    ((fall / RESOLUTION).round() * RESOLUTION + 0.0) as f32 // never -0
}

impl Classifier {
    /// Begins the explanation of the answer for a sound file. `extension` is a hint for the decoder.
    ///
    /// # Errors
    /// [`Error::Sound`] if `bytes` are not a usable recording.
    pub fn explainer(&self, bytes: &[u8], extension: Option<&str>) -> Result<Explainer, Error> {
        Ok(self.explainer_of(&self.extractor().decode(bytes, extension)?))
    }

    /// Explains the answer for a sound file, which is read only as far as needed.
    ///
    /// # Errors
    /// [`Error::Sound`] if `path` is not a usable recording, [`Error::Model`] if the device fails.
    pub fn explain_file(&self, path: &Path) -> Result<OcclusionMap, Error> {
        self.explain(&self.extractor().decode_file(path)?)
    }

    /// Explains the answer for decoded sound.
    ///
    /// # Errors
    /// [`Error::Model`] if the device fails.
    pub fn explain(&self, audio: &Audio) -> Result<OcclusionMap, Error> {
        let mut explainer = self.explainer_of(audio);
        while explainer.step(self)? {}
        Ok(explainer.finish())
    }

    fn explainer_of(&self, audio: &Audio) -> Explainer {
        let config = self.features();
        let waveform = window_waveform(self.extractor(), &audio.samples, audio.sample_rate_hz, config.clip_seconds);
        let rate_hz = config.waveform_rate_hz();
        let lowest_rate_hz = rate_hz.min(audio.sample_rate_hz).min(config.common_rate_hz.unwrap_or(rate_hz));
        Explainer {
            occlusion: Occlusion::new(waveform, rate_hz, f64::from(lowest_rate_hz) / 2.0),
            whole: None,
            log_odds_drop: Vec::new(),
            cry_score_drop: Vec::new(),
        }
    }

    /// Maximum number of f32 values that an explanation holds at a time.
    pub fn max_explanation_len(&self) -> usize {
        let (n_records, n_samples) = (1 + Explainer::PASSES_PER_STEP, self.features().clip_samples());
        // The waveform and its transform, and a record and a waveform for each pass of a step.
        3 * n_samples + n_records * (self.features().record_len() + n_samples)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::f32::consts::TAU;

    use model::{Gate, Head, Logistic};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::built_in::{OPTIONS, built_in, wav};

    /// 4 s of noise, if asked with a tone of 1 kHz from 1.1 to 1.4 s, inside of one cell, as a 16-bit WAV file at 8 kHz.
    fn sound(has_tone: bool, seed: u64) -> Vec<u8> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let n_samples = 32_000_u32;
        let sample = |i: u32| {
            let tone = if has_tone && (8800..11_200).contains(&i) { 0.5 * (i as f32 / 8.0 * TAU).sin() } else { 0.0 };
            ((tone + rng.random_range(-0.02..0.02)) * 32_000.0) as i16
        };
        wav((0..n_samples).map(sample))
    }

    /// Weights and bias of a logistic regression on standardised rows by gradient descent, folded into plain rows.
    fn fitted(rows: &[Vec<f32>], is_tone: &[bool]) -> (Vec<f32>, f32) {
        let (n, d) = (rows.len() as f32, rows[0].len());
        let mean: Vec<f32> = (0..d).map(|j| rows.iter().map(|row| row[j]).sum::<f32>() / n).collect();
        let deviation = |j: usize| (rows.iter().map(|row| (row[j] - mean[j]).powi(2)).sum::<f32>() / n).sqrt() + 1e-3;
        let scale: Vec<f32> = (0..d).map(deviation).collect();
        let (mut weight, mut bias) = (vec![0.0; d], 0.0);
        for _ in 0..200 {
            let (mut slope, mut slope_of_bias) = (vec![0.0; d], 0.0);
            for (row, is_tone) in rows.iter().zip(is_tone) {
                let standard = |j: usize| (row[j] - mean[j]) / scale[j];
                let logit: f32 = bias + (0..d).map(|j| weight[j] * standard(j)).sum::<f32>();
                let error = 1.0 / (1.0 + (-logit).exp()) - f32::from(u8::from(*is_tone));
                (0..d).for_each(|j| slope[j] += error * standard(j) / n);
                slope_of_bias += error / n;
            }
            (0..d).for_each(|j| weight[j] -= 0.05 * slope[j]);
            bias -= 0.05 * slope_of_bias;
        }
        let plain: Vec<f32> = (0..d).map(|j| weight[j] / scale[j]).collect();
        let moved = bias - (0..d).map(|j| plain[j] * mean[j]).sum::<f32>();
        (plain, moved)
    }

    /// The built-in encoder with a head and a gate that are trained to tell noise with a tone from noise without.
    fn tone_classifier() -> Classifier {
        let mut classifier = built_in();
        let is_tone: Vec<bool> = (0..48).map(|i| i % 2 == 0).collect();
        let sounds = is_tone.iter().zip(0..).map(|(is_tone, seed)| sound(*is_tone, seed));
        let rows: Vec<Vec<f32>> =
            sounds.map(|wav| classifier.embeddings(&classifier.cut(&wav, Some("wav"), None).unwrap().images)).collect();
        let (weight, bias) = fitted(&rows, &is_tone);
        let device = model::cpu();
        let head =
            Head::Logistic(Logistic::new(weight.iter().flat_map(|w| [0.0, *w]).collect(), vec![0.0, bias], &device));
        classifier.replace_head(&["silence", "tone"], head, Gate::new(weight, bias).unwrap());
        classifier
    }

    #[test]
    fn the_cell_of_the_cue_is_the_strongest_of_a_classifier_that_learned_it() {
        let classifier = tone_classifier();
        let wav = sound(true, 1000);
        let answer = classifier.classify(&wav, Some("wav"), &OPTIONS).unwrap();
        assert!(answer.label == "tone" && answer.probability > 0.8, "{answer:?}");
        let mut explainer = classifier.explainer(&wav, Some("wav")).unwrap();
        while explainer.step(&classifier).unwrap() {}
        let map = explainer.finish();
        assert_eq!((map.log_odds_drop.len(), map.log_odds_drop[0].len()), (8, 8));
        let [(cell, drop), ..] = map.strongest(1, 0.0)[..] else { panic!("{map:?}") };
        assert_eq!(cell.seconds, [1.0, 1.5]);
        assert!(cell.hz[0] < 1000.0 && cell.hz[1] > 1000.0, "{cell:?}");
        assert!(drop > 1.0, "{drop}");
        // The gate learned the same as the head.
        let (strongest, cry) = (strongest_cell(&map.log_odds_drop), map.cry_score_drop.unwrap());
        assert_eq!(strongest_cell(&cry), strongest, "{cry:?}");
    }

    /// The position of the largest of all numbers.
    fn strongest_cell(map: &[Vec<f32>]) -> Option<usize> {
        let numbers = map.iter().flatten().enumerate();
        numbers.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(position, _)| position)
    }

    #[test]
    fn an_explanation_that_is_not_finished_has_the_times_that_are_done() {
        let classifier = built_in();
        let mut explainer = classifier.explainer(&sound(false, 1), Some("wav")).unwrap();
        assert!(explainer.step(&classifier).unwrap() && explainer.step(&classifier).unwrap());
        let map = explainer.finish();
        assert!(map.log_odds_drop.iter().all(|band| band.len() == 2));
        assert!(map.cry_score_drop.is_some());
    }
}
