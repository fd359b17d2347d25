//! A corpus that is ready for training: recorders and relations are known, duplicates dropped, splits planned. The sweep and
//! pretraining both start here.

use dataset::Corpus;
use dataset::audit::{RecorderRule, Relations};
use experiment::{Leaks, PretrainingData, Recorders};
use features::Extractor;

use super::locate::Located;
use super::plan::Plan;
use super::{duplicates, leaks, readable, scarce_classes};
use crate::Error;
use crate::config::DataConfig;
use crate::terminal::progress::warn;

/// A corpus that is ready for training.
pub struct PreparedCorpus {
    /// All recordings, usable or not.
    pub corpus: Corpus,
    /// Whether they are synthetic.
    pub synthetic: bool,
    /// Paths of the recordings that cannot be read.
    pub unreadable: Vec<String>,
    /// The rule that gives the recorder of a recording.
    pub recorders: RecorderRule,
    /// How the recordings are related.
    pub relations: Relations,
    /// Paths of the duplicates and contradictions that were dropped.
    pub dropped: Vec<String>,
    /// Classes without a usable recording. They and their recordings are not part of the corpus any more.
    pub unused_classes: Vec<String>,
    /// Which recording is in which split.
    pub plan: Plan,
}

impl PreparedCorpus {
    /// Prepares the recordings of `located`: decodes those whose fingerprint is not cached, and plans the splits. `extractor` makes the
    /// clips that will be used. Prints the [`PreparedCorpus::warnings`].
    ///
    /// # Errors
    /// [`Error::Dataset`] if the recorder rule or the split files do not fit the corpus, or the cache cannot be read or written,
    /// [`Error::Data`] if a split has no recording, fewer than two classes have a usable one, or recordings are unreadable that
    /// `config` does not skip, [`Error::Interrupted`] on a signal.
    pub fn new(located: Located, extractor: &Extractor, config: &DataConfig, seed: u64) -> Result<Self, Error> {
        let Located { mut corpus, synthetic } = located;
        let cache = config.cache_dir();
        let fingerprints = readable::fingerprints(&corpus, &cache, extractor)?;
        let mut usable = readable::check(corpus.recordings.len(), &fingerprints.unreadable, config.skip_unreadable)?;
        let recorders = RecorderRule::new(config.recorder_pattern.as_deref(), config.recorder_csv.as_deref(), &corpus)?;
        let mut relations = Relations::find(&recorders, &fingerprints)?;
        let unreadable = fingerprints.unreadable.into_iter().map(|unreadable| unreadable.path).collect();
        let dropped = duplicates::drop(config, &corpus, &relations, &mut usable);
        let of_each = recorders.recorders(&corpus);
        let mut plan = Plan::new(&config.split, seed, &corpus, &of_each, &relations.groups, &usable)?;
        let unused_classes = remove_unused_classes(&mut corpus, &mut relations, &mut plan, &usable)?;
        let prepared = Self { corpus, synthetic, unreadable, recorders, relations, dropped, unused_classes, plan };
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

/// Removes the classes without a recording in `usable`, together with their recordings, and returns their names. The splits
/// are planned before, since split files may name these recordings.
fn remove_unused_classes(
    corpus: &mut Corpus,
    relations: &mut Relations,
    plan: &mut Plan,
    usable: &[bool],
) -> Result<Vec<String>, Error> {
    let used = corpus.used_classes(usable);
    let unused: Vec<String> =
        corpus.labels.iter().zip(&used).filter(|(_, used)| !**used).map(|(l, _)| l.clone()).collect();
    if unused.is_empty() {
        return Ok(unused);
    }
    if used.len() - unused.len() < 2 {
        return Err(Error::Data(format!(
            "{}: a classifier needs at least two classes, but these have no usable recording: {}",
            corpus.root.display(),
            unused.join(", ")
        )));
    }
    warn(&format!("these classes have no usable recording, so they are left out: {}", unused.join(", ")));
    let kept: Vec<bool> = corpus.recordings.iter().map(|recording| used[recording.label]).collect();
    relations.retain(&kept);
    plan.retain(&kept);
    corpus.retain_classes(&used);
    Ok(unused)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::corpus::plan::Fold;
    use dataset::{Recording, Split};

    #[test]
    fn a_class_without_a_usable_recording_is_left_out_everywhere() {
        let recording = |(path, label): (&str, usize)| Recording { path: path.into(), label, ..Recording::default() };
        let corpus = Corpus {
            labels: ["a", "b", "c"].map(String::from).to_vec(),
            recordings: [("a/1", 0), ("b/2", 1), ("b/3", 1), ("c/4", 2)].map(recording).to_vec(),
            ..Corpus::default()
        };
        let numbers = vec![0, 1, 1, 2];
        let relations = Relations { identical: vec![0, 1, 2, 3], families: numbers.clone(), groups: numbers };
        let train = Some(Split::Train);
        let remove = |usable: [bool; 4]| {
            let (mut corpus, mut relations) = (corpus.clone(), relations.clone());
            let places = usable.map(|usable| usable.then_some(Split::Train)).to_vec();
            let fold = Fold { name: "1".into(), repeat: 1, fold: "1".into(), places: places.clone() };
            let mut plan = Plan { rule: String::new(), model: places, folds: vec![fold] };
            let unused = remove_unused_classes(&mut corpus, &mut relations, &mut plan, &usable);
            let of_fold = plan.folds.remove(0).places;
            assert_eq!(of_fold, plan.model);
            Ok::<_, String>((unused.map_err(|e| e.to_string())?, corpus.recordings.len(), relations, of_fold))
        };
        assert_eq!(
            remove([true, false, true, true]).unwrap(),
            (vec![], 4, relations.clone(), vec![train, None, train, train])
        );
        let rest = Relations { identical: vec![0, 3], families: vec![0, 2], groups: vec![0, 2] };
        assert_eq!(remove([true, false, false, true]).unwrap(), (vec!["b".into()], 2, rest, vec![train, train]));
        let error = remove([true, false, false, false]).unwrap_err();
        assert!(error.contains("no usable recording: b, c"), "{error}");
    }
}
