//! Classifying a stream of sound window by window: recordings of hours, and microphones.

use std::ops::ControlFlow;
use std::path::Path;

use model::EpisodeSettings;

use crate::clips::{needed_samples, window_image};
use crate::{Change, Classifier, Episodes, Error, Options, Span, Window, Windows};

/// Windows of a file per call of the model: one batch of the engine.
const WINDOWS_AT_ONCE: usize = 8;

/// Classifies windows of a stream of mono sound. Memory is bounded: it holds one window, the last piece, and the images of one batch,
/// however long the stream is.
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
    /// Images of the windows that are not classified yet, one after the other.
    images: Vec<f32>,
    /// Their start and end, and their level.
    waiting: Vec<(Span, f32)>,
    /// Number of windows that are classified at once.
    batch: usize,
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
        mut sink: impl FnMut(Window) -> Result<(), E>,
    ) -> Result<(f64, Vec<String>), E> {
        let mut listener: Option<Listener> = None;
        let mut failure = None;
        let decoded = self.extractor().stream_file(path, &mut |samples, sample_rate_hz| {
            let mut push = || -> Result<(), E> {
                let listener = match &mut listener {
                    Some(listener) => listener,
                    none => {
                        let new = Listener::new(self, windows, *options, sample_rate_hz)?;
                        none.insert(Listener { batch: WINDOWS_AT_ONCE, ..new })
                    }
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
        let decoded = match (decoded, listener) {
            (Ok(decoded), listener) => {
                listener.map_or(Ok(()), |listener| listener.finish(&mut sink))?;
                decoded
            }
            (Err(error), listener) => {
                listener.map_or(Ok(()), |mut listener| listener.classify(&mut sink))?;
                return Err(Error::from(error).into());
            }
        };
        let seconds = decoded.n_samples as f64 / f64::from(decoded.sample_rate_hz);
        Ok((seconds, decoded.warnings.iter().map(ToString::to_string).collect()))
    }
}

impl Classifier {
    /// Finds the episodes of crying in a whole file and passes each change to `sink`, also those before an error. Returns as
    /// [`Classifier::listen_to_file`].
    ///
    /// # Errors
    /// As [`Classifier::listen_to_file`]; [`Error::Windows`] also for settings that are not valid.
    pub fn find_episodes<E: From<Error>>(
        &self,
        path: &Path,
        settings: &EpisodeSettings,
        options: &Options,
        mut sink: impl FnMut(Change) -> Result<(), E>,
    ) -> Result<(f64, Vec<String>), E> {
        self.check_episodes(settings)?;
        let mut episodes = Episodes::new(*settings);
        let listened = self.listen_to_file(path, Windows::from(*settings), options, |window| {
            episodes.push(window).map_or(Ok(()), &mut sink)
        });
        episodes.finish().map_or(Ok(()), &mut sink)?;
        listened
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
        Ok(Self {
            classifier,
            windows,
            options,
            sample_rate_hz,
            buffer: Vec::new(),
            n_dropped: 0,
            next: 0,
            images: Vec::new(),
            waiting: Vec::new(),
            batch: 1,
        })
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
        sink: &mut impl FnMut(Window) -> Result<(), E>,
    ) -> Result<(), E> {
        self.buffer.extend_from_slice(samples);
        let needed = needed_samples(self.windows.window_seconds, self.sample_rate_hz as u32);
        loop {
            self.drop_before_next();
            if self.buffer.len() < needed {
                return Ok(());
            }
            self.cut_next(sink)?;
        }
    }

    /// Ends the stream: classifies the remaining windows that are at least half filled with sound, and the first window in any case.
    ///
    /// # Errors
    /// As [`Listener::push`].
    pub fn finish<E: From<Error>>(mut self, sink: &mut impl FnMut(Window) -> Result<(), E>) -> Result<(), E> {
        let half = self.samples(self.windows.window_seconds / 2.0);
        loop {
            self.drop_before_next();
            let is_half_filled = self.n_dropped == self.start(self.next) && self.buffer.len() >= half.max(1);
            let is_first = self.next == 0 && !self.buffer.is_empty();
            if !(is_half_filled || is_first) {
                return self.classify(sink);
            }
            self.cut_next(sink)?;
        }
    }

    /// Cuts the window at the start of `buffer`, and classifies it as soon as a batch is full.
    fn cut_next<E: From<Error>>(&mut self, sink: &mut impl FnMut(Window) -> Result<(), E>) -> Result<(), E> {
        let Windows { window_seconds, hop_seconds } = self.windows;
        let start_seconds = self.next as f64 * hop_seconds;
        let end_seconds = self.seconds().min(start_seconds + window_seconds);
        let extractor = self.classifier.extractor();
        let (image, level_dbfs) = window_image(extractor, &self.buffer, self.sample_rate_hz as u32, window_seconds);
        self.images.extend(image);
        self.waiting.push((Span { start_seconds, end_seconds }, level_dbfs));
        self.next += 1;
        if self.waiting.len() < self.batch { Ok(()) } else { self.classify(sink) }
    }

    /// Classifies the windows that were cut.
    fn classify<E: From<Error>>(&mut self, sink: &mut impl FnMut(Window) -> Result<(), E>) -> Result<(), E> {
        let outputs = self.classifier.outputs(&self.images).map_err(E::from)?;
        self.images.clear();
        for ((span, level_dbfs), output) in self.waiting.drain(..).zip(outputs) {
            let prediction = self.classifier.decide(&output, &self.options, vec![]).map_err(E::from)?;
            sink(Window { span, level_dbfs, prediction })?;
        }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::built_in::{OPTIONS, built_in};

    /// A mono file of 32-bit float at 8 kHz.
    fn float_wav(samples: impl ExactSizeIterator<Item = f32>) -> Vec<u8> {
        let n_bytes = 4 * samples.len() as u32;
        let mut wav = b"RIFF".to_vec();
        wav.extend((36 + n_bytes).to_le_bytes());
        wav.extend(b"WAVEfmt \x10\0\0\0\x03\0\x01\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x20\0data");
        wav.extend(n_bytes.to_le_bytes());
        wav.extend(samples.flat_map(f32::to_le_bytes));
        wav
    }

    #[test]
    fn the_windows_of_a_file_are_classified_in_batches_up_to_its_end_or_the_place_where_it_is_damaged() {
        let classifier = built_in();
        let windows = Windows { window_seconds: 2.0, hop_seconds: 1.0 };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sound.wav");
        let sound = |i: usize| (i as f32 * 0.3).sin() / 2.0;
        let listen = || {
            let mut found = Vec::new();
            let result = classifier.listen_to_file(&path, windows, &OPTIONS, |window| {
                found.push((window.span.start_seconds, window.prediction.probability));
                Ok::<(), Error>(())
            });
            (found, result)
        };
        std::fs::write(&path, float_wav((0..60 * 8000).map(sound))).unwrap();
        let (whole, result) = listen();
        assert_eq!(result.unwrap(), (60.0, vec![]));
        assert_eq!(whole.iter().map(|(start, _)| *start).collect::<Vec<_>>(), Vec::from_iter((0..60).map(f64::from)));

        let damaged_at = 55 * 8000;
        let damaged = |i: usize| if i == damaged_at { f32::NAN } else { sound(i) };
        std::fs::write(&path, float_wav((0..60 * 8000).map(damaged))).unwrap();
        let (found, result) = listen();
        assert!(matches!(result, Err(Error::Sound(features::Error::NotFinite(_)))), "{result:?}");
        // The decoder passes on whole pieces only, of less than 20 s.
        assert!((33..=53).contains(&found.len()), "{}", found.len());
        for ((start, probability), (expected_start, expected)) in found.into_iter().zip(whole) {
            assert!(
                start == expected_start && (probability - expected).abs() < 1e-5,
                "{start}: {probability}, not {expected}"
            );
        }
    }
}
