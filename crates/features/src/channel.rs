//! What may happen to a sound between the child and the model: noise, a room, distance, a telephone, a codec. Every change has a fixed
//! strength, so that a classifier can be tested under it; [`WaveformAugment`](crate::WaveformAugment) draws its own for training.

use std::f64::consts::PI;
use std::io::Cursor;

use opus_pure::{Application, MAX_PACKET_BYTES, OpusDecoder, OpusEncoder};
use rand::{Rng, RngExt};
use rustfft::num_complex::Complex;
use rusty_mp3::{Mp3Encoder, Mp3EncoderConfig};

use crate::decode::{self, Part};
use crate::error::Error;
use crate::fft::{forward_fft, inverse_fft};
use crate::resample::Resampler;
use crate::waveform_augment::velvet_echoes;

/// Rate at which Opus codes, Hz: wideband.
const OPUS_HZ: u32 = 16_000;
/// Rate at which MP3 codes, Hz: that of a voice recorder.
const MP3_HZ: u32 = 16_000;
/// Samples of an Opus frame, 20 ms.
const OPUS_FRAME: usize = 320;
/// Frequency below which pink noise is constant, Hz.
const PINK_FROM_HZ: f64 = 20.0;
/// Width of the slope at the edge of a band, as a share of the edge's frequency.
const SLOPE: f64 = 0.1;

/// Pink noise, `[n]` at `sample_rate_hz`, of any level: its power falls by 3 dB an octave from 20 Hz on.
pub fn pink_noise<R: Rng>(n: usize, sample_rate_hz: u32, rng: &mut R) -> Vec<f32> {
    let mut noise: Vec<f32> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
    shape(&mut noise, sample_rate_hz, |hz| (PINK_FROM_HZ / hz.max(PINK_FROM_HZ)).sqrt());
    noise
}

/// Keeps the frequencies between `[low, high]` Hz of `waveform`, without delay. Slopes have half a cosine's form, a tenth of the edge's
/// frequency wide, outside of the band.
pub fn band_limit(waveform: &mut [f32], sample_rate_hz: u32, [low, high]: [f64; 2]) {
    let slope = |beyond: f64, edge: f64| 0.5 + 0.5 * (PI * (beyond / (SLOPE * edge)).clamp(0.0, 1.0)).cos();
    shape(waveform, sample_rate_hz, |hz| match hz {
        _ if hz < low => slope(low - hz, low),
        _ if hz > high => slope(hz - high, high),
        _ => 1.0,
    });
}

/// Adds the reverberation of a room to `waveform`: echoes that decay by 60 dB in `seconds` and have, on average, the energy of the sound
/// itself.
pub fn add_room<R: Rng>(waveform: &mut [f32], sample_rate_hz: u32, seconds: f64, rng: &mut R) {
    velvet_echoes(waveform, seconds, f64::from(sample_rate_hz), 1.0, rng);
}

/// `waveform` as it comes back from Opus at `bits_per_second`, coded as speech in wideband, `[n]`.
///
/// # Errors
/// [`Error::Codec`] if Opus refuses the sound or the rate.
pub fn through_opus(waveform: &[f32], sample_rate_hz: u32, bits_per_second: u32) -> Result<Vec<f32>, Error> {
    let refused = |source| Error::Codec { codec: "Opus", source: Box::new(source) };
    let mut encoder = OpusEncoder::new(OPUS_HZ as i32, 1, Application::Voip).map_err(refused)?;
    encoder.bitrate_bps = bits_per_second as i32;
    let mut decoder = OpusDecoder::new(OPUS_HZ as i32, 1).map_err(refused)?;
    let delay = encoder.lookahead();
    let mut input = resampled(waveform, sample_rate_hz, OPUS_HZ);
    input.resize((input.len() + delay).next_multiple_of(OPUS_FRAME), 0.0);
    let (mut packet, mut frame) = (vec![0; MAX_PACKET_BYTES], vec![0.0; OPUS_FRAME]);
    let mut output = Vec::with_capacity(input.len());
    for samples in input.chunks_exact(OPUS_FRAME) {
        let n_bytes = encoder.encode(samples, OPUS_FRAME, &mut packet).map_err(refused)?;
        let n_samples = decoder.decode(&packet[..n_bytes], OPUS_FRAME, &mut frame).map_err(refused)?;
        output.extend_from_slice(&frame[..n_samples]);
    }
    let mut coded = resampled(output.get(delay..).unwrap_or_default(), OPUS_HZ, sample_rate_hz);
    coded.resize(waveform.len(), 0.0);
    Ok(coded)
}

/// `waveform` as it comes back from an MP3 file of `bits_per_second`, a multiple of 8000 from 8000 to 160,000, at 16 kHz, `[n]`.
///
/// # Errors
/// [`Error::Codec`] if the encoder refuses the sound, and the errors of decoding.
pub fn through_mp3(waveform: &[f32], sample_rate_hz: u32, bits_per_second: u32) -> Result<Vec<f32>, Error> {
    if waveform.is_empty() {
        return Ok(Vec::new());
    }
    let refused = |source| Error::Codec { codec: "MP3", source: Box::new(source) };
    let config = Mp3EncoderConfig { bitrate_kbps: bits_per_second / 1000, vbr_quality: None };
    let mut encoder = Mp3Encoder::new(config);
    encoder.push_pcm_f32(&resampled(waveform, sample_rate_hz, MP3_HZ), 1, MP3_HZ).map_err(refused)?;
    encoder.finish();
    let file: Vec<u8> = std::iter::from_fn(|| encoder.next_packet().ok()).flatten().collect();
    let length = file.len() as u64;
    let decoded = decode::decode(Cursor::new(file), length, Some("mp3"), Part::first(f64::INFINITY))?;
    let mut coded = resampled(&decoded.samples, decoded.sample_rate_hz, sample_rate_hz);
    coded.resize(waveform.len(), 0.0);
    Ok(coded)
}

/// `samples` at another rate.
fn resampled(samples: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    match from_hz == to_hz {
        true => samples.to_vec(),
        false => Resampler::new(from_hz, to_hz).apply(samples),
    }
}

/// `waveform` from farther away, recorded with 16 bits: `gain_db` louder, rounded.
pub fn at_gain(waveform: &mut [f32], gain_db: f64) {
    let gain = 10_f64.powf(gain_db / 20.0) as f32;
    waveform.iter_mut().for_each(|sample| *sample = (*sample * gain * 32_768.0).round() / 32_768.0);
}

/// Multiplies each frequency of `waveform` by `gain_at` of it, Hz.
fn shape(waveform: &mut [f32], sample_rate_hz: u32, gain_at: impl Fn(f64) -> f64) {
    let n_fft = waveform.len().next_power_of_two().max(2);
    let mut bins: Vec<Complex<f32>> = waveform.iter().map(|sample| Complex::from(*sample)).collect();
    bins.resize(n_fft, Complex::default());
    forward_fft(n_fft).process(&mut bins);
    for bin in 0..=n_fft / 2 {
        let gain = gain_at(bin as f64 * f64::from(sample_rate_hz) / n_fft as f64) as f32 / n_fft as f32;
        bins[bin] *= gain;
        let mirrored = (n_fft - bin) % n_fft;
        if mirrored != bin {
            bins[mirrored] *= gain;
        }
    }
    inverse_fft(n_fft).process(&mut bins);
    waveform.iter_mut().zip(&bins).for_each(|(sample, bin)| *sample = bin.re);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::f64::consts::TAU;

    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const RATE_HZ: u32 = 16_000;

    fn tone(hz: f64) -> Vec<f32> {
        (0..RATE_HZ).map(|i| (0.3 * (TAU * hz * f64::from(i) / f64::from(RATE_HZ)).sin()) as f32).collect()
    }

    /// Level of the middle of a sound, dB.
    fn level_db(sound: &[f32]) -> f64 {
        let middle = &sound[sound.len() / 4..sound.len() * 3 / 4];
        10.0 * (middle.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / middle.len() as f64).log10()
    }

    #[test]
    fn pink_noise_falls_by_3_db_an_octave() {
        let noise = pink_noise(1 << 17, RATE_HZ, &mut ChaCha8Rng::seed_from_u64(1));
        let band = |low: f64, high: f64| {
            let mut noise = noise.clone();
            band_limit(&mut noise, RATE_HZ, [low, high]);
            level_db(&noise)
        };
        // Octaves of pink noise have equal power.
        for low in [100.0, 800.0, 3200.0] {
            assert!((band(low, 2.0 * low) - band(400.0, 800.0)).abs() < 0.5, "{low}");
        }
    }

    #[test]
    fn a_band_keeps_its_frequencies_and_removes_others() {
        for (hz, change_db) in [(400.0, 0.0), (3300.0, 0.0), (200.0, -60.0), (3900.0, -60.0), (7000.0, -60.0)] {
            let mut sound = tone(hz);
            band_limit(&mut sound, RATE_HZ, [300.0, 3400.0]);
            let found = level_db(&sound) - level_db(&tone(hz));
            match change_db {
                0.0 => assert!(found.abs() < 0.01, "{hz} Hz: {found} dB"),
                least => assert!(found < least, "{hz} Hz: {found} dB"),
            }
        }
        let mut silence = vec![0.0; 3];
        band_limit(&mut silence, RATE_HZ, [300.0, 3400.0]);
        assert_eq!(silence, [0.0; 3]);
    }

    #[test]
    fn the_echoes_of_a_room_have_the_energy_of_the_sound() {
        let energies = (0..40).map(|seed| {
            let mut click = vec![0.0; 16_000];
            click[0] = 1.0;
            add_room(&mut click, RATE_HZ, 0.5, &mut ChaCha8Rng::seed_from_u64(seed));
            click[1..].iter().map(|x| f64::from(*x).powi(2)).sum::<f64>()
        });
        // Random times of the first echoes change the energy of one room by some percent.
        assert!((energies.sum::<f64>() / 40.0 - 1.0).abs() < 0.05);
    }

    #[test]
    fn codecs_keep_time_and_sound_and_lose_little() {
        for (codec, rate_hz) in [through_opus, through_mp3]
            .into_iter()
            .flat_map(|codec| [8000, 16_000, 44_100].map(|rate_hz| (codec, rate_hz)))
        {
            // A glide from 300 to 900 Hz, whose every moment is different.
            let at = |i: u32| f64::from(i) / f64::from(rate_hz);
            let phase = |t: f64| TAU * (300.0 * t + 300.0 * t * t);
            let sound: Vec<f32> = (0..rate_hz).map(|i| (0.3 * phase(at(i)).sin()) as f32).collect();
            let coded = codec(&sound, rate_hz, 24_000).unwrap();
            assert_eq!(coded.len(), sound.len());
            let noise: Vec<f32> = coded.iter().zip(&sound).map(|(coded, sound)| coded - sound).collect();
            let ratio_db = level_db(&sound) - level_db(&noise);
            assert!(ratio_db > 5.0, "{rate_hz} Hz: {ratio_db} dB");
        }
        for codec in [through_opus, through_mp3] {
            let [fine, coarse] = [32_000, 8000].map(|bits| {
                let coded = codec(&tone(440.0), RATE_HZ, bits).unwrap();
                level_db(&coded.iter().zip(tone(440.0)).map(|(coded, sound)| coded - sound).collect::<Vec<_>>())
            });
            assert!(fine < coarse, "{fine} {coarse}");
            assert!(codec(&[], RATE_HZ, 16_000).unwrap().is_empty());
        }
    }

    #[test]
    fn a_distant_sound_is_rounded() {
        let mut sound = [0.5, 1.0 / 32_768.0, 0.4 / 32_768.0, -0.1];
        at_gain(&mut sound, 0.0);
        assert_eq!(sound, [0.5, 1.0 / 32_768.0, 0.0, -3277.0 / 32_768.0]);
        let mut sound = [0.5];
        at_gain(&mut sound, -40.0);
        assert!((sound[0] - 0.005).abs() < 1.0 / 32_768.0);
    }
}
