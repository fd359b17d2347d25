//! Recordings as WAV, PNG and data URIs, for self-contained pages.

use std::io::Cursor;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::Error;

/// Colours of a spectrogram from quiet to loud: dark blue, purple, orange, pale yellow, with increasing lightness.
const STOPS: [[f32; 3]; 6] = [
    [6.0, 6.0, 26.0],
    [58.0, 20.0, 104.0],
    [138.0, 38.0, 118.0],
    [218.0, 72.0, 84.0],
    [250.0, 154.0, 70.0],
    [252.0, 248.0, 190.0],
];

/// A 16-bit mono WAV of a waveform, -1 to 1, without the silence that pads a short recording.
///
/// # Errors
/// [`Error::Media`] if there are more samples than a WAV can hold.
pub fn wav(waveform: &[f32], sample_rate_hz: u32) -> Result<Vec<u8>, Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: sample_rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let length = waveform.iter().rposition(|sample| *sample != 0.0).map_or(0, |last| last + 1);
    let mut bytes = Cursor::new(Vec::new());
    let mut write = || {
        let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
        for sample in &waveform[..length] {
            writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16)?;
        }
        writer.finalize()
    };
    write().map_err(|e: hound::Error| Error::Media { what: "a WAV", source: Box::new(e) })?;
    Ok(bytes.into_inner())
}

/// A PNG of a log-mel spectrogram, `[n_mels, n_frames]`, 0 to 1; low bands are at the bottom.
///
/// # Errors
/// [`Error::Media`] if there is no frame.
pub fn spectrogram_png(log_mel: &[f32], n_mels: usize) -> Result<Vec<u8>, Error> {
    let n_frames = log_mel.len() / n_mels;
    let mut bytes = Vec::new();
    let mut write = || {
        let mut encoder = png::Encoder::new(&mut bytes, n_frames as u32, n_mels as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(palette());
        let mut writer = encoder.write_header()?;
        let rows = log_mel.chunks_exact(n_frames.max(1)).rev().flatten();
        writer.write_image_data(&rows.map(|level| (level.clamp(0.0, 1.0) * 255.0) as u8).collect::<Vec<u8>>())?;
        writer.finish()
    };
    write().map_err(|e: png::EncodingError| Error::Media { what: "a PNG", source: Box::new(e) })?;
    Ok(bytes)
}

/// `bytes` of a media type, such as `image/png`, as a data URI.
pub fn data_uri(media_type: &str, bytes: &[u8]) -> String {
    format!("data:{media_type};base64,{}", BASE64_STANDARD.encode(bytes))
}

/// RGB of each level, `[256 * 3]`.
fn palette() -> Vec<u8> {
    (0..256)
        .flat_map(|level| {
            let at = level as f32 / 255.0 * (STOPS.len() - 1) as f32;
            let below = (at as usize).min(STOPS.len() - 2);
            let share = at - below as f32;
            [0, 1, 2].map(|c| (STOPS[below][c] + share * (STOPS[below + 1][c] - STOPS[below][c])) as u8)
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sound_and_picture_read_back() {
        let bytes = wav(&[0.0, 0.5, -1.0, 0.0, 0.0], 8000).unwrap();
        let mut reader = hound::WavReader::new(Cursor::new(bytes)).unwrap();
        assert_eq!(reader.spec().sample_rate, 8000);
        assert_eq!(reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), [0, 16383, -32767]);

        let bytes = spectrogram_png(&[0.0, 0.2, 0.4, 0.6, 0.8, 1.0], 2).unwrap();
        let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; 6];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!((reader.info().width, reader.info().height), (3, 2));
        assert_eq!(pixels, [153, 204, 255, 0, 51, 102], "the second mel band is the upper row");
    }

    #[test]
    fn louder_points_are_never_darker() {
        let lightness: Vec<f32> = palette()
            .chunks(3)
            .map(|c| 0.2126 * f32::from(c[0]) + 0.7152 * f32::from(c[1]) + 0.0722 * f32::from(c[2]))
            .collect();
        assert!(lightness.windows(2).all(|pair| pair[0] <= pair[1] + 1.0));
    }
}
