//! The spectrogram and the sound of one recording, as data URIs.

use features::{Audio, Extractor};
use serde::Serialize;

use crate::media;

/// Maximum bytes of sound on a page, over all players.
const SOUND_BYTES: usize = 1_300_000;

/// The spectrogram and the sound of a recording.
#[derive(Debug, Serialize)]
pub(super) struct Player {
    /// Data URI of a PNG, frames wide and mel bands high.
    image: String,
    /// Data URI of a 16-bit WAV of the beginning.
    sound: String,
}

impl Player {
    /// A player for `audio`, one of `n_players` on the page; `None` if it cannot be drawn.
    pub fn new(extractor: &Extractor, audio: &Audio, n_players: usize) -> Option<Self> {
        let waveform = extractor.unpadded_waveform(audio);
        let config = extractor.config();
        let image =
            media::spectrogram_png(&extractor.log_mel(&extractor.waveform(audio)), config.spectrogram().n_mels).ok()?;
        let beginning = &waveform[..waveform.len().min(SOUND_BYTES / n_players.max(1) / 2)];
        let sound = media::wav(beginning, config.waveform_rate_hz()).ok()?;
        Some(Self { image: media::data_uri("image/png", &image), sound: media::data_uri("audio/wav", &sound) })
    }
}
