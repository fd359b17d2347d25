//! How far the recorders of a run's recordings are known.

use dataset::count;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many of the recordings that take part in a run have an unknown recorder. Each of them counts as its own recorder, so
/// the leaks between them cannot be counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recorders {
    /// Recordings whose recorder is unknown.
    pub unknown: usize,
    /// All recordings that take part.
    pub of: usize,
}

impl Recorders {
    /// Counts the recorders of the recordings that take part.
    pub fn count<'a>(recorders: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        recorders.into_iter().fold(Self::default(), |Self { unknown, of }, recorder| Self {
            unknown: unknown + usize::from(recorder.is_none()),
            of: of + 1,
        })
    }

    /// What a grouped split keeps together, in words.
    pub fn grouping(self) -> String {
        match self {
            Self { unknown: 0, .. } => "recorder and duplicate family".into(),
            Self { unknown, of } if unknown == of => "duplicate family (no recorder is known)".into(),
            Self { unknown, of } => {
                format!("recorder (known for {} of {}) and duplicate family", of - unknown, count(of, "recording"))
            }
        }
    }

    /// What stands beside every score; `None` if all recorders are known.
    pub fn caution(self) -> Option<String> {
        let Self { unknown, of } = self;
        (unknown > 0).then(|| {
            let of = count(of, "recording");
            format!("recorders unknown for {unknown} of {of}; the interval treats each as its own recorder")
        })
    }

    /// What a reader must know before any score; `None` if all recorders are known.
    pub fn warning(self) -> Option<String> {
        let Self { unknown, of } = self;
        (unknown > 0).then(|| {
            let of = count(of, "recording");
            format!(
                "The recorder of {unknown} of {of} is unknown, and each of them counts as its own recorder. \
                 Recordings of one baby may be on both sides of the split without being counted as a leak; then scores are \
                 too high, intervals too narrow and p-values too small. Name the recorders with data.recorder_csv or \
                 data.recorder_pattern."
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_recorders_are_counted_and_named_beside_scores() {
        let some = Recorders::count([Some("anna"), None, Some("anna"), None, None]);
        assert_eq!(some, Recorders { unknown: 3, of: 5 });
        let caution = "recorders unknown for 3 of 5 recordings; the interval treats each as its own recorder";
        assert_eq!(some.caution().as_deref(), Some(caution));
        assert!(some.warning().is_some_and(|text| text.starts_with("The recorder of 3 of 5 recordings is unknown")));
        assert_eq!(some.grouping(), "recorder (known for 2 of 5 recordings) and duplicate family");
        assert_eq!(Recorders::count([None, None]).grouping(), "duplicate family (no recorder is known)");
        let all = Recorders::count([Some("anna"), Some("ben")]);
        assert_eq!(
            (all.caution(), all.warning(), all.grouping().as_str()),
            (None, None, "recorder and duplicate family")
        );
    }
}
