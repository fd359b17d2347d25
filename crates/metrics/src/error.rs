//! Why predictions cannot be scored.

/// Why predictions cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no example.
    #[error("there is no example to score")]
    Empty,
    /// Lists that belong together differ in length.
    #[error("{found} {what}, but {expected} are needed")]
    Length {
        /// What the list holds, in the plural.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The required length.
        expected: usize,
    },
    /// A true class outside `0..n_classes`.
    #[error("example {example} has class {label}, but there are only {n_classes} classes")]
    Label {
        /// Index of the example.
        example: usize,
        /// Its class.
        label: usize,
        /// Number of classes of the task.
        n_classes: usize,
    },
    /// A row that is not a probability distribution: a value is not finite or outside 0 to 1, or the sum is not 1.
    #[error("the probabilities of example {example} are not a distribution over the classes")]
    Probabilities {
        /// Index of the example.
        example: usize,
    },
    /// Two answers for one recording that disagree about its class or group.
    #[error("example {example} is of a recording that had another class or group before")]
    Recording {
        /// Index of the second of the two examples.
        example: usize,
    },
    /// Two classifiers were not scored on the same examples in the same order.
    #[error("the two classifiers were scored on different recordings, so they cannot be compared pairwise")]
    NotPaired,
    /// A length, time or score of a recording that is not finite, or an event that ends before it starts.
    #[error(
        "a length, time or score of recording {recording} is not finite, or one of its events ends before it starts"
    )]
    Events {
        /// Index of the recording.
        recording: usize,
    },
    /// A collar that is not at least 0 s, or a share of the length outside 0 to 1.
    #[error("the collar must be at least 0 s, and the share of the length 0 to 1")]
    Collar,
}
