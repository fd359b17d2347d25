//! Several parts of a file in one pass, for formats that can be decoded from their start only.

use std::io::{Read, Seek};
use std::ops::ControlFlow;

use super::audio::{Audio, Warning};
use super::input::{Input, Meter};
use super::output::{Part, Sink};
use super::pass::{LOOK_AHEAD_SECONDS, decode_and_look_ahead};
use super::stored::{self, Found};
use crate::Error;

/// Decodes `parts` of an input of `length` bytes as [`decode`](super::decode) does, `[n parts]`; `None` if each can be decoded
/// without what is before it. Warnings about damage are those of the whole pass.
///
/// # Errors
/// Any error of any part, or [`Error::AfterEnd`] if one starts after the end.
pub(crate) fn decode_parts<R: Read + Seek + Send + Sync>(
    mut input: R,
    length: u64,
    extension: Option<&str>,
    parts: &[Part],
) -> Result<Option<Vec<Audio>>, Error> {
    let found = stored::recognise(&mut Input::new(&mut input, length, &Meter::new()))?;
    if matches!(&found, Found::Stored(stored) if stored.starts_anywhere()) {
        return Ok(None);
    }
    let end = parts.iter().map(|part| part.start_seconds + part.seconds).fold(0.0, f64::max);
    let mut cuts: Vec<Vec<f32>> = vec![Vec::new(); parts.len()];
    let mut at = 0;
    let sink: &mut Sink = &mut |chunk, sample_rate_hz| {
        for (part, samples) in parts.iter().zip(&mut cuts) {
            let start = part.start(sample_rate_hz);
            let [from, to] =
                [start, start + part.n_frames(sample_rate_hz)].map(|frame| frame.clamp(at, at + chunk.len()) - at);
            samples.extend_from_slice(&chunk[from..to]);
        }
        at += chunk.len();
        ControlFlow::Continue(())
    };
    let (stream, n_after) = decode_and_look_ahead(input, length, extension, Part::first(end), sink)?;
    let rate_hz = f64::from(stream.sample_rate_hz);
    let n_all = stream.n_samples + n_after;
    let audio = |(part, samples): (&Part, Vec<f32>)| {
        let Some(first) = samples.first() else {
            return Err(Error::AfterEnd { start_seconds: part.start_seconds, seconds: n_all as f64 / rate_hz });
        };
        let mut warnings = stream.warnings.clone();
        warnings.retain(|warning| *warning != Warning::Silent);
        warnings.extend(samples.iter().all(|sample| sample == first).then_some(Warning::Silent));
        let n_rest = n_all.saturating_sub(part.start(stream.sample_rate_hz) + samples.len());
        Ok(Audio {
            rest_seconds: (n_rest as f64 / rate_hz).min(LOOK_AHEAD_SECONDS),
            samples,
            sample_rate_hz: stream.sample_rate_hz,
            source: stream.source.clone(),
            warnings,
        })
    };
    parts.iter().zip(cuts).map(audio).collect::<Result<_, Error>>().map(Some)
}
