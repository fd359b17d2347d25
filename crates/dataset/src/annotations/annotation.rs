//! A marked part of a sound file.

/// A marked part of a sound file, its times as they are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Annotation {
    /// Number of its line, from 1.
    pub line: usize,
    pub start: String,
    pub end: String,
    pub label: String,
    /// Name of its tier; empty in formats without tiers.
    pub tier: String,
    /// Name of its sound file, if the annotation says so.
    pub file: Option<String>,
}
