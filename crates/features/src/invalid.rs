//! An invalid setting.

use std::fmt;

/// An invalid setting, by its key inside its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The key, such as `hop_length` or `spec_augment.probability`.
    pub key: &'static str,
    /// What the value must be, or why the key must be absent.
    pub reason: String,
}

impl Invalid {
    pub(crate) fn new(key: &'static str, reason: impl Into<String>) -> Self {
        Self { key, reason: reason.into() }
    }

    /// The failed ones of `checks`, each `(ok, key, reason)`.
    pub(crate) fn failed<const N: usize>(checks: [(bool, &'static str, &str); N]) -> Vec<Self> {
        let failed = checks.into_iter().filter(|(ok, ..)| !ok);
        failed.map(|(_, key, reason)| Self::new(key, reason)).collect()
    }

    /// Joins `problems` into one line.
    pub(crate) fn join(problems: &[Self]) -> String {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.reason)
    }
}
