//! Classifying a stream of sound window by window: recordings of hours, and microphones.

use std::ops::ControlFlow;
use std::path::Path;

use features::RESAMPLER_REACH_SECONDS;

use crate::clips::window_image;
use crate::{Classifier, Error, Options, Prediction, Span, Windows};

/// Classifies windows of a stream of mono sound. Memory is bounded: it holds one window and the last piece, however long the stream is.
///
/// A window gets the same answer as a separate recording that starts there.
pub struct Listener<'a> {
    classifier: &'a Classifier,
    windows: Windows,
    options: Options,
    sample_rate_hz: f64,
    /// Samples from the start of the next window on.
    buffer: Vec<f32>,
    /// Number of samples before `buffer[0]` in the stream.
    n_dropped: usize,
    /// Index of the next window.
    next: usize,
}

impl Classifier {
    /// Classifies a whole file window by window and passes each window to `sink`. Returns the length of the file, s, and the warnings of
    /// the decoder. Memory does not grow with the length of the file.
    ///
    /// # Errors
    /// As [`Classifier::classify_file`], [`Error::Windows`] for windows that the model does not take, and the errors of `sink`. Windows
    /// that `sink` received before an error are valid.
    pub fn listen_to_file<E: From<Error>>(
        &self,
        path: &Path,
        windows: Windows,
        options: &Options,
        mut sink: impl FnMut(Span, Prediction) -> Result<(), E>,
    ) -> Result<(f64, Vec<String>), E> {
        let mut listener: Option<Listener> = None;
        let mut failure = None;
        let decoded = self.extractor().stream_file(path, &mut |samples, sample_rate_hz| {
            let mut push = || -> Result<(), E> {
                let listener = match &mut listener {
                    Some(listener) => listener,
                    none => none.insert(Listener::new(self, windows, *options, sample_rate_hz)?),
                };
                listener.push(samples, &mut sink)
            };
            match push() {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        let decoded = decoded.map_err(Error::from)?;
        let seconds = decoded.n_samples as f64 / f64::from(decoded.sample_rate_hz);
        if let Some(listener) = listener {
            listener.finish(&mut sink)?;
        }
        Ok((seconds, decoded.warnings.iter().map(ToString::to_string).collect()))
    }
}

impl<'a> Listener<'a> {
    /// Starts at the beginning of a stream of `sample_rate_hz`.
    ///
    /// # Errors
    /// [`Error::Windows`] for windows that the model does not take, [`Error::Coverage`] for a coverage that the model does not have.
    pub fn new(
        classifier: &'a Classifier,
        windows: Windows,
        options: Options,
        sample_rate_hz: u32,
    ) -> Result<Self, Error> {
        windows.used_seconds(classifier.features().clip_seconds)?;
        classifier.check(&options)?;
        let sample_rate_hz = f64::from(sample_rate_hz);
        Ok(Self { classifier, windows, options, sample_rate_hz, buffer: Vec::new(), n_dropped: 0, next: 0 })
    }

    /// Length of the stream so far, s.
    pub fn seconds(&self) -> f64 {
        (self.n_dropped + self.buffer.len()) as f64 / self.sample_rate_hz
    }

    /// Adds the next samples, full scale at ±1, and passes each window that is complete to `sink`. A window is complete once the 0.05 s
    /// after it that the resampler needs have arrived.
    ///
    /// # Errors
    /// [`Error::Model`] if the device fails, and the errors of `sink`.
    pub fn push<E: From<Error>>(
        &mut self,
        samples: &[f32],
        sink: &mut impl FnMut(Span, Prediction) -> Result<(), E>,
    ) -> Result<(), E> {
        self.buffer.extend_from_slice(samples);
        let needed = self.samples(self.windows.window_seconds + RESAMPLER_REACH_SECONDS) + 1;
        loop {
            self.drop_before_next();
            if self.n_dropped < self.start(self.next) || self.buffer.len() < needed {
                return Ok(());
            }
            self.classify_next(sink)?;
        }
    }

    /// Ends the stream: classifies the remaining windows that are at least half filled with sound, and the first window in any case.
    ///
    /// # Errors
    /// As [`Listener::push`].
    pub fn finish<E: From<Error>>(mut self, sink: &mut impl FnMut(Span, Prediction) -> Result<(), E>) -> Result<(), E> {
        let half = self.samples(self.windows.window_seconds / 2.0);
        loop {
            self.drop_before_next();
            let is_half_filled = self.n_dropped == self.start(self.next) && self.buffer.len() >= half.max(1);
            let is_first = self.next == 0 && !self.buffer.is_empty();
            if !(is_half_filled || is_first) {
                return Ok(());
            }
            self.classify_next(sink)?;
        }
    }

    /// Classifies the window at the start of `buffer`.
    fn classify_next<E: From<Error>>(
        &mut self,
        sink: &mut impl FnMut(Span, Prediction) -> Result<(), E>,
    ) -> Result<(), E> {
        let Windows { window_seconds, hop_seconds } = self.windows;
        let start_seconds = self.next as f64 * hop_seconds;
        let end_seconds = self.seconds().min(start_seconds + window_seconds);
        let extractor = self.classifier.extractor();
        let image = window_image(extractor, &self.buffer, self.sample_rate_hz as u32, window_seconds);
        for output in self.classifier.outputs(&image).map_err(E::from)? {
            let prediction = self.classifier.decide(&output, &self.options, vec![]).map_err(E::from)?;
            sink(Span { start_seconds, end_seconds }, prediction)?;
        }
        self.next += 1;
        Ok(())
    }

    /// Drops the samples before the next window.
    fn drop_before_next(&mut self) {
        let before = (self.start(self.next) - self.n_dropped).min(self.buffer.len());
        self.buffer.drain(..before);
        self.n_dropped += before;
    }

    /// Index of the first sample of a window in the stream.
    fn start(&self, window: usize) -> usize {
        self.samples(window as f64 * self.windows.hop_seconds)
    }

    fn samples(&self, seconds: f64) -> usize {
        (seconds * self.sample_rate_hz).round() as usize
    }
}
