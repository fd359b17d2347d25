//! Recordings with the class probabilities that a model gives them.

use dataset::Corpus;
use metrics::Predictions;
use serde::{Deserialize, Serialize};

/// Recordings with the class probabilities that a model gives them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// Indices into the corpus' recordings, `[n]`; a recording that was tested in several repeats is named several times.
    pub recordings: Vec<usize>,
    /// Probabilities, `[n][n_classes]`.
    pub probabilities: Vec<Vec<f32>>,
}

/// The test recordings of one fold with the class probabilities that its search gives them.
#[derive(Debug, Clone, PartialEq)]
pub struct TestedFold {
    /// Repeat of the cross-validation, from 1.
    pub repeat: usize,
    /// Name of the fold within its repeat; empty if the split has no folds.
    pub fold: String,
    /// The test recordings.
    pub scored: Scored,
}

impl Scored {
    /// The test recordings of all folds.
    pub fn pooled(folds: &[TestedFold]) -> Self {
        Self::joined(folds.iter().map(|fold| &fold.scored))
    }

    /// All of `parts`, one after another.
    pub fn joined<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for Self { recordings, probabilities } in parts {
            all.recordings.extend_from_slice(recordings);
            all.probabilities.extend_from_slice(probabilities);
        }
        all
    }

    /// The recordings whose index `is_member` accepts.
    pub fn of(&self, is_member: impl Fn(usize) -> bool) -> Self {
        let members = self.recordings.iter().zip(&self.probabilities).filter(|(index, _)| is_member(**index));
        let (recordings, probabilities) = members.map(|(index, p)| (*index, p.clone())).unzip();
        Self { recordings, probabilities }
    }

    /// Converts to predictions for scoring; `groups` holds the group of each recording of the corpus, `[n recordings]`.
    ///
    /// # Errors
    /// [`metrics::Error`] if there is no recording.
    pub fn predictions(&self, corpus: &Corpus, groups: &[usize]) -> Result<Predictions, metrics::Error> {
        let labels: Vec<usize> = self.recordings.iter().map(|index| corpus.recordings[*index].label).collect();
        let groups: Vec<usize> = self.recordings.iter().map(|index| groups[*index]).collect();
        Predictions::new(corpus.labels.len(), &labels, &self.probabilities, &groups)?.of_recordings(&self.recordings)
    }
}
