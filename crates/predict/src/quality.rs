//! Quality warnings: what may make the prediction for a recording unreliable.

use features::{Audio, Warning};

/// Absolute sample value from which a sample counts as clipped; 16-bit full scale is 0.99997.
const FULL_SCALE: f32 = 0.999;
/// Share of clipped samples above which a recording is reported as distorted.
const CLIPPED_SHARE: f64 = 0.001;
/// Peak below which a recording is reported as very quiet: -40 dB relative to full scale.
const QUIET_PEAK: f32 = 0.01;
/// Share of the clip below which a recording is reported as short.
const SHORT_SHARE: f64 = 0.5;
/// Length of sound left out that is reported, s: a tenth of a second, for the time that stopping a recorder takes; with a low sample
/// rate, what a codec adds before and after the sound. AAC without a container adds the most, up to 2112 samples before it and most
/// of a frame of 1024 after it. The decoder looks ahead half a second.
fn left_out_seconds(sample_rate_hz: u32) -> f64 {
    (3136.0 / f64::from(sample_rate_hz)).clamp(0.1, 0.4)
}

/// Warnings for the reader: those of the decoder, then those about the sound.
///
/// The model takes clips of `clip_seconds`. `used_seconds` is the length of the recording's part that is classified; `audio` holds
/// slightly more than that if the recording is longer.
pub(crate) fn warnings(audio: &Audio, clip_seconds: f64, used_seconds: f64) -> Vec<String> {
    let mut warnings: Vec<String> = audio.warnings.iter().map(ToString::to_string).collect();
    let n_samples = audio.samples.len() as f64;
    let seconds = n_samples / f64::from(audio.sample_rate_hz);
    if seconds < SHORT_SHARE * clip_seconds {
        warnings.push(format!("only {seconds:.1} s of sound; the model expects {clip_seconds} s"));
    } else if seconds + audio.rest_seconds - used_seconds > left_out_seconds(audio.sample_rate_hz) {
        warnings.push(format!("only the first {used_seconds} s were used"));
    }
    let peak = audio.samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if peak < QUIET_PEAK && !audio.warnings.contains(&Warning::Silent) {
        warnings.push("the recording is very quiet".into());
    }
    let n_clipped = audio.samples.iter().filter(|sample| sample.abs() >= FULL_SCALE).count();
    if n_clipped as f64 > CLIPPED_SHARE * n_samples {
        warnings.push("the recording is distorted: the sound was too loud for the microphone".into());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use features::Source;

    use super::*;

    fn audio(samples: Vec<f32>) -> Audio {
        let source = Source {
            container: "wave".into(),
            codec: "pcm_s16le".into(),
            n_channels: 1,
            bits_per_sample: Some(16),
            n_frames: None,
        };
        Audio { samples, rest_seconds: 0.0, sample_rate_hz: 8000, source, warnings: vec![] }
    }

    fn of(samples: Vec<f32>) -> Vec<String> {
        warnings(&audio(samples), 7.0, 7.0)
    }

    fn tone(seconds: f32, peak: f32) -> Vec<f32> {
        (0..(8000.0 * seconds) as usize).map(|i| (peak * (i as f32 * 0.3).sin()).clamp(-1.0, 1.0)).collect()
    }

    #[test]
    fn each_quality_problem_gives_its_warning_and_a_good_recording_gives_none() {
        for (samples, expected) in [
            (tone(7.0, 0.5), vec![]),
            (tone(2.0, 0.5), vec!["only 2.0 s of sound; the model expects 7 s"]),
            (tone(7.5, 0.5), vec!["only the first 7 s were used"]),
            (tone(7.0, 0.005), vec!["the recording is very quiet"]),
            (tone(7.0, 3.0), vec!["the recording is distorted: the sound was too loud for the microphone"]),
        ] {
            assert_eq!(of(samples), expected);
        }
    }

    #[test]
    fn a_warning_is_given_beyond_its_limit_only() {
        let clipped = |n: usize| {
            let mut samples = tone(7.0, 0.5);
            samples[..n].fill(1.0);
            of(samples).len()
        };
        assert_eq!((clipped(56), clipped(57)), (0, 1), "0.1 % of 56 000 samples");
        assert_eq!((of(tone(3.5, 0.5)).len(), of(tone(3.4, 0.5)).len()), (0, 1), "half of the clip");
        let left_out = |sample_rate_hz: u32, rest_seconds: f64| {
            let samples = vec![0.5; 7 * sample_rate_hz as usize];
            warnings(&Audio { sample_rate_hz, rest_seconds, ..audio(samples) }, 7.0, 7.0).len()
        };
        assert_eq!((left_out(48_000, 0.09), left_out(48_000, 0.11)), (0, 1), "a recorder was stopped");
        assert_eq!((left_out(8_000, 0.39), left_out(8_000, 0.395)), (0, 1), "3136 samples of a codec");
        assert_eq!((left_out(4_000, 0.39), left_out(4_000, 0.41)), (0, 1), "no codec has this rate");
        let peak = |peak: f32| of([vec![peak], vec![0.0; 55_999]].concat()).len();
        assert_eq!((peak(0.01), peak(-0.01), peak(0.0099)), (0, 0, 1), "-40 dB");
    }

    #[test]
    fn warnings_of_the_decoder_come_first_and_silence_is_not_called_quiet() {
        let source = Source {
            container: "wave".into(),
            codec: "pcm_s16le".into(),
            n_channels: 1,
            bits_per_sample: None,
            n_frames: None,
        };
        let audio = Audio {
            samples: vec![0.0; 8000],
            rest_seconds: 0.0,
            sample_rate_hz: 8000,
            source,
            warnings: vec![Warning::Truncated, Warning::Silent],
        };
        let expected = [Warning::Truncated.to_string(), Warning::Silent.to_string()];
        let found = warnings(&audio, 7.0, 7.0);
        assert_eq!(found[..2], expected);
        assert_eq!(found[2..], ["only 1.0 s of sound; the model expects 7 s"]);
    }
}
