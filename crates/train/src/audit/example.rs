//! One recording to look at and to listen to, as data URIs.

use std::io::Cursor;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use features::Extractor;
use serde::Serialize;

/// Bytes of sound on a page, over all players.
const SOUND_BYTES: usize = 1_300_000;

/// Colours of the spectrogram from quiet to loud, after matplotlib's magma.
const COLOURS: [[f32; 3]; 5] =
    [[0.0, 0.0, 4.0], [81.0, 18.0, 124.0], [183.0, 55.0, 121.0], [252.0, 137.0, 97.0], [252.0, 253.0, 191.0]];

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
    let image = png(&extractor.log_mel(&extractor.waveform(&audio)), config.n_mels)?;
    let sound = wav(&waveform[..waveform.len().min(SOUND_BYTES / n_examples.max(1) / 2)], config.sample_rate_hz)?;
    let uri = |kind: &str, bytes: &[u8]| format!("data:{kind};base64,{}", BASE64_STANDARD.encode(bytes));
    Some(Example { image: uri("image/png", &image), sound: uri("audio/wav", &sound) })
}

/// `log_mel` is `[n_mels, n_frames]` in 0..1; the lowest band is at the bottom.
fn png(log_mel: &[f32], n_mels: usize) -> Option<Vec<u8>> {
    let n_frames = log_mel.len() / n_mels;
    let pixels: Vec<u8> = log_mel.chunks_exact(n_frames).rev().flatten().map(|level| (level * 255.0) as u8).collect();
    let palette: Vec<u8> = (0..=255_u8).flat_map(colour).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, n_frames as u32, n_mels as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

fn colour(level: u8) -> [u8; 3] {
    let at = f32::from(level) / 255.0 * (COLOURS.len() - 1) as f32;
    let index = (at as usize).min(COLOURS.len() - 2);
    std::array::from_fn(|channel| {
        let (from, to) = (COLOURS[index][channel], COLOURS[index + 1][channel]);
        (from + (at - index as f32) * (to - from)) as u8
    })
}

fn wav(waveform: &[f32], sample_rate: u32) -> Option<Vec<u8>> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).ok()?;
    for sample in waveform {
        writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16).ok()?;
    }
    writer.finalize().ok()?;
    Some(bytes.into_inner())
}
