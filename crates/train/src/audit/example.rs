//! One recording to look at and to listen to, as data URIs.

use features::Extractor;
use serde::Serialize;

use crate::media;

/// Bytes of sound on a page, over all players.
const SOUND_BYTES: usize = 1_300_000;

/// A spectrogram and a sound.
#[derive(Debug, Serialize)]
pub(super) struct Example {
    /// PNG, frames wide and mel bands high.
    image: String,
    /// WAV, 16 bits, of the beginning.
    sound: String,
}

/// The example, one of `n_examples` on the page; `None` if it cannot be decoded.
pub(super) fn example(
    extractor: &Extractor,
    bytes: &[u8],
    extension: Option<&str>,
    n_examples: usize,
) -> Option<Example> {
    let audio = extractor.decode(bytes, extension).ok()?;
    let waveform = extractor.unpadded_waveform(&audio);
    let config = extractor.config();
    let image =
        media::spectrogram_png(&extractor.log_mel(&extractor.waveform(&audio)), config.spectrogram().n_mels).ok()?;
    let beginning = &waveform[..waveform.len().min(SOUND_BYTES / n_examples.max(1) / 2)];
    let sound = media::wav(beginning, config.waveform_rate_hz()).ok()?;
    Some(Example { image: media::data_uri("image/png", &image), sound: media::data_uri("audio/wav", &sound) })
}
