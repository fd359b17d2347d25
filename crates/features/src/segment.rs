//! A part of a recording, named by its times.

use std::fmt;
use std::time::Duration;

/// The part of a recording between two times, to microseconds. As text it is a media fragment, such as `t=12.5,15`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// Where it starts, from the start of the recording.
    pub start: Duration,
    /// Where it ends; `None` for the end of the recording.
    pub end: Option<Duration>,
}

impl Segment {
    /// Its length, s; infinite if it ends with the recording.
    pub fn seconds(&self) -> f64 {
        self.end.map_or(f64::INFINITY, |end| end.saturating_sub(self.start).as_secs_f64())
    }

    /// Whether it has a part in common with `other`, a segment of the same recording.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.end.is_none_or(|end| other.start < end) && other.end.is_none_or(|end| self.start < end)
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "t={}", self.start.as_secs_f64())?;
        self.end.map_or(Ok(()), |end| write!(f, ",{}", end.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(start_ms: u64, end_ms: Option<u64>) -> Segment {
        Segment { start: Duration::from_millis(start_ms), end: end_ms.map(Duration::from_millis) }
    }

    #[test]
    fn segments_are_written_as_media_fragments() {
        assert_eq!(segment(12_500, Some(15_000)).to_string(), "t=12.5,15");
        assert_eq!(segment(0, None).to_string(), "t=0");
        assert_eq!(segment(1, Some(86_400_123)).to_string(), "t=0.001,86400.123");
    }

    #[test]
    fn segments_that_touch_do_not_overlap() {
        let one = segment(1000, Some(2000));
        for (other, expected) in [
            (segment(2000, Some(3000)), false),
            (segment(0, Some(1000)), false),
            (segment(1999, None), true),
            (segment(0, Some(9000)), true),
            (segment(1500, Some(1600)), true),
        ] {
            assert_eq!((one.overlaps(&other), other.overlaps(&one)), (expected, expected), "{other}");
        }
        assert_eq!((one.seconds(), segment(5, None).seconds()), (1.0, f64::INFINITY));
    }
}
