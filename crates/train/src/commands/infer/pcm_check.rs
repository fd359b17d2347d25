//! Whether what arrives as PCM can be PCM of the rate that was stated.

use std::time::Instant;

/// Time after which the rate of arrival is known well enough, s.
const LISTENED_SECONDS: f64 = 10.0;

/// How far the rate of arrival of a live source may be from a usual rate, as a share of it.
const TOLERANCE: f64 = 0.03;

/// Samples a second of usual sources: rates of one and two channels.
const USUAL_RATES: [f64; 11] =
    [8000.0, 11_025.0, 16_000.0, 22_050.0, 24_000.0, 32_000.0, 44_100.0, 48_000.0, 64_000.0, 88_200.0, 96_000.0];

/// The warning for samples that look like compressed sound taken for PCM: equally likely values from one end of the scale to the
/// other, none of which depends on the one before.
pub(super) fn noise(samples: &[f32]) -> Option<&'static str> {
    let power = |sum: f32| f64::from(sum) / samples.len().max(1) as f64;
    let variance = power(samples.iter().map(|x| x * x).sum());
    let covariance = power(samples.windows(2).map(|pair| pair[0] * pair[1]).sum());
    // Uniform on -1 to 1: a variance of 1/3.
    let is_noise = (variance - 1.0 / 3.0).abs() < 0.05 && covariance.abs() < 0.05;
    is_noise.then_some(
        "standard input is noise at full scale, as compressed sound is when it is taken for 16-bit PCM; \
         decode it first: ffmpeg -i - -f s16le -ar 16000 -ac 1 - | wail infer --follow -",
    )
}

/// Compares how fast PCM arrives with its stated rate, once.
pub(super) struct RateCheck {
    /// Stated samples a second of all channels; `None` once they were compared.
    stated: Option<f64>,
    started: Instant,
    n_bytes: usize,
}

impl RateCheck {
    /// Starts to listen.
    pub fn start(stated: f64) -> Self {
        Self { stated: Some(stated), started: Instant::now(), n_bytes: 0 }
    }

    /// Counts bytes that arrived; the warning if they arrive at another usual rate.
    pub fn after(&mut self, n_bytes: usize) -> Option<String> {
        self.n_bytes += n_bytes;
        let (stated, seconds) = (self.stated?, self.started.elapsed().as_secs_f64());
        if seconds < LISTENED_SECONDS {
            return None;
        }
        self.stated = None;
        other_rate(stated, self.n_bytes as f64 / 2.0 / seconds)
    }
}

/// The warning if `arrived` samples a second are a usual rate other than the `stated` one. Sound that is not live arrives at any rate.
fn other_rate(stated: f64, arrived: f64) -> Option<String> {
    let is_near = |rate: f64| (arrived / rate - 1.0).abs() < TOLERANCE;
    let usual = USUAL_RATES.into_iter().find(|rate| is_near(*rate)).filter(|_| !is_near(stated))?;
    Some(format!(
        "{usual:.0} samples arrive a second, not the {stated:.0} that --rate and --channels state: if this is a microphone, times \
         and answers are wrong"
    ))
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn another_usual_rate_is_noticed_and_any_other_speed_is_not() {
        for (stated, arrived, is_warned) in [
            (16_000.0, 16_100.0, false),
            (16_000.0, 44_000.0, true),
            (16_000.0, 8010.0, true),
            (32_000.0, 16_000.0, true),
            (16_000.0, 5_000_000.0, false),
            (16_000.0, 14_000.0, false),
        ] {
            assert_eq!(other_rate(stated, arrived).is_some(), is_warned, "{stated} {arrived}");
        }
    }

    #[test]
    fn only_noise_at_full_scale_is_taken_for_compressed_sound() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut noise_of = |level: f32| (0..2048).map(|_| rng.random_range(-level..level)).collect::<Vec<f32>>();
        assert!(noise(&noise_of(1.0)).is_some());
        assert!(noise(&noise_of(0.5)).is_none());
        assert!(noise(&(0..2048).map(|n| (n as f32 / 9.0).sin()).collect::<Vec<_>>()).is_none());
        assert!(noise(&[]).is_none());
    }
}
