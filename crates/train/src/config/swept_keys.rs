//! Which keys of the configuration can be axes of a search.

/// Why the dotted `key` cannot be an axis of a search; `None` if it can.
pub(super) fn refusal(key: &str) -> Option<&'static str> {
    match (key.split('.').next().unwrap_or(key), key) {
        ("name" | "strict" | "data", _) => Some(
            "cannot be swept: it decides which recordings a run has and how they are split; run a config for each value, and \
             compare the runs with wail report",
        ),
        ("sweep", _) => Some("cannot be swept: it is the search itself"),
        ("gate", _) => Some("cannot be swept: the gate is trained after the trial is chosen"),
        (_, "head.kind") => Some(
            "cannot be swept: it decides which axes there are; run a config for each kind, and compare the runs with wail report",
        ),
        (_, "backbone.pooling" | "backbone.train" | "backbone.learning_rate") => None,
        ("backbone", _) => Some(
            "cannot be swept: it names the encoder, which is part of the run's identity; run a config for each encoder, and compare \
             the runs with wail report",
        ),
        _ => None,
    }
}

/// Whether the dotted `key` decides what trials are trained on: the embeddings and how they are prepared.
pub(crate) fn decides_embeddings(key: &str) -> bool {
    key.starts_with("features.")
        || matches!(key, "backbone.pooling" | "backbone.train" | "train.whiten" | "train.augmented_views")
}
