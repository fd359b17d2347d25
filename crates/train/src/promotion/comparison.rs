//! A candidate against the current model, on the same recordings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dataset::audit::{RecorderRule, Relations};
use dataset::{Corpus, count};
use experiment::seed;
use features::{Extractor, FeatureConfig};
use metrics::{PairedComparison, Predictions};
use predict::Prediction;

use super::answers::answers;
use super::candidate::ComparedModel;
use super::gate::Gates;
use crate::Error;
use crate::corpus::readable;

/// What a comparison is made of.
pub struct ComparisonInputs<'a> {
    /// The model that is to take over.
    pub candidate: &'a ComparedModel,
    /// The model that is in use.
    pub current: &'a ComparedModel,
    /// The recordings.
    pub corpus: &'a Corpus,
    /// Their recorders.
    pub recorders: &'a RecorderRule,
    /// Folder of the caches, for their fingerprints.
    pub cache: &'a Path,
    /// Folder of sounds that are not cries; `None` for generated ones.
    pub not_cries: Option<&'a Path>,
    /// Whether recordings that one of the models was trained on are left out; otherwise those of the candidate are a leak.
    pub only_unseen: bool,
    /// Seed of the resamples and of the generated sounds.
    pub seed: u64,
}

/// A candidate against the current model, on the same recordings.
#[derive(Debug)]
pub struct ModelComparison {
    /// Number of recordings that both answered.
    pub n_recordings: usize,
    /// Number of groups that they come from: of one recorder, or of one sound.
    pub n_groups: usize,
    /// Recordings that were left out because a model was trained on them or on another one of their group.
    pub n_left_out: usize,
    /// Recordings among the compared ones that the candidate was trained on; `None` if it does not say.
    pub candidate_knows: Option<usize>,
    /// The same of the current model.
    pub current_knows: Option<usize>,
    /// The candidate, its `first`, against the current model, its `second`.
    pub paired: PairedComparison,
    /// Their gates.
    pub gates: Gates,
}

/// How much better the candidate must be, and how much worse its gate may be.
#[derive(Debug, Clone, Copy)]
pub struct Margins {
    /// The lower end of the interval of the difference in macro-F1 must be above this, -1 to 1.
    pub macro_f1: f64,
    /// Recall and false-alarm rate of the gate may be worse by this, 0 to 1.
    pub gate: f64,
}

impl ModelComparison {
    /// Lets both models answer, and compares their answers.
    ///
    /// # Errors
    /// [`Error::Data`] if the models have different classes, the recordings have others, or none is left; [`Error::Recording`] for
    /// a recording that cannot be decoded; [`Error::Dataset`], [`Error::Predict`].
    pub fn new(inputs: &ComparisonInputs) -> Result<Self, Error> {
        let ComparisonInputs { candidate, current, corpus, recorders, .. } = *inputs;
        let labels = classes(inputs)?;
        let extractor = Extractor::new(&FeatureConfig::default()).map_err(Error::Features)?;
        let fingerprints = readable::fingerprints(corpus, inputs.cache, &extractor)?;
        let groups = Relations::find(recorders, &fingerprints)?.groups;
        let known = |model: &ComparedModel| known(model, corpus, recorders, &groups);
        let (known_to_candidate, known_to_current) = (known(candidate), known(current));
        let is_known = |flags: &Option<Vec<bool>>, index: usize| flags.as_ref().is_some_and(|flags| flags[index]);
        let is_left_out = |index: &usize| {
            inputs.only_unseen && (is_known(&known_to_candidate, *index) || is_known(&known_to_current, *index))
        };
        let (left_out, kept): (Vec<usize>, Vec<usize>) = (0..corpus.recordings.len()).partition(is_left_out);
        if kept.is_empty() {
            let root = corpus.root.display();
            return Err(Error::Data(format!(
                "{root}: the models were trained on all of these recordings; give others"
            )));
        }
        let files: Vec<PathBuf> = kept.iter().map(|i| corpus.file(&corpus.recordings[*i])).collect();
        let true_labels: Vec<usize> = kept.iter().map(|i| labels[corpus.recordings[*i].label]).collect();
        let group_of: Vec<usize> = kept.iter().map(|i| groups[*i]).collect();
        let predictions = |answers: &[Prediction]| -> Result<Predictions, Error> {
            let names = candidate.classifier.labels();
            let row = |answer: &Prediction| {
                names.iter().map(|name| answer.all_probs.get(name).copied().unwrap_or_default()).collect()
            };
            let rows: Vec<Vec<f32>> = answers.iter().map(row).collect();
            Ok(Predictions::new(names.len(), &true_labels, &rows, &group_of)?)
        };
        let answered = [answers(&candidate.classifier, &files)?, answers(&current.classifier, &files)?];
        let [first, second] = [predictions(&answered[0])?, predictions(&answered[1])?];
        let gates = Gates::measure([candidate, current], &answered, inputs.not_cries, inputs.seed)?;
        let count = |flags: Option<Vec<bool>>| flags.map(|flags| kept.iter().filter(|index| flags[**index]).count());
        Ok(Self {
            n_recordings: kept.len(),
            n_groups: first.groups().len(),
            n_left_out: left_out.len(),
            candidate_knows: count(known_to_candidate),
            current_knows: count(known_to_current),
            paired: PairedComparison::new(&first, &second, seed::derive(inputs.seed, &["promotion"]))?,
            gates,
        })
    }

    /// Every reason why the candidate must not take over; empty if it may.
    pub fn problems(&self, margins: &Margins) -> Vec<String> {
        let mut problems = Vec::new();
        match self.candidate_knows {
            Some(0) => {}
            Some(n) => problems.push(format!(
                "the candidate was trained on {n} of the {}, or on their recorders: give others, or leave them out \
                 with --only-unseen",
                count(self.n_recordings, "recording")
            )),
            None => problems.push(
                "what the candidate was trained on is not known: name the run, or a version that was published from a run".into(),
            ),
        }
        match self.paired.difference.interval {
            None => problems.push(format!("too few groups for an interval ({})", self.n_groups)),
            Some([low, _]) if low > margins.macro_f1 => {}
            Some([low, _]) => problems.push(format!(
                "the candidate is not shown to be better: the interval of the difference begins at {low:+.4}, which is not above \
                 {}",
                margins.macro_f1
            )),
        }
        problems.extend(self.gates.problem(margins.gate));
        problems
    }
}

/// For each class of the corpus, its index among the candidate's classes.
fn classes(inputs: &ComparisonInputs) -> Result<Vec<usize>, Error> {
    let ComparisonInputs { candidate, current, corpus, .. } = inputs;
    let sorted = |model: &ComparedModel| {
        let mut labels = model.classifier.labels().to_vec();
        labels.sort();
        labels
    };
    let names = candidate.classifier.labels();
    if sorted(candidate) != sorted(current) {
        let (names, others) = (names.join(", "), current.classifier.labels().join(", "));
        return Err(Error::Data(format!(
            "the candidate's classes ({names}) are not those of the current model ({others}): publish it under another name"
        )));
    }
    let index = |label: &String| {
        let unknown = || Error::Data(format!("{}: neither model has the class {label}", corpus.root.display()));
        names.iter().position(|name| name == label).ok_or_else(unknown)
    };
    corpus.labels.iter().map(index).collect()
}

/// Whether `model` was trained on each recording or on another one of its group, `[n_recordings]`; `None` if it does not say.
fn known(model: &ComparedModel, corpus: &Corpus, recorders: &RecorderRule, groups: &[usize]) -> Option<Vec<bool>> {
    let trained_on = model.trained_on.as_ref()?;
    let flags: Vec<bool> =
        corpus.recordings.iter().map(|r| trained_on.knows(&r.sha256, recorders.recorder(r))).collect();
    let known_groups: BTreeSet<usize> =
        groups.iter().zip(&flags).filter(|(_, known)| **known).map(|(group, _)| *group).collect();
    Some(groups.iter().map(|group| known_groups.contains(group)).collect())
}

#[cfg(test)]
mod tests {
    use metrics::Estimate;

    use super::super::gate::GateScores;
    use super::*;

    fn comparison(interval: Option<[f64; 2]>) -> ModelComparison {
        let gate = Some(GateScores { recall: 0.9, false_alarm_rate: 0.1 });
        ModelComparison {
            n_recordings: 40,
            n_groups: 10,
            n_left_out: 0,
            candidate_knows: Some(0),
            current_knows: None,
            paired: PairedComparison {
                first: 0.6,
                second: 0.5,
                difference: Estimate { value: 0.1, interval },
                p: 0.01,
            },
            gates: Gates { candidate: gate, current: gate },
        }
    }

    #[test]
    fn a_candidate_takes_over_only_if_nothing_speaks_against_it() {
        let margins = Margins { macro_f1: 0.0, gate: 0.02 };
        let better = || comparison(Some([0.02, 0.2]));
        assert!(better().problems(&margins).is_empty());
        let reasons = |comparison: ModelComparison| comparison.problems(&margins).join("; ");
        assert!(reasons(comparison(Some([0.0, 0.2]))).contains("not shown to be better"));
        assert!(reasons(comparison(None)).contains("too few groups"));
        assert!(reasons(ModelComparison { candidate_knows: Some(3), ..better() }).contains("trained on 3 of the 40"));
        assert!(reasons(ModelComparison { candidate_knows: None, ..better() }).contains("is not known"));
        let gates = Gates { candidate: None, ..better().gates };
        assert!(reasons(ModelComparison { gates, ..better() }).contains("has none"));
        assert!(better().problems(&Margins { macro_f1: 0.05, ..margins }).len() == 1);
        assert!(comparison(Some([-0.01, 0.1])).problems(&Margins { macro_f1: -0.02, ..margins }).is_empty());
    }
}
