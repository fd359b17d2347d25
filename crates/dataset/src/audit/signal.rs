//! What can be measured of one recording without asking what it sounds like.

use std::f64::consts::TAU;

use features::Audio;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;
use serde::Serialize;

/// Length of the frames whose level tells silence, s.
const FRAME_SECONDS: f64 = 0.032;
/// A frame this far below the loudest one is silence, dB.
const SILENCE_DB: f64 = -40.0;
/// Samples within this of the highest or lowest one are at it: just under one step of 16 bits.
const CLIP_TOLERANCE: f32 = 3e-5;
/// So many samples in a row at the highest or lowest value are clipped.
const CLIP_RUN: usize = 3;
/// Below this peak, equal samples are coarse steps and not clipping.
const CLIP_MIN_PEAK: f32 = 0.1;
/// What is this far below the strongest frequency is beyond the bandwidth, dB.
const BANDWIDTH_DB: f64 = -60.0;
/// Level that stands for digital silence, dB.
const FLOOR_DB: f64 = -120.0;

/// Facts about one recording; levels in dB below full scale, on the mean of the channels, over at most a minute.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// Rate of the file.
    pub sample_rate_hz: u32,
    /// Channels of the file.
    pub n_channels: usize,
    /// Container's short name.
    pub container: String,
    /// Codec's short name.
    pub codec: String,
    /// Bits of a sample; absent for lossy codecs.
    pub bits_per_sample: Option<u32>,
    /// Length of the whole recording.
    pub seconds: f64,
    /// Bytes of the file for each second of sound.
    pub bytes_per_second: f64,
    /// Root mean square level, at least -120 dB.
    pub rms_db: f64,
    /// Level of the largest sample, at least -120 dB.
    pub peak_db: f64,
    /// Share of 32 ms frames more than 40 dB below the loudest, 0 to 1.
    pub silence_share: f64,
    /// Digital silence (below one step of 16 bits) at both ends together.
    pub padding_seconds: f64,
    /// Share of samples in runs of 3 or more at the recording's highest or lowest value, 0 to 1.
    pub clipped_share: f64,
    /// Mean sample, -1 to 1.
    pub dc_offset: f64,
    /// Highest frequency whose mean power is within 60 dB of the strongest's.
    pub bandwidth_hz: f64,
}

impl Facts {
    /// Measures decoded sound of a file of `file_bytes` bytes. `audio` has at least one sample.
    pub fn measure(audio: &Audio, file_bytes: u64) -> Self {
        let samples = &audio.samples;
        let rate_hz = f64::from(audio.sample_rate_hz);
        let decoded = samples.len() as f64 / rate_hz;
        let told = audio.source.n_frames.map_or(0.0, |frames| frames as f64 / rate_hz);
        // The header only tells what was not decoded because the recording is longer than what is looked at.
        let seconds = if decoded >= super::MAX_SECONDS { told.max(decoded) } else { decoded };
        let peak = samples.iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs()));
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
            peak_db: decibels(f64::from(peak).powi(2)),
            silence_share: silence_share(samples, rate_hz),
            padding_seconds: padding(samples) as f64 / rate_hz,
            clipped_share: clipped(samples, peak) as f64 / samples.len() as f64,
            dc_offset: samples.iter().map(|x| f64::from(*x)).sum::<f64>() / samples.len() as f64,
            bandwidth_hz: bandwidth_hz(samples, rate_hz),
        }
    }

    /// Whether there is nothing to hear in it: no sample beyond -80 dB.
    pub fn is_silent(&self) -> bool {
        self.peak_db < -80.0
    }
}

/// Power to decibels, at least -120.
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

/// Samples of digital silence at both ends; all of them in a silent recording.
fn padding(samples: &[f32]) -> usize {
    let heard = |x: &f32| x.abs() > CLIP_TOLERANCE;
    match (samples.iter().position(heard), samples.iter().rposition(heard)) {
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
    let fft = FftPlanner::new().plan_fft_forward(n_fft);
    let window: Vec<f32> = (0..n_fft).map(|i| (0.5 - 0.5 * (TAU * i as f64 / n_fft as f64).cos()) as f32).collect();
    let mean = samples.iter().sum::<f32>() / samples.len() as f32;
    let mut power = vec![0.0_f64; n_fft / 2];
    let mut spectrum = vec![Complex::default(); n_fft];
    let mut scratch = vec![Complex::default(); fft.get_inplace_scratch_len()];
    // The zeros after a frame that is not whole would add height.
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
        Facts::measure(&Audio { samples, sample_rate_hz, source, warnings: Vec::new() }, 16_044)
    }

    fn tone(hz: f64, gain: f64, rate_hz: u32, n: usize) -> Vec<f32> {
        (0..n).map(|i| (gain * (TAU * hz * i as f64 / f64::from(rate_hz)).sin()) as f32).collect()
    }

    #[test]
    fn a_tone_has_its_level_length_and_bandwidth() {
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
