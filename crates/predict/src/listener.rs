//! Sound that comes piece by piece, classified window by window: recordings of hours, and microphones.

use features::RESAMPLER_REACH_SECONDS;

use crate::clips::window_record;
use crate::{Classifier, Error, Options, Prediction, Span, Windows};

/// Classifies windows of a stream of sound. It holds one window and the latest piece, however long the stream.
///
/// A window gets the answer that a recording of its own, which begins there, would get.
pub struct Listener<'a> {
    classifier: &'a Classifier,
    windows: Windows,
    options: Options,
    sample_rate_hz: f64,
    /// Samples from the beginning of the next window on.
    waiting: Vec<f32>,
    /// Samples before the first of `waiting`.
    n_dropped: usize,
    /// Index of the next window.
    next: usize,
}

impl<'a> Listener<'a> {
    /// A listener for mono sound at `sample_rate_hz`.
    ///
    /// # Errors
    /// [`Error::Windows`] if they cannot be used, [`Error::Coverage`] for a coverage that the model does not know.
    pub fn new(
        classifier: &'a Classifier,
        windows: Windows,
        options: Options,
        sample_rate_hz: u32,
    ) -> Result<Self, Error> {
        windows.heard_seconds(classifier.features().clip_seconds)?;
        classifier.check(&options)?;
        let sample_rate_hz = f64::from(sample_rate_hz);
        Ok(Self { classifier, windows, options, sample_rate_hz, waiting: Vec::new(), n_dropped: 0, next: 0 })
    }

    /// Length of the sound so far, s.
    pub fn seconds(&self) -> f64 {
        (self.n_dropped + self.waiting.len()) as f64 / self.sample_rate_hz
    }

    /// Takes the next samples, full scale at ±1, and passes new predictions to `sink`. A window is classified once the 0.05 s after it are
    /// there that resampling needs.
    ///
    /// # Errors
    /// [`Error::Model`] if the device gives no result, and those of `sink`.
    pub fn push<E: From<Error>>(
        &mut self,
        samples: &[f32],
        sink: &mut impl FnMut(Span, Prediction) -> Result<(), E>,
    ) -> Result<(), E> {
        self.waiting.extend_from_slice(samples);
        let needed = self.samples(self.windows.window_seconds + RESAMPLER_REACH_SECONDS) + 1;
        loop {
            self.drop_classified();
            if self.n_dropped < self.start(self.next) || self.waiting.len() < needed {
                return Ok(());
            }
            self.classify(sink)?;
        }
    }

    /// Ends the sound: classifies the remaining windows that hold at least half a window of sound, and the first in any case.
    ///
    /// # Errors
    /// As [`Listener::push`].
    pub fn finish<E: From<Error>>(mut self, sink: &mut impl FnMut(Span, Prediction) -> Result<(), E>) -> Result<(), E> {
        let half = self.samples(self.windows.window_seconds / 2.0);
        loop {
            self.drop_classified();
            let is_there = self.n_dropped == self.start(self.next) && self.waiting.len() >= half.max(1);
            if !(is_there || self.next == 0 && !self.waiting.is_empty()) {
                return Ok(());
            }
            self.classify(sink)?;
        }
    }

    /// Classifies the window that `waiting` begins with.
    fn classify<E: From<Error>>(&mut self, sink: &mut impl FnMut(Span, Prediction) -> Result<(), E>) -> Result<(), E> {
        let Windows { window_seconds, hop_seconds } = self.windows;
        let start_seconds = self.next as f64 * hop_seconds;
        let end_seconds = self.seconds().min(start_seconds + window_seconds);
        let extractor = self.classifier.extractor();
        let record = window_record(extractor, &self.waiting, self.sample_rate_hz as u32, window_seconds);
        for output in self.classifier.outputs(&record).map_err(E::from)? {
            let prediction = self.classifier.decide(&output, &self.options, vec![]).map_err(E::from)?;
            sink(Span { start_seconds, end_seconds }, prediction)?;
        }
        self.next += 1;
        Ok(())
    }

    /// Drops the samples before the next window.
    fn drop_classified(&mut self) {
        let before = (self.start(self.next) - self.n_dropped).min(self.waiting.len());
        self.waiting.drain(..before);
        self.n_dropped += before;
    }

    /// The first sample of a window.
    fn start(&self, window: usize) -> usize {
        self.samples(window as f64 * self.windows.hop_seconds)
    }

    fn samples(&self, seconds: f64) -> usize {
        (seconds * self.sample_rate_hz).round() as usize
    }
}
