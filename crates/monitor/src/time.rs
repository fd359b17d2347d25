//! Times as seconds since 1970 and as RFC 3339 in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub(crate) fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// RFC 3339 in UTC with milliseconds. Times before 1970 are 1970.
pub(crate) fn text_of(unix_seconds: f64) -> String {
    // humantime cannot print years after 9999.
    let since_1970 = Duration::from_secs_f64(unix_seconds.clamp(0.0, 253_402_300_799.0));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since_1970).to_string()
}

/// Now, RFC 3339 in UTC with milliseconds.
pub(crate) fn now_text() -> String {
    text_of(unix_seconds(SystemTime::now()))
}

/// `seconds` after `time`, as seconds since 1970.
pub(crate) fn later(time: &str, seconds: f64) -> f64 {
    humantime::parse_rfc3339(time).map_or(0.0, unix_seconds) + seconds
}
