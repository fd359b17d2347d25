//! A recording cut into what the model listens to.

use std::time::{Duration, Instant};

use features::{Audio, Extractor, RESAMPLER_REACH_SECONDS};
use serde::Serialize;

use crate::{Error, quality};

/// Most windows that one recording is cut into.
pub const MAX_WINDOWS: usize = 64;

/// Most that is read of a recording that is cut into windows, s: a small file can hold hours of silence.
const MAX_SECONDS: f64 = 120.0;

/// How to cut a long recording, s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Windows {
    /// Length of a window, above 0; at most what the model listens to, since the rest would be cut off.
    pub window_seconds: f64,
    /// From the beginning of a window to that of the next, above 0.
    pub hop_seconds: f64,
}

/// A stretch of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Span {
    /// Where it begins, s.
    pub start_seconds: f64,
    /// Where it ends, s.
    pub end_seconds: f64,
}

/// A recording, decoded and turned into images: its beginning, then each window.
#[derive(Debug, Clone, PartialEq)]
pub struct Clips {
    /// `[1 + windows, record length]` row-major: the inputs of the feature settings, one after the other.
    pub images: Vec<f32>,
    /// One for each window.
    pub windows: Vec<Span>,
    /// What to know about the sound, for people.
    pub warnings: Vec<String>,
    /// How long decoding took.
    pub decode_time: Duration,
    /// How long resampling, spectrograms and images took.
    pub feature_time: Duration,
}

impl Windows {
    /// Why `clip_seconds` of sound cannot be cut so; `None` if they can.
    fn problem(&self, clip_seconds: f64) -> Option<String> {
        let Self { window_seconds, hop_seconds } = self;
        if !(*window_seconds >= 0.5 && *window_seconds <= clip_seconds) {
            return Some(format!("a window of {window_seconds} s: it is 0.5 to {clip_seconds} s"));
        }
        (!(*hop_seconds >= 0.1 && hop_seconds <= window_seconds))
            .then(|| format!("a hop of {hop_seconds} s: it is 0.1 s up to the window"))
    }

    /// How much of a recording is heard, s.
    pub(crate) fn heard_seconds(&self, clip_seconds: f64) -> Result<f64, Error> {
        self.problem(clip_seconds).map_or(Ok(self.reach().max(clip_seconds)), |problem| Err(Error::Windows(problem)))
    }

    /// Where the last window that is looked at ends, s.
    fn reach(&self) -> f64 {
        ((MAX_WINDOWS - 1) as f64 * self.hop_seconds + self.window_seconds).min(MAX_SECONDS)
    }

    /// The windows of a recording of this length: all that begin with at least half a window of sound before its end, and the first.
    fn spans(&self, seconds: f64) -> Vec<Span> {
        let seconds = seconds.min(self.reach());
        (0..MAX_WINDOWS)
            .map(|i| i as f64 * self.hop_seconds)
            .take_while(|start| *start == 0.0 || start + self.window_seconds / 2.0 <= seconds)
            .map(|start| Span { start_seconds: start, end_seconds: seconds.min(start + self.window_seconds) })
            .collect()
    }
}

impl Clips {
    /// Of a recording that was decoded as far as `windows` make sense of.
    pub(crate) fn cut(extractor: &Extractor, audio: &Audio, windows: Option<&Windows>) -> Self {
        let started = Instant::now();
        let clip_seconds = extractor.config().clip_seconds;
        let heard_seconds = windows.map_or(clip_seconds, |windows| windows.reach().max(clip_seconds));
        let rate_hz = audio.sample_rate_hz;
        let seconds = audio.samples.len() as f64 / f64::from(rate_hz);
        let spans = windows.map_or(vec![], |windows| windows.spans(seconds));
        let mut images = window_image(extractor, &audio.samples, rate_hz, clip_seconds);
        for span in &spans {
            let start = (span.start_seconds * f64::from(rate_hz)).round() as usize;
            let samples = &audio.samples[start.min(audio.samples.len())..];
            let window_seconds = windows.map_or(clip_seconds, |windows| windows.window_seconds);
            images.extend(window_image(extractor, samples, rate_hz, window_seconds));
        }
        Self {
            images,
            windows: spans,
            warnings: quality::warnings(audio, clip_seconds, heard_seconds),
            decode_time: Duration::ZERO,
            feature_time: started.elapsed(),
        }
    }
}

/// The image of a window of `seconds` that begins with `samples`, as that of a recording of its own would be: resampled together with the
/// little that follows it, then cut.
pub(crate) fn window_image(extractor: &Extractor, samples: &[f32], sample_rate_hz: u32, seconds: f64) -> Vec<f32> {
    let length = |seconds: f64, rate_hz: u32| (seconds * f64::from(rate_hz)).ceil() as usize;
    let reach = length(seconds + RESAMPLER_REACH_SECONDS, sample_rate_hz).min(samples.len());
    let mut waveform = extractor.at_own_rate(&samples[..reach], sample_rate_hz);
    waveform.truncate(length(seconds, extractor.config().waveform_rate_hz()));
    extractor.record_from_waveform(&waveform)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_a_recording_and_are_bounded() {
        let windows = Windows { window_seconds: 7.0, hop_seconds: 3.5 };
        let starts = |seconds| windows.spans(seconds).iter().map(|span| span.start_seconds).collect::<Vec<_>>();
        assert_eq!(starts(2.0), [0.0]);
        assert_eq!(starts(7.0), [0.0, 3.5]);
        assert_eq!(starts(16.0), [0.0, 3.5, 7.0, 10.5]);
        assert_eq!(starts(1e6).last(), Some(&115.5));
        assert_eq!(Windows { hop_seconds: 1.0, ..windows }.spans(1e6).len(), MAX_WINDOWS);
        assert_eq!(windows.spans(16.0)[3], Span { start_seconds: 10.5, end_seconds: 16.0 });
    }

    #[test]
    fn windows_that_make_no_sense_are_refused() {
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
        assert_eq!(Windows { window_seconds: 7.0, hop_seconds: 7.0 }.problem(7.0), None);
    }
}
