//! Where decoders put their samples.

use std::ops::ControlFlow;

use super::audio::{DecodedStream, Warning};
use crate::Error;

/// Receives mono samples, full scale at ±1, and their rate in Hz; says whether decoding should continue.
pub(crate) type Sink<'a> = dyn FnMut(&[f32], u32) -> ControlFlow<()> + 'a;

/// The part of a recording that is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    /// Where it starts, s.
    pub start_seconds: f64,
    /// Its length, s.
    pub seconds: f64,
}

impl Part {
    /// The first `seconds`.
    pub fn first(seconds: f64) -> Self {
        Self { start_seconds: 0.0, seconds }
    }

    /// Number of frames before it.
    pub fn start(self, sample_rate_hz: u32) -> usize {
        (self.start_seconds * f64::from(sample_rate_hz)).round() as usize
    }

    /// Number of its frames.
    pub fn n_frames(self, sample_rate_hz: u32) -> usize {
        (self.seconds * f64::from(sample_rate_hz)).ceil() as usize
    }
}

/// Forwards samples to a [`Sink`] and tracks their number, their silence and the first invalid sample.
pub(super) struct Output<'a, 'b> {
    sink: &'a mut Sink<'b>,
    /// What is forwarded; the rest is only counted.
    part: Part,
    first: Option<f32>,
    silent: bool,
    /// Rate of the samples received last, Hz.
    sample_rate_hz: u32,
    /// Samples before the part that is forwarded, of it, and after it.
    n_before: usize,
    n_samples: usize,
    n_after: usize,
    /// Index of the first sample that is NaN or infinite; its chunk and everything after it is not forwarded.
    not_finite: Option<usize>,
    ended: bool,
}

impl<'a, 'b> Output<'a, 'b> {
    pub fn new(sink: &'a mut Sink<'b>, part: Part) -> Self {
        Self {
            sink,
            part,
            first: None,
            silent: true,
            sample_rate_hz: 0,
            n_before: 0,
            n_samples: 0,
            n_after: 0,
            not_finite: None,
            ended: false,
        }
    }

    /// The part that is forwarded.
    pub fn part(&self) -> Part {
        self.part
    }

    /// Counts frames before the part that need not be decoded.
    pub fn skip(&mut self, n_frames: usize, sample_rate_hz: u32) {
        self.n_before += n_frames;
        self.sample_rate_hz = sample_rate_hz;
    }

    /// Forwards mono samples, full scale at ±1.
    pub fn put(&mut self, samples: &[f32], sample_rate_hz: u32) {
        self.sample_rate_hz = sample_rate_hz;
        let missing = self.part.start(sample_rate_hz).saturating_sub(self.n_before);
        let (before, samples) = samples.split_at(samples.len().min(missing));
        self.n_before += before.len();
        let n_wanted = self.part.n_frames(sample_rate_hz);
        let (samples, after) = samples.split_at(samples.len().min(n_wanted.saturating_sub(self.n_samples)));
        self.n_after += after.len();
        if let Some(at) = samples.iter().position(|sample| !sample.is_finite()) {
            (self.not_finite, self.ended) = (Some(self.n_samples + at), true);
        }
        if !self.ended && !samples.is_empty() {
            let first = *self.first.get_or_insert(samples[0]);
            self.silent &= samples.iter().all(|sample| *sample == first);
            self.ended = (self.sink)(samples, sample_rate_hz).is_break();
        }
        self.n_samples += samples.len();
    }

    /// Samples received so far.
    pub fn n_samples(&self) -> usize {
        self.n_before + self.n_samples + self.n_after
    }

    /// Whether no more samples are wanted.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Completes `decoded`, the decoder's result, with the number of forwarded samples and whether they are silent. Returns it
    /// with the number of samples after them.
    ///
    /// # Errors
    /// The error of the decoder, [`Error::Empty`] without a sample, [`Error::AfterEnd`] without one of the part, or
    /// [`Error::NotFinite`].
    pub fn finish(self, decoded: Result<DecodedStream, Error>) -> Result<(DecodedStream, usize), Error> {
        let mut stream = decoded?;
        match self.not_finite {
            _ if self.n_samples == 0 && self.n_before > 0 => {
                let seconds = self.n_before as f64 / f64::from(self.sample_rate_hz.max(1));
                return Err(Error::AfterEnd { start_seconds: self.part.start_seconds, seconds });
            }
            _ if self.n_samples == 0 => return Err(Error::Empty),
            Some(at) => return Err(Error::NotFinite(at)),
            None if self.silent => stream.warnings.push(Warning::Silent),
            None => {}
        }
        stream.n_samples = self.n_samples;
        Ok((stream, self.n_after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_after_the_wanted_part_are_counted_and_not_forwarded() {
        let mut received = Vec::new();
        let sink: &mut Sink = &mut |samples, rate_hz| {
            received.push((samples.to_vec(), rate_hz));
            ControlFlow::Continue(())
        };
        let mut output = Output::new(sink, Part::first(0.5));
        output.put(&[1.0, 2.0, 3.0], 8);
        output.put(&[4.0, 5.0, 6.0], 8);
        assert_eq!((output.n_samples(), output.has_ended()), (6, false));
        output.put(&[f32::NAN], 8);
        assert_eq!((output.n_samples(), output.has_ended()), (7, false));
        assert_eq!(received, [(vec![1.0, 2.0, 3.0], 8), (vec![4.0], 8)]);
    }

    #[test]
    fn samples_before_the_wanted_part_are_counted_and_not_forwarded() {
        let mut received = Vec::new();
        let sink: &mut Sink = &mut |samples, _| {
            received.extend_from_slice(samples);
            ControlFlow::Continue(())
        };
        let mut output = Output::new(sink, Part { start_seconds: 0.5, seconds: 0.25 });
        output.skip(2, 8);
        output.put(&[f32::NAN, 2.0, 3.0], 8);
        output.put(&[4.0, 5.0], 8);
        assert_eq!((output.n_samples(), output.has_ended()), (7, false));
        assert_eq!(received, [3.0, 4.0]);
    }

    #[test]
    fn no_more_samples_are_wanted_after_a_break_or_an_invalid_sample() {
        let sink: &mut Sink = &mut |_, _| ControlFlow::Break(());
        let mut output = Output::new(sink, Part::first(1.0));
        output.put(&[0.5], 8);
        assert!(output.has_ended());
        let sink: &mut Sink = &mut |_, _| ControlFlow::Continue(());
        let mut output = Output::new(sink, Part::first(1.0));
        output.put(&[0.5, f32::INFINITY], 8);
        assert!(output.has_ended());
    }
}
