//! Inputs that cannot be scored.

/// Why predictions cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no example.
    #[error("there is no example to score")]
    Empty,
    /// Lists that belong together differ in length.
    #[error("{what}: {found} where {expected} are needed")]
    Length {
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
    },
    /// A true class outside `0..n_classes`.
    #[error("example {example} has class {label}, but there are only {n_classes}")]
    Label {
        /// Index of the example.
        example: usize,
        /// Its class.
        label: usize,
        /// Classes of the task.
        n_classes: usize,
    },
    /// A row that is no probability distribution: a value not finite or outside 0 to 1, or a sum that is not 1.
    #[error("the probabilities of example {example} are no distribution over the classes")]
    Probabilities {
        /// Index of the example.
        example: usize,
    },
    /// Two classifiers were not scored on the same examples in the same order.
    #[error("the two classifiers were not scored on the same recordings, so they cannot be compared pairwise")]
    NotPaired,
}
