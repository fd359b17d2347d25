//! A recording cut into the clip and the windows that the model classifies.

use std::time::{Duration, Instant};

use features::{Audio, Extractor, RESAMPLER_REACH_SECONDS};
use model::EpisodeSettings;
use serde::Serialize;

use crate::{Error, quality};

/// Maximum number of windows per recording.
pub const MAX_WINDOWS: usize = 240;

/// Maximum length that is decoded when a recording is cut into windows, s. A small file can hold hours of silence.
const MAX_SECONDS: f64 = 120.0;

/// How to cut a long recording into windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Windows {
    /// Window length, s: 0.5 to the model's clip length.
    pub window_seconds: f64,
    /// Time from the start of one window to the start of the next (the hop), s: 0.1 to the window length.
    pub hop_seconds: f64,
}

/// Start and end of a part of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Span {
    /// Start, s from the start of the recording.
    pub start_seconds: f64,
    /// End, s from the start of the recording.
    pub end_seconds: f64,
}

/// Model inputs of one recording: its first clip, then each window.
#[derive(Debug, Clone, PartialEq)]
pub struct Clips {
    /// Records, `[1 + n_windows, record_len]` f32, row-major: the inputs of the feature settings, one after the other.
    pub images: Vec<f32>,
    /// Start and end of each window, `[n_windows]`.
    pub windows: Vec<Span>,
    /// Level of each window, `[n_windows]`: root mean square, dB relative to full scale.
    pub levels_dbfs: Vec<f32>,
    /// Length of the part of the recording that is used, s.
    pub seconds: f64,
    /// Quality warnings for the reader, such as a recording that is too short.
    pub warnings: Vec<String>,
    /// Time spent on decoding.
    pub decode_time: Duration,
    /// Time spent on resampling, spectrograms and images.
    pub feature_time: Duration,
}

impl Windows {
    /// What is wrong with these windows for a model with clips of `clip_seconds`; `None` if they are valid.
    fn problem(&self, clip_seconds: f64) -> Option<String> {
        let Self { window_seconds, hop_seconds } = self;
        if !(*window_seconds >= 0.5 && *window_seconds <= clip_seconds) {
            return Some(format!("a window of {window_seconds} s is not possible: choose 0.5 to {clip_seconds} s"));
        }
        (!(*hop_seconds >= 0.1 && hop_seconds <= window_seconds)).then(|| {
            format!("a hop of {hop_seconds} s is not possible: choose 0.1 to {window_seconds} s, the window length")
        })
    }

    /// Length of the part of a recording that is used, s.
    ///
    /// # Errors
    /// [`Error::Windows`] if the windows are not valid for clips of `clip_seconds`.
    pub fn used_seconds(&self, clip_seconds: f64) -> Result<f64, Error> {
        match self.problem(clip_seconds) {
            Some(problem) => Err(Error::Windows(problem)),
            None => Ok(self.reach_seconds().max(clip_seconds)),
        }
    }

    /// Number of windows of a recording that is long enough, at most [`MAX_WINDOWS`].
    pub(crate) fn max_count(&self) -> usize {
        self.spans(f64::INFINITY).len()
    }

    /// End of the last possible window, s.
    fn reach_seconds(&self) -> f64 {
        ((MAX_WINDOWS - 1) as f64 * self.hop_seconds + self.window_seconds).min(MAX_SECONDS)
    }

    /// Windows of a recording of `seconds`: the first one, and every later one that is at least half filled with sound.
    fn spans(&self, seconds: f64) -> Vec<Span> {
        let seconds = seconds.min(self.reach_seconds());
        (0..MAX_WINDOWS)
            .map(|i| i as f64 * self.hop_seconds)
            .take_while(|start| *start == 0.0 || start + self.window_seconds / 2.0 <= seconds)
            .map(|start| Span { start_seconds: start, end_seconds: seconds.min(start + self.window_seconds) })
            .collect()
    }
}

impl From<EpisodeSettings> for Windows {
    fn from(settings: EpisodeSettings) -> Self {
        let EpisodeSettings { window_seconds, hop_seconds, .. } = settings;
        Self { window_seconds, hop_seconds }
    }
}

impl Clips {
    /// Cuts `audio`, which is decoded as far as `windows` reach.
    pub(crate) fn cut(extractor: &Extractor, audio: &Audio, windows: Option<&Windows>) -> Self {
        let started = Instant::now();
        let clip_seconds = extractor.config().clip_seconds;
        let used_seconds = windows.map_or(clip_seconds, |windows| windows.reach_seconds().max(clip_seconds));
        let rate_hz = audio.sample_rate_hz;
        let seconds = audio.samples.len() as f64 / f64::from(rate_hz);
        let spans = windows.map_or(vec![], |windows| windows.spans(seconds));
        let (mut images, _) = window_image(extractor, &audio.samples, rate_hz, clip_seconds);
        let mut levels_dbfs = Vec::with_capacity(spans.len());
        for span in &spans {
            let start = (span.start_seconds * f64::from(rate_hz)).round() as usize;
            let samples = &audio.samples[start.min(audio.samples.len())..];
            let window_seconds = windows.map_or(clip_seconds, |windows| windows.window_seconds);
            let (image, level_dbfs) = window_image(extractor, samples, rate_hz, window_seconds);
            images.extend(image);
            levels_dbfs.push(level_dbfs);
        }
        Self {
            images,
            windows: spans,
            levels_dbfs,
            seconds: seconds.min(used_seconds),
            warnings: quality::warnings(audio, clip_seconds, used_seconds),
            decode_time: Duration::ZERO,
            feature_time: started.elapsed(),
        }
    }
}

/// Image, `[height, width]` f32, of the window of `seconds` that starts at `samples[0]`, and its level, dB relative to full scale.
///
/// It equals the image of a recording that starts there: the window is resampled together with the few samples after it that the
/// resampler needs, then cut.
pub(crate) fn window_image(
    extractor: &Extractor,
    samples: &[f32],
    sample_rate_hz: u32,
    seconds: f64,
) -> (Vec<f32>, f32) {
    let waveform = window_waveform(extractor, samples, sample_rate_hz, seconds);
    (extractor.record_from_waveform(&waveform), level_dbfs(&waveform))
}

/// Root mean square, dB relative to full scale; at least -120.
fn level_dbfs(waveform: &[f32]) -> f32 {
    let power = waveform.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / waveform.len().max(1) as f64;
    (10.0 * power.max(1e-12).log10()) as f32
}

/// Waveform of the window of `seconds` that starts at `samples[0]`, at the rate of the front end, not padded.
pub(crate) fn window_waveform(extractor: &Extractor, samples: &[f32], sample_rate_hz: u32, seconds: f64) -> Vec<f32> {
    let needed = needed_samples(seconds, sample_rate_hz).min(samples.len());
    let mut waveform = extractor.at_own_rate(&samples[..needed], sample_rate_hz);
    waveform.truncate(n_samples(seconds, extractor.config().waveform_rate_hz()));
    waveform
}

/// Number of samples that [`window_waveform`] needs for a window of `seconds`.
pub(crate) fn needed_samples(seconds: f64, sample_rate_hz: u32) -> usize {
    n_samples(seconds + RESAMPLER_REACH_SECONDS, sample_rate_hz)
}

fn n_samples(seconds: f64, rate_hz: u32) -> usize {
    (seconds * f64::from(rate_hz)).ceil() as usize
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::built_in::built_in;

    #[test]
    fn a_window_has_the_image_of_the_whole_recording_resampled_and_cut() {
        let classifier = built_in();
        let extractor = classifier.extractor();
        let samples: Vec<f32> = (0..9 * 16_000).map(|i| (i as f32 * 0.02).sin() * (i % 4000) as f32 / 8000.0).collect();
        let whole = extractor.at_own_rate(&samples, 16_000);
        for seconds in [7.0, 2.0] {
            let n_samples = seconds as usize * extractor.config().waveform_rate_hz() as usize;
            let expected = extractor.record_from_waveform(&whole[..n_samples]);
            let (found, _) = window_image(extractor, &samples, 16_000, seconds);
            let difference = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(found.len() == expected.len() && difference < 1e-5, "{seconds} s: {difference}");
        }
    }

    #[test]
    fn a_level_is_the_root_mean_square_in_db_below_full_scale() {
        let classifier = built_in();
        let level = |amplitude: f32| {
            let samples: Vec<f32> = (0..16_000).map(|i| amplitude * (i as f32 * 0.2).sin()).collect();
            window_image(classifier.extractor(), &samples, 16_000, 1.0).1
        };
        // A sine is 3.01 dB below its peak.
        for (amplitude, expected) in [(1.0, -3.01), (0.1, -23.01), (0.0, -120.0)] {
            assert!((level(amplitude) - expected).abs() < 0.05, "{amplitude}: {}", level(amplitude));
        }
    }

    #[test]
    fn the_part_of_a_recording_that_is_used_ends_with_the_last_possible_window() {
        for (window_seconds, hop_seconds, expected) in
            [(0.5, 0.1, 24.4), (2.0, 0.4, 97.6), (3.0, 0.5, 120.0), (7.0, 3.5, 120.0)]
        {
            let used = Windows { window_seconds, hop_seconds }.used_seconds(7.0).unwrap();
            assert!((used - f64::max(expected, 7.0)).abs() < 1e-9, "{window_seconds} {hop_seconds}: {used}");
            let reach = Windows { window_seconds, hop_seconds }.reach_seconds();
            assert!((reach - expected).abs() < 1e-9, "{window_seconds} {hop_seconds}: {reach}");
        }
    }

    #[test]
    fn windows_cover_a_recording_and_are_bounded() {
        let windows = Windows { window_seconds: 7.0, hop_seconds: 3.5 };
        let starts = |seconds| windows.spans(seconds).iter().map(|span| span.start_seconds).collect::<Vec<_>>();
        assert_eq!(starts(2.0), [0.0]);
        assert_eq!(starts(7.0), [0.0, 3.5]);
        assert_eq!(starts(16.0), [0.0, 3.5, 7.0, 10.5]);
        assert_eq!(starts(1e6).last(), Some(&115.5));
        assert_eq!(Windows { hop_seconds: 0.25, ..windows }.spans(1e6).len(), MAX_WINDOWS);
        assert_eq!(windows.spans(16.0)[3], Span { start_seconds: 10.5, end_seconds: 16.0 });
    }

    #[test]
    fn no_recording_has_more_windows_than_the_maximum_for_its_hop() {
        for (window_seconds, hop_seconds, expected) in
            [(7.0, 0.1, 240), (7.0, 1.0, 117), (7.0, 3.5, 34), (7.0, 7.0, 17), (0.5, 0.4, 240)]
        {
            let windows = Windows { window_seconds, hop_seconds };
            assert_eq!(windows.max_count(), expected, "{window_seconds} {hop_seconds}");
            assert_eq!(windows.spans(1e6).len(), expected);
        }
    }

    #[test]
    fn invalid_windows_are_refused() {
        for (window_seconds, hop_seconds, word) in [
            (0.0, 1.0, "window"),
            (7.5, 1.0, "window"),
            (f64::NAN, 1.0, "window"),
            (5.0, 0.0, "hop"),
            (5.0, 6.0, "hop"),
        ] {
            let problem = Windows { window_seconds, hop_seconds }.problem(7.0).unwrap_or_default();
            assert!(problem.starts_with(&format!("a {word}")), "{window_seconds} {hop_seconds}: {problem}");
        }
        for (window_seconds, hop_seconds) in [(7.0, 7.0), (0.5, 0.5), (7.0, 0.1)] {
            assert_eq!(Windows { window_seconds, hop_seconds }.problem(7.0), None);
        }
    }
}
