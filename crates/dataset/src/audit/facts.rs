//! Facts about one recording that can be measured without knowing what it sounds like.

use features::{Audio, forward_fft, hann};
use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

/// Longest part of a recording that is measured, s.
pub const MAX_SECONDS: f64 = 60.0;

/// Length of the frames whose level is compared with the silence threshold, s.
const FRAME_SECONDS: f64 = 0.032;
/// A frame at this level relative to the loudest one, or lower, is silence, dB.
const SILENCE_DB: f64 = -40.0;
/// Samples this close to the highest or lowest one count as equal to it: just under one step of 16 bits.
const CLIP_TOLERANCE: f32 = 3e-5;
/// Samples in a row at the highest or lowest value that count as clipped.
const CLIP_RUN: usize = 3;
/// Below this peak, runs of equal samples are quantisation and not clipping.
const CLIP_MIN_PEAK: f32 = 0.1;
/// Power relative to the strongest frequency that ends the bandwidth, dB.
const BANDWIDTH_DB: f64 = -60.0;
/// A recording whose samples are all below this level is silent, dB.
const SILENT_DB: f64 = -80.0;
/// Level of digital silence, dB.
const FLOOR_DB: f64 = -120.0;

/// Facts about one recording, measured on the mean of its channels over at most [`MAX_SECONDS`]. Levels are in dB
/// relative to full scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Sample rate of the file.
    pub sample_rate_hz: u32,
    /// Number of channels of the file.
    pub n_channels: usize,
    /// Short name of the container.
    pub container: String,
    /// Short name of the codec.
    pub codec: String,
    /// Bits per sample; absent for lossy codecs.
    pub bits_per_sample: Option<u32>,
    /// Length of the whole recording.
    pub seconds: f64,
    /// Bytes of the file per second of sound.
    pub bytes_per_second: f64,
    /// Root mean square level, at least -120 dB.
    pub rms_db: f64,
    /// Level of the largest sample, at least -120 dB.
    pub peak_db: f64,
    /// Share of 32 ms frames more than 40 dB below the loudest frame, 0 to 1.
    pub silence_share: f64,
    /// Length of digital silence (below one step of 16 bits) at both ends together.
    pub padding_seconds: f64,
    /// Share of samples in runs of 3 or more at the highest or lowest value of the recording, 0 to 1.
    pub clipped_share: f64,
    /// Mean sample, -1 to 1.
    pub dc_offset: f64,
    /// Highest frequency whose mean power is within 60 dB of the strongest frequency.
    pub bandwidth_hz: f64,
}

impl Facts {
    /// Measures the decoded sound of a file of `file_bytes` bytes. `audio` has at least one sample.
    pub fn measure(audio: &Audio, file_bytes: u64) -> Self {
        let samples = &audio.samples;
        let rate_hz = f64::from(audio.sample_rate_hz);
        let decoded = samples.len() as f64 / rate_hz;
        let claimed = audio.source.n_frames.map_or(0.0, |frames| frames as f64 / rate_hz);
        // The length in the header matters only if the recording was not decoded to its end.
        let seconds = if decoded >= MAX_SECONDS { claimed.max(decoded) } else { decoded };
        let peak = peak(samples);
        let power = samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / samples.len() as f64;
        Self {
            sample_rate_hz: audio.sample_rate_hz,
            n_channels: audio.source.n_channels,
            container: audio.source.container.clone(),
            codec: audio.source.codec.clone(),
            bits_per_sample: audio.source.bits_per_sample,
            seconds,
            bytes_per_second: file_bytes as f64 / seconds,
            rms_db: decibels(power),
            peak_db: peak_db(peak),
            silence_share: silence_share(samples, rate_hz),
            padding_seconds: padding(samples) as f64 / rate_hz,
            clipped_share: clipped(samples, peak) as f64 / samples.len() as f64,
            dc_offset: samples.iter().map(|x| f64::from(*x)).sum::<f64>() / samples.len() as f64,
            bandwidth_hz: bandwidth_hz(samples, rate_hz),
        }
    }

    /// Whether no sample is above -80 dB.
    pub fn is_silent(&self) -> bool {
        self.peak_db < SILENT_DB
    }
}

/// Whether no sample is above -80 dB, as [`Facts::is_silent`] says.
pub(super) fn is_silent(samples: &[f32]) -> bool {
    peak_db(peak(samples)) < SILENT_DB
}

fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs()))
}

fn peak_db(peak: f32) -> f64 {
    decibels(f64::from(peak).powi(2))
}

/// Power in decibels, at least -120.
fn decibels(power: f64) -> f64 {
    if power > 0.0 { (10.0 * power.log10()).max(FLOOR_DB) } else { FLOOR_DB }
}

fn silence_share(samples: &[f32], rate_hz: f64) -> f64 {
    let frame = ((FRAME_SECONDS * rate_hz) as usize).max(1);
    let levels: Vec<f64> = samples
        .chunks(frame)
        .map(|frame| decibels(frame.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / frame.len() as f64))
        .collect();
    let loudest = levels.iter().copied().fold(FLOOR_DB, f64::max);
    let silent = levels.iter().filter(|level| **level < loudest + SILENCE_DB || **level <= FLOOR_DB).count();
    silent as f64 / levels.len() as f64
}

/// Samples of digital silence at both ends; all samples of a silent recording.
fn padding(samples: &[f32]) -> usize {
    let audible = |x: &f32| x.abs() > CLIP_TOLERANCE;
    match (samples.iter().position(audible), samples.iter().rposition(audible)) {
        (Some(first), Some(last)) => first + samples.len() - 1 - last,
        _ => samples.len(),
    }
}

fn clipped(samples: &[f32], peak: f32) -> usize {
    if peak < CLIP_MIN_PEAK {
        return 0;
    }
    let (low, high) = samples.iter().fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    let side = |x: &f32| i8::from(*x > high - CLIP_TOLERANCE) - i8::from(*x < low + CLIP_TOLERANCE);
    samples
        .chunk_by(|a, b| side(a) == side(b))
        .filter(|run| run.len() >= CLIP_RUN && side(&run[0]) != 0)
        .map(<[f32]>::len)
        .sum()
}

fn bandwidth_hz(samples: &[f32], rate_hz: f64) -> f64 {
    let n_fft = ((2.0 * FRAME_SECONDS * rate_hz) as usize).next_power_of_two();
    let fft = forward_fft(n_fft);
    let window = hann(n_fft);
    let mean = samples.iter().sum::<f32>() / samples.len() as f32;
    let mut power = vec![0.0_f64; n_fft / 2];
    let mut spectrum = vec![Complex::default(); n_fft];
    let mut scratch = vec![Complex::default(); fft.get_inplace_scratch_len()];
    // An incomplete last frame is skipped: the step to the zeros after it would add high frequencies.
    let whole = if samples.len() < n_fft { samples.len() } else { samples.len() - samples.len() % n_fft };
    for frame in samples[..whole].chunks(n_fft) {
        spectrum.fill(Complex::default());
        for ((out, x), weight) in spectrum.iter_mut().zip(frame).zip(&window) {
            out.re = (x - mean) * weight;
        }
        fft.process_with_scratch(&mut spectrum, &mut scratch);
        for (sum, bin) in power.iter_mut().zip(&spectrum) {
            *sum += f64::from(bin.norm_sqr());
        }
    }
    let strongest = power.iter().copied().fold(0.0, f64::max);
    let floor = strongest * 10_f64.powf(BANDWIDTH_DB / 10.0);
    let highest = power.iter().rposition(|bin| *bin > floor).unwrap_or(0);
    (highest + 1) as f64 * rate_hz / n_fft as f64
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use features::Source;

    fn facts(samples: Vec<f32>, sample_rate_hz: u32) -> Facts {
        let source = Source {
            container: "wave".into(),
            codec: "pcm_s16le".into(),
            n_channels: 1,
            bits_per_sample: Some(16),
            n_frames: None,
        };
        Facts::measure(&Audio { samples, rest_seconds: 0.0, sample_rate_hz, source, warnings: Vec::new() }, 16_044)
    }

    fn tone(hz: f64, gain: f64, rate_hz: u32, n: usize) -> Vec<f32> {
        (0..n).map(|i| (gain * (TAU * hz * i as f64 / f64::from(rate_hz)).sin()) as f32).collect()
    }

    #[test]
    fn level_length_and_bandwidth_of_a_tone_are_right() {
        let facts = facts(tone(1000.0, 0.5, 8000, 8000), 8000);
        assert_eq!(facts.seconds, 1.0);
        assert_eq!(facts.bytes_per_second, 16_044.0);
        assert!((facts.rms_db - 20.0 * (0.5_f64 / 2_f64.sqrt()).log10()).abs() < 1e-3, "{}", facts.rms_db);
        assert!((facts.peak_db - 20.0 * 0.5_f64.log10()).abs() < 1e-3);
        assert!((facts.bandwidth_hz - 1000.0).abs() < 60.0, "{}", facts.bandwidth_hz);
        assert_eq!((facts.clipped_share, facts.silence_share), (0.0, 0.0));
        assert!(facts.dc_offset.abs() < 1e-6 && !facts.is_silent());
    }

    #[test]
    fn clipping_padding_dc_and_silence_are_measured() {
        let clipped: Vec<f32> = tone(300.0, 1.5, 8000, 8000).iter().map(|x| x.clamp(-0.8, 0.8)).collect();
        // |1.5 sin| > 0.8 for 64 % of the time.
        assert!((facts(clipped, 8000).clipped_share - 0.64).abs() < 0.08);
        let mut padded = vec![0.0; 1600];
        padded.extend(tone(500.0, 0.3, 8000, 4800).iter().skip(1));
        padded.resize(8000, 0.0);
        let padded = facts(padded, 8000);
        assert!((padded.padding_seconds - 0.4).abs() < 1e-3, "{}", padded.padding_seconds);
        assert!((padded.silence_share - 0.4).abs() < 0.05, "{}", padded.silence_share);
        let offset = facts(tone(500.0, 0.3, 8000, 8000).iter().map(|x| x + 0.1).collect(), 8000);
        assert!((offset.dc_offset - 0.1).abs() < 1e-4);
        let silent = facts(vec![0.0; 8000], 8000);
        assert!(silent.is_silent());
        assert_eq!((silent.rms_db, silent.silence_share, silent.padding_seconds), (-120.0, 1.0, 1.0));
    }
}
