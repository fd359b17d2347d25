//! Sound that comes piece by piece, heard window by window: recordings of hours, and microphones.

use features::RESAMPLER_REACH_SECONDS;

use crate::clips::window_image;
use crate::{Classifier, Error, Options, Prediction, Span, Windows};

/// Hears windows of a stream of sound. It holds one window and the piece that came last, however long the stream.
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
    /// A listener to mono sound of `sample_rate_hz`.
    ///
    /// # Errors
    /// [`Error::Windows`] if they make no sense, [`Error::Coverage`] for a coverage that the model does not know.
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

    /// What came so far, s.
    pub fn seconds(&self) -> f64 {
        (self.n_dropped + self.waiting.len()) as f64 / self.sample_rate_hz
    }

    /// Takes the next samples, full scale at ±1, and passes on what is now known: a window is heard once the little of what follows it is
    /// there that resampling wants, 0.05 s.
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
            self.drop_heard();
            if self.n_dropped < self.start(self.next) || self.waiting.len() < needed {
                return Ok(());
            }
            self.hear(sink)?;
        }
    }

    /// The sound is over: hears the windows that begin with at least half a window of sound before its end, and the first in any case.
    ///
    /// # Errors
    /// As [`Listener::push`].
    pub fn finish<E: From<Error>>(mut self, sink: &mut impl FnMut(Span, Prediction) -> Result<(), E>) -> Result<(), E> {
        let half = self.samples(self.windows.window_seconds / 2.0);
        loop {
            self.drop_heard();
            let is_there = self.n_dropped == self.start(self.next) && self.waiting.len() >= half.max(1);
            if !(is_there || self.next == 0 && !self.waiting.is_empty()) {
                return Ok(());
            }
            self.hear(sink)?;
        }
    }

    /// Hears the window that `waiting` begins with.
    fn hear<E: From<Error>>(&mut self, sink: &mut impl FnMut(Span, Prediction) -> Result<(), E>) -> Result<(), E> {
        let Windows { window_seconds, hop_seconds } = self.windows;
        let start_seconds = self.next as f64 * hop_seconds;
        let end_seconds = self.seconds().min(start_seconds + window_seconds);
        let extractor = self.classifier.extractor();
        let image = window_image(extractor, &self.waiting, self.sample_rate_hz as u32, window_seconds);
        for output in self.classifier.outputs(&image).map_err(E::from)? {
            let prediction = self.classifier.decide(&output, &self.options, vec![]).map_err(E::from)?;
            sink(Span { start_seconds, end_seconds }, prediction)?;
        }
        self.next += 1;
        Ok(())
    }

    /// Lets go of what comes before the next window.
    fn drop_heard(&mut self) {
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
