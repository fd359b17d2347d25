//! Sample rates and channels that are accepted.

use std::ops::RangeInclusive;

use crate::Error;

/// Accepted sample rates, Hz.
const SAMPLE_RATES_HZ: RangeInclusive<u32> = 4000..=192_000;
/// Largest accepted number of channels.
const MAX_CHANNELS: usize = 8;

/// Largest number of bytes that a second of sound can take: the highest rate, the most channels, 64 bit per sample.
pub(super) const MAX_BYTES_PER_SECOND: f64 = 192_000.0 * 8.0 * 8.0;

/// Whether the rate and the number of channels are accepted.
///
/// # Errors
/// [`Error::Unsupported`] if not.
pub(super) fn check(sample_rate_hz: u32, n_channels: usize) -> Result<(), Error> {
    if !SAMPLE_RATES_HZ.contains(&sample_rate_hz) {
        return Err(Error::Unsupported(format!("{sample_rate_hz} Hz: the sample rate must be 4000 to 192000 Hz")));
    }
    if !(1..=MAX_CHANNELS).contains(&n_channels) {
        return Err(Error::Unsupported(format!("{n_channels} channels: the file must have 1 to {MAX_CHANNELS}")));
    }
    Ok(())
}

/// Frames in `seconds` of sound.
///
/// # Errors
/// [`Error::Unsupported`] if the rate or the number of channels is not accepted.
pub(super) fn n_frames(sample_rate_hz: u32, n_channels: usize, seconds: f64) -> Result<usize, Error> {
    check(sample_rate_hz, n_channels)?;
    Ok((seconds * f64::from(sample_rate_hz)).ceil() as usize)
}
