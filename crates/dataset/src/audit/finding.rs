//! A finding of an audit: the kind of problem, the files, and what to do.

use serde::Serialize;

/// How much a finding matters, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Scores are wrong unless it is fixed.
    Problem,
    /// Scores may be too optimistic, or recordings are of little use.
    Warning,
    /// Information.
    Note,
}

impl Severity {
    /// `problem`, `warning` or `note`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Files that come from one sound are in several splits.
    FamilyAcrossSplits,
    /// The recordings of one recorder are in several splits.
    RecorderAcrossSplits,
    /// Files that come from one sound are in several classes.
    ContradictingLabels,
    /// Files with the same bytes.
    ExactDuplicates,
    /// Files with the same sound but different bytes.
    SameSound,
    /// Files whose names say that a program made them from other files.
    DerivedByName,
    /// Facts that predict the class without the cry.
    Shortcut,
    /// Classes with too few recordings to score.
    UnscorableClass,
    /// Recordings whose recorder is unknown.
    UnknownRecorder,
    /// Files that cannot be decoded.
    Unreadable,
    /// Files that could be decoded only in part.
    Damaged,
    /// Silent recordings.
    Silent,
    /// Recordings with hardly any sound.
    NearEmpty,
    /// Recordings that are too short to contain a cry.
    TooShort,
    /// Clipped recordings.
    Clipped,
    /// Recordings with a DC offset.
    DcOffset,
    /// Recordings that lack the high frequencies that their sample rate allows.
    BandLimited,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::FamilyAcrossSplits,
        Self::RecorderAcrossSplits,
        Self::ContradictingLabels,
        Self::ExactDuplicates,
        Self::SameSound,
        Self::DerivedByName,
        Self::Shortcut,
        Self::UnscorableClass,
        Self::UnknownRecorder,
        Self::Unreadable,
        Self::Damaged,
        Self::Silent,
        Self::NearEmpty,
        Self::TooShort,
        Self::Clipped,
        Self::DcOffset,
        Self::BandLimited,
    ];

    /// The name in `audit.json` and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::FamilyAcrossSplits => "family-across-splits",
            Self::RecorderAcrossSplits => "recorder-across-splits",
            Self::ContradictingLabels => "contradicting-labels",
            Self::ExactDuplicates => "exact-duplicates",
            Self::SameSound => "same-sound",
            Self::DerivedByName => "derived-by-name",
            Self::Shortcut => "shortcut",
            Self::UnscorableClass => "unscorable-class",
            Self::UnknownRecorder => "unknown-recorder",
            Self::Unreadable => "unreadable",
            Self::Damaged => "damaged",
            Self::Silent => "silent",
            Self::NearEmpty => "near-empty",
            Self::TooShort => "too-short",
            Self::Clipped => "clipped",
            Self::DcOffset => "dc-offset",
            Self::BandLimited => "band-limited",
        }
    }

    /// Whether it inflates test scores, because something is on both sides of a split.
    pub fn is_leak(self) -> bool {
        matches!(self, Self::FamilyAcrossSplits | Self::RecorderAcrossSplits)
    }
}

/// One kind of problem in a corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The kind of problem.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// What was found, how often, and an example, in sentences.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// The files, as paths relative to the root of the corpus, with those that belong together in one list. Empty if
    /// the finding is not about single files.
    pub files: Vec<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_equal_those_in_the_json() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.name().into()));
        }
    }
}
