//! A corpus that is ready for training: recorders and relations are known, duplicates dropped, splits planned. The sweep and
//! pretraining both start here.

use dataset::Corpus;
use dataset::audit::{RecorderRule, Relations};
use experiment::{Leaks, PretrainingData, Recorders};

use super::locate::Located;
use super::plan::Plan;
use super::{duplicates, leaks, scarce_classes};
use crate::Error;
use crate::config::DataConfig;
use crate::terminal::progress::warn;

/// A corpus that is ready for training.
pub struct PreparedCorpus {
    /// All recordings, usable or not.
    pub corpus: Corpus,
    /// Whether they are synthetic.
    pub synthetic: bool,
    /// The rule that gives the recorder of a recording.
    pub recorders: RecorderRule,
    /// How the recordings are related.
    pub relations: Relations,
    /// Paths of the duplicates and contradictions that were dropped.
    pub dropped: Vec<String>,
    /// Which recording is in which split.
    pub plan: Plan,
}

impl PreparedCorpus {
    /// Prepares the recordings of `located`; `usable` says for each whether it may take part, `[n recordings]`. Prints the
    /// [`PreparedCorpus::warnings`].
    ///
    /// # Errors
    /// [`Error::Dataset`] if the recorder rule or the split files do not fit the corpus, [`Error::Data`] if a split has no
    /// recording.
    pub fn new(located: Located, mut usable: Vec<bool>, config: &DataConfig, seed: u64) -> Result<Self, Error> {
        let Located { corpus, synthetic } = located;
        let recorders = RecorderRule::new(config.recorder_pattern.as_deref(), config.recorder_csv.as_deref(), &corpus)?;
        let relations = Relations::find(&corpus, &recorders)?;
        let dropped = duplicates::drop(config, &corpus, &relations, &mut usable);
        let of_each = recorders.recorders(&corpus);
        let plan = Plan::new(&config.split, seed, &corpus, &of_each, &relations.groups, &usable)?;
        let prepared = Self { corpus, synthetic, recorders, relations, dropped, plan };
        prepared.warnings().iter().for_each(|warning| warn(&warning.replace(". ", ".\n")));
        Ok(prepared)
    }

    /// The group of each recording, `[n recordings]`. Recordings of one group are not independent.
    pub fn groups(&self) -> &[usize] {
        &self.relations.groups
    }

    /// The recorder of the recording `index`, if it is known.
    pub fn recorder(&self, index: usize) -> Option<&str> {
        self.recorders.recorder(&self.corpus.recordings[index])
    }

    /// How far the recorders of the recordings that take part are known.
    pub fn known_recorders(&self) -> Recorders {
        let recorders = self.recorders.recorders(&self.corpus).into_iter().zip(self.plan.members());
        Recorders::count(recorders.filter(|(_, takes_part)| *takes_part).map(|(recorder, _)| recorder))
    }

    /// What a reader must know before any score: unknown recorders, and classes with too few training recordings.
    pub fn warnings(&self) -> Vec<String> {
        self.known_recorders().warning().into_iter().chain(scarce_classes::warning(&self.plan, &self.corpus)).collect()
    }

    /// Counts the validation and test recordings that leak into training or into the backbone's pretraining.
    pub fn leaks(&self, pretraining: &PretrainingData) -> Leaks {
        leaks::count(&self.plan, &self.corpus, &self.relations, |index| self.recorder(index), pretraining)
    }
}
