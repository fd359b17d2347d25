//! What a gate's scores of short windows say about its validation cries: the thresholds of episodes.

use metrics::quantile;
use model::{EpisodeSettings, Gate};
use rayon::prelude::*;

use super::evaluation;
use super::inputs::GateInputs;
use crate::Error;
use crate::embed::cached::{CachedEngine, Entry, Images};
use crate::sound::excerpt::energy;
use crate::terminal::interrupt;

/// Windows of each recording: the loudest of each third, so that few are pauses.
const PER_RECORDING: usize = 3;

/// Share of the windows that reach the threshold that begins an episode. Several windows in a row have the same cry.
const REACH_ON: f64 = 0.7;

/// Recordings that are embedded together.
const CHUNK: usize = 16;

/// The settings of episodes for `gate`, whose own threshold is `threshold`: an episode begins at the score that windows of the validation
/// cries `recordings`, indices into the corpus, mostly reach, and lasts down to the middle between this and `threshold`.
///
/// # Errors
/// [`Error::Recording`] if one can no longer be read, [`Error::Dataset`] if the cache cannot be read or written,
/// [`Error::Device`] if the device gives no result, [`Error::Interrupted`] on a signal.
pub(super) fn fit(
    inputs: &GateInputs,
    gate: &Gate,
    threshold: f32,
    recordings: &[usize],
) -> Result<EpisodeSettings, Error> {
    let settings = EpisodeSettings::of_threshold(Some(threshold), inputs.extractor.config().clip_seconds);
    let mut scores = evaluation::scores(gate, &embed(inputs, &settings, recordings)?);
    if scores.is_empty() {
        return Ok(settings);
    }
    scores.sort_by(f64::total_cmp);
    let on_threshold = (quantile(&scores, 1.0 - REACH_ON) as f32).max(threshold);
    // A window of a pause scores as an empty room does, and empty rooms can reach the gate's own threshold.
    let off_threshold = (on_threshold + threshold) / 2.0;
    Ok(EpisodeSettings { on_threshold, off_threshold, ..settings })
}

/// Embeddings of the windows of `recordings`, `[PER_RECORDING * n, n_features]`.
fn embed(inputs: &GateInputs, settings: &EpisodeSettings, recordings: &[usize]) -> Result<Vec<f32>, Error> {
    let EpisodeSettings { window_seconds, hop_seconds, .. } = *settings;
    let table =
        inputs.table(&format!("{PER_RECORDING} windows of {window_seconds} s every {hop_seconds} s of cries"))?;
    let extractor = inputs.extractor;
    let rate_hz = f64::from(extractor.config().waveform_rate_hz());
    let [length, hop] = [window_seconds, hop_seconds].map(|seconds| (seconds * rate_hz) as usize);
    let mut rows = Vec::new();
    for chunk in recordings.chunks(CHUNK) {
        interrupt::check()?;
        let entry = |index: &usize| Entry { table: Some(&table), key: inputs.key(*index), n_rows: PER_RECORDING };
        let entries: Vec<Entry> = chunk.iter().map(entry).collect();
        let of_chunk = CachedEngine { engine: inputs.engine }.embed(&entries, |place| {
            let waveform = inputs.waveform(chunk[place])?;
            let windows = loudest_windows(&waveform, length, hop);
            Ok(Images::distinct(windows.par_iter().map(|window| extractor.record_from_waveform(window)).collect()))
        })?;
        rows.extend(of_chunk.concat());
    }
    table.flush()?;
    Ok(rows)
}

/// The loudest window of `length` samples in each third of the places that are `hop` apart; all of a waveform that is shorter.
fn loudest_windows(waveform: &[f32], length: usize, hop: usize) -> [&[f32]; PER_RECORDING] {
    let n_places = waveform.len().saturating_sub(length) / hop.max(1) + 1;
    std::array::from_fn(|third| {
        let first = (third * n_places / PER_RECORDING).min(n_places - 1);
        let end = ((third + 1) * n_places / PER_RECORDING).max(first + 1);
        let windows = (first..end).map(|place| &waveform[place * hop..waveform.len().min(place * hop + length)]);
        windows.max_by(|one, other| energy(one).total_cmp(&energy(other))).unwrap_or(waveform)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_window_of_each_third_is_taken() {
        // Places 0, 2, 4, ... 24; the thirds begin at the places 0, 8 and 16.
        let mut waveform = [0.1_f32; 28];
        for (at, level) in [(5, 0.5), (12, 0.9), (13, 0.9), (26, 0.4)] {
            waveform[at] = level;
        }
        let found = loudest_windows(&waveform, 4, 2);
        let starts = found.map(|window| (window.as_ptr() as usize - waveform.as_ptr() as usize) / size_of::<f32>());
        assert_eq!((starts, found.map(<[f32]>::len)), ([4, 12, 24], [4; 3]));
    }

    #[test]
    fn a_recording_shorter_than_a_window_is_taken_whole() {
        let waveform = [0.5_f32; 3];
        assert_eq!(loudest_windows(&waveform, 4, 2), [&waveform[..]; 3]);
        assert_eq!(loudest_windows(&waveform, 3, 2), [&waveform[..]; 3]);
        let (first, second) = ([0.1, 0.2, 0.3], [0.2, 0.3, 0.4]);
        let found = loudest_windows(&[0.1, 0.2, 0.3, 0.4], 3, 1).map(<[f32]>::to_vec);
        assert_eq!(found, [&first, &first, &second].map(|window| window.to_vec()), "two places for three windows");
    }
}
