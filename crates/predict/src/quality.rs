//! What to know about the sound of a recording before its prediction is trusted.

use features::{Audio, Warning};

/// Samples at or above this count as clipped; 16-bit full scale is 0.99997.
const FULL_SCALE: f32 = 0.999;
/// Share of clipped samples from which sound is called distorted.
const CLIPPED_SHARE: f64 = 0.001;
/// Peak below which a recording is called faint, -40 dB under full scale.
const FAINT_PEAK: f32 = 0.01;
/// Share of the clip that must hold sound for it not to be called short.
const SHORT_SHARE: f64 = 0.5;

/// Warnings for people: those of the decoder, then those of the sound itself. The model listens to `clip_seconds` at a time, and
/// `audio` holds what was decoded: `heard_seconds` and a little more, if the recording is that long.
pub(crate) fn warnings(audio: &Audio, clip_seconds: f64, heard_seconds: f64) -> Vec<String> {
    let mut warnings: Vec<String> = audio.warnings.iter().map(ToString::to_string).collect();
    let n_samples = audio.samples.len() as f64;
    let seconds = n_samples / f64::from(audio.sample_rate_hz);
    if seconds < SHORT_SHARE * clip_seconds {
        warnings.push(format!("only {seconds:.1} s of sound; the model listens to {clip_seconds} s"));
    } else if seconds > heard_seconds {
        warnings.push(format!("only the first {heard_seconds} s were used"));
    }
    let peak = audio.samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if peak < FAINT_PEAK && !audio.warnings.contains(&Warning::Silent) {
        warnings.push("the recording is very faint".into());
    }
    let n_clipped = audio.samples.iter().filter(|sample| sample.abs() >= FULL_SCALE).count();
    if n_clipped as f64 > CLIPPED_SHARE * n_samples {
        warnings.push("the recording is distorted: it was too loud for the microphone".into());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use features::Source;

    use super::*;

    fn of(samples: Vec<f32>) -> Vec<String> {
        let source = Source {
            container: "wave".into(),
            codec: "pcm_s16le".into(),
            n_channels: 1,
            bits_per_sample: Some(16),
            n_frames: None,
        };
        warnings(&Audio { samples, sample_rate_hz: 8000, source, warnings: vec![] }, 7.0, 7.0)
    }

    fn tone(seconds: f32, peak: f32) -> Vec<f32> {
        (0..(8000.0 * seconds) as usize).map(|i| (peak * (i as f32 * 0.3).sin()).clamp(-1.0, 1.0)).collect()
    }

    #[test]
    fn each_fault_is_told_and_a_good_recording_has_none() {
        for (samples, expected) in [
            (tone(7.0, 0.5), vec![]),
            (tone(2.0, 0.5), vec!["only 2.0 s of sound; the model listens to 7 s"]),
            (tone(7.04, 0.5), vec!["only the first 7 s were used"]),
            (tone(7.0, 0.005), vec!["the recording is very faint"]),
            (tone(7.0, 3.0), vec!["the recording is distorted: it was too loud for the microphone"]),
        ] {
            assert_eq!(of(samples), expected);
        }
    }
}
