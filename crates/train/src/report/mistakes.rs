//! The recordings that the model got wrong while it was most sure, with sound and spectrogram: often they tell more about
//! a corpus than its scores do.

use std::io::Cursor;
use std::path::Path;

use dataset::Corpus;
use features::{Extractor, FeatureConfig};
use metrics::argmax;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::run_folder::RunFolder;
use crate::search::Scored;

/// Mistakes that are shown.
const MAX_MISTAKES: usize = 6;

/// A test recording that was taken for another class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// Path of the recording below the data folder.
    pub path: String,
    /// Its class.
    pub label: String,
    /// What it was taken for.
    pub predicted: String,
    /// The probability of that, 0 to 1.
    pub probability: f32,
    /// The probability of its class, 0 to 1.
    pub probability_of_label: f32,
}

/// The most confident mistakes, at most six, the most probable first; equals in the corpus' order.
pub fn most_confident(corpus: &Corpus, scored: &Scored) -> Vec<Mistake> {
    let mut wrong: Vec<(usize, &Vec<f32>)> = scored
        .recordings
        .iter()
        .copied()
        .zip(&scored.probabilities)
        .filter(|(recording, row)| argmax(row) != corpus.recordings[*recording].label)
        .collect();
    wrong.sort_by(|(_, a), (_, b)| b[argmax(b)].total_cmp(&a[argmax(a)]));
    wrong
        .into_iter()
        .take(MAX_MISTAKES)
        .map(|(recording, row)| {
            let recording = &corpus.recordings[recording];
            Mistake {
                path: recording.path.clone(),
                label: corpus.labels[recording.label].clone(),
                predicted: corpus.labels[argmax(row)].clone(),
                probability: row[argmax(row)],
                probability_of_label: row[recording.label],
            }
        })
        .collect()
}

/// Writes what the model heard of each mistake into the run's folder: `mistakes/1.wav`, `mistakes/1.png` and so on.
///
/// # Errors
/// [`Error::Data`] if a recording can no longer be read, [`Error::Failed`] if a file cannot be written.
pub fn write_media(run: &RunFolder, root: &Path, config: &FeatureConfig, mistakes: &[Mistake]) -> Result<(), Error> {
    let extractor = Extractor::new(config).map_err(|e| Error::Config(e.to_string()))?;
    for (i, mistake) in mistakes.iter().enumerate() {
        let path = root.join(&mistake.path);
        let bad = |e: &dyn std::fmt::Display| Error::Data(format!("{}: {e}", path.display()));
        let audio = extractor.decode_file(&path).map_err(|e| bad(&e))?;
        let waveform = extractor.waveform(&audio);
        let encoded = |e: &dyn std::fmt::Display| Error::Failed(format!("mistakes/{}: {e}", i + 1));
        let wav = wav(&waveform, config.sample_rate_hz).map_err(|e| encoded(&e))?;
        let png = png(&extractor.log_mel(&waveform), config.n_mels).map_err(|e| encoded(&e))?;
        run.write(&media_name(i, "wav"), &wav)?;
        run.write(&media_name(i, "png"), &png)?;
    }
    Ok(())
}

/// Name of the file of the `index`-th mistake inside the run's folder.
pub(super) fn media_name(index: usize, extension: &str) -> String {
    format!("mistakes/{}.{extension}", index + 1)
}

/// 16-bit mono, without the silence that pads a short recording.
fn wav(waveform: &[f32], sample_rate: u32) -> Result<Vec<u8>, hound::Error> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let length = waveform.iter().rposition(|sample| *sample != 0.0).map_or(0, |last| last + 1);
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
    for sample in &waveform[..length] {
        writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16)?;
    }
    writer.finalize()?;
    Ok(bytes.into_inner())
}

/// `log_mel` is `[n_mels, n_frames]` in 0..1; the picture has low bands at the bottom.
fn png(log_mel: &[f32], n_mels: usize) -> Result<Vec<u8>, png::EncodingError> {
    let n_frames = log_mel.len() / n_mels;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, n_frames as u32, n_mels as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette());
    let pixels: Vec<u8> =
        log_mel.chunks_exact(n_frames).rev().flatten().map(|level| (level.clamp(0.0, 1.0) * 255.0) as u8).collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// From dark blue through purple and orange to pale yellow, of steadily rising lightness, `[256 * 3]`.
fn palette() -> Vec<u8> {
    const STOPS: [[f32; 3]; 6] = [
        [6.0, 6.0, 26.0],
        [58.0, 20.0, 104.0],
        [138.0, 38.0, 118.0],
        [218.0, 72.0, 84.0],
        [250.0, 154.0, 70.0],
        [252.0, 248.0, 190.0],
    ];
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
    use dataset::Recording;

    use super::*;

    #[test]
    fn the_surest_mistakes_come_first_and_what_is_right_is_left_out() {
        let recording = |path: &str, label| Recording { path: path.into(), label, sha256: String::new(), bytes: 0 };
        let corpus = Corpus {
            root: "r".into(),
            labels: ["a", "b"].map(String::from).to_vec(),
            recordings: vec![recording("0", 0), recording("1", 1), recording("2", 0), recording("3", 1)],
        };
        let probabilities = vec![vec![0.4, 0.6], vec![0.1, 0.9], vec![0.3, 0.7], vec![0.7, 0.3]];
        let found = most_confident(&corpus, &Scored { recordings: vec![0, 1, 2, 3], probabilities });
        let paths: Vec<&str> = found.iter().map(|mistake| mistake.path.as_str()).collect();
        assert_eq!(paths, ["2", "3", "0"]);
        assert_eq!((found[0].predicted.as_str(), found[0].probability, found[0].probability_of_label), ("b", 0.7, 0.3));
    }

    #[test]
    fn the_sound_and_the_picture_read_back() {
        let bytes = wav(&[0.0, 0.5, -1.0, 0.0, 0.0], 8000).unwrap();
        let mut reader = hound::WavReader::new(Cursor::new(bytes)).unwrap();
        assert_eq!(reader.spec().sample_rate, 8000);
        assert_eq!(reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), [0, 16383, -32767]);

        let bytes = png(&[0.0, 0.2, 0.4, 0.6, 0.8, 1.0], 2).unwrap();
        let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; 6];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!((reader.info().width, reader.info().height), (3, 2));
        assert_eq!(pixels, [153, 204, 255, 0, 51, 102], "the second mel band is the upper row");
    }

    #[test]
    fn a_louder_point_is_never_darker() {
        let lightness: Vec<f32> = palette()
            .chunks(3)
            .map(|c| 0.2126 * f32::from(c[0]) + 0.7152 * f32::from(c[1]) + 0.0722 * f32::from(c[2]))
            .collect();
        assert!(lightness.windows(2).all(|pair| pair[0] <= pair[1] + 1.0));
    }
}
