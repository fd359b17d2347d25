//! Recordings with the class probabilities that a model gives them.

use dataset::Corpus;
use metrics::Predictions;
use serde::{Deserialize, Serialize};

/// Recordings with the class probabilities that a model gives them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// Indices into the corpus' recordings, `[n]`.
    pub recordings: Vec<usize>,
    /// Probabilities, `[n][n_classes]`.
    pub probabilities: Vec<Vec<f32>>,
}

impl Scored {
    /// Appends the recordings of another search.
    pub fn extend(&mut self, other: Self) {
        self.recordings.extend(other.recordings);
        self.probabilities.extend(other.probabilities);
    }

    /// Converts to predictions for scoring; `groups` holds the group of each recording of the corpus, `[n recordings]`.
    ///
    /// # Errors
    /// [`metrics::Error`] if there is no recording.
    pub fn predictions(&self, corpus: &Corpus, groups: &[usize]) -> Result<Predictions, metrics::Error> {
        let labels: Vec<usize> = self.recordings.iter().map(|index| corpus.recordings[*index].label).collect();
        let groups: Vec<usize> = self.recordings.iter().map(|index| groups[*index]).collect();
        Predictions::new(corpus.labels.len(), &labels, &self.probabilities, &groups)
    }
}
