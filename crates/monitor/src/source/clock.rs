//! When the sound of a stream was heard, by the clock on the wall.

use std::collections::VecDeque;
use std::time::{Instant, SystemTime};

use crate::time::unix_seconds;

/// Difference from which a stream is set to the system's clock again, s.
const TOLERANCE: f64 = 2.0;
/// How much faster than real time a stream must be to be a file, which sets its own pace.
const FILE_RATE: f64 = 1.05;
/// Settings of the clock that are kept: more than there are in one episode.
const MAX_SETTINGS: usize = 64;

/// A moment by both clocks of the system: the one on the wall, which may be set, and the one that only goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub unix_seconds: f64,
    pub instant: Instant,
}

impl Now {
    pub fn read() -> Self {
        Self { unix_seconds: unix_seconds(SystemTime::now()), instant: Instant::now() }
    }
}

/// From seconds of a stream to the time on the wall. The time goes on with the samples; it is set to the system's clock where they differ
/// by more than [`TOLERANCE`], unless the stream comes from a file that is read faster than it sounds.
#[derive(Debug, Default)]
pub(super) struct StreamClock {
    settings: VecDeque<Setting>,
    /// When sound arrived last.
    last: Option<Now>,
}

#[derive(Debug, Clone, Copy)]
struct Setting {
    stream_seconds: f64,
    unix_seconds: f64,
    /// When it was made.
    instant: Instant,
}

impl StreamClock {
    /// Notes that sound of `seconds` arrived `now`; with it, the stream is `stream_seconds` long.
    pub fn arrived(&mut self, seconds: f64, stream_seconds: f64, now: Now) {
        let last = self.last.replace(now);
        let (Some(setting), Some(last)) = (self.settings.back().copied(), last) else {
            self.set(stream_seconds - seconds, now.unix_seconds - seconds, now);
            return;
        };
        let told = setting.unix_seconds + (stream_seconds - setting.stream_seconds);
        let clock_was_set =
            (now.unix_seconds - last.unix_seconds) - now.instant.duration_since(last.instant).as_secs_f64();
        if clock_was_set.abs() > TOLERANCE {
            self.set(stream_seconds, told + clock_was_set, now);
            return;
        }
        let late = now.unix_seconds - told;
        let passed = now.instant.duration_since(setting.instant).as_secs_f64();
        let is_file = stream_seconds - setting.stream_seconds > FILE_RATE * passed;
        if late > TOLERANCE || late < -TOLERANCE && !is_file {
            self.set(stream_seconds, now.unix_seconds, now);
        }
    }

    fn set(&mut self, stream_seconds: f64, unix_seconds: f64, now: Now) {
        self.settings.push_back(Setting { stream_seconds, unix_seconds, instant: now.instant });
        if self.settings.len() > MAX_SETTINGS {
            self.settings.pop_front();
        }
    }

    /// The time at which second `stream_seconds` was heard, s since 1970.
    pub fn unix_seconds(&self, stream_seconds: f64) -> f64 {
        let before = self.settings.iter().rev().find(|setting| setting.stream_seconds <= stream_seconds);
        let setting = before.or(self.settings.front());
        setting.map_or(0.0, |setting| setting.unix_seconds + (stream_seconds - setting.stream_seconds))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Sound of `n_seconds` that arrives second by second, each `pace` s after the one before; the clock on the wall runs with it.
    fn hear(clock: &mut StreamClock, now: &mut Now, heard: &mut f64, n_seconds: usize, pace: f64) {
        for _ in 0..n_seconds {
            now.unix_seconds += pace;
            now.instant += Duration::from_secs_f64(pace);
            *heard += 1.0;
            clock.arrived(1.0, *heard, *now);
        }
    }

    fn start() -> (StreamClock, Now, f64) {
        (StreamClock::default(), Now { unix_seconds: 1000.0, instant: Instant::now() }, 0.0)
    }

    #[test]
    fn times_follow_the_samples_and_a_clock_that_is_set() {
        for jump in [3600.0, -3600.0] {
            let (mut clock, mut now, mut heard) = start();
            hear(&mut clock, &mut now, &mut heard, 100, 1.0);
            assert_eq!((clock.unix_seconds(0.0), clock.unix_seconds(50.5)), (1000.0, 1050.5));
            now.unix_seconds += jump;
            hear(&mut clock, &mut now, &mut heard, 10, 1.0);
            assert_eq!(clock.unix_seconds(50.5), 1050.5, "what was heard before keeps its time");
            assert!((clock.unix_seconds(110.0) - 1110.0 - jump).abs() < 1e-6, "{jump}: {clock:?}");
        }
    }

    #[test]
    fn a_stream_that_lags_or_drifts_is_set_again_and_one_within_two_seconds_is_not() {
        for (pace, n_seconds, expected) in
            [(1.1, 19, 0.0), (1.1, 21, 2.1), (1.0001, 100_000, 10.0), (0.9999, 100_000, -10.0)]
        {
            let (mut clock, mut now, mut heard) = start();
            hear(&mut clock, &mut now, &mut heard, n_seconds, pace);
            let shift = clock.unix_seconds(heard) - 1000.0 - heard;
            // The first second arrives after `pace`, which is when the stream began.
            assert!((shift - expected).abs() <= if n_seconds > 100 { 2.2 } else { 0.2 }, "{pace}: {shift}");
        }
    }

    #[test]
    fn a_file_that_is_read_faster_than_it_sounds_sets_its_own_pace() {
        let (mut clock, mut now, mut heard) = start();
        hear(&mut clock, &mut now, &mut heard, 36_000, 0.001);
        assert!((clock.unix_seconds(36_000.0) - 36_999.0).abs() < 0.1, "{}", clock.unix_seconds(36_000.0));
        now.unix_seconds += 60.0;
        hear(&mut clock, &mut now, &mut heard, 1, 0.001);
        assert!((clock.unix_seconds(heard) - 37_060.0).abs() < 0.1, "{}", clock.unix_seconds(heard));
    }
}
