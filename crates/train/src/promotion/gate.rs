//! Gates side by side: cries that they let through, and other sounds that they do not.

use std::path::{Path, PathBuf};

use dataset::sounds::{SoundsConfig, write_sounds};
use predict::{Classifier, Prediction};

use super::answers::answers;
use super::candidate::ComparedModel;
use crate::Error;

/// Generated sounds of each kind.
const SOUNDS_PER_KIND: usize = 5;

/// How well a gate works, by its own threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateScores {
    /// Share of the cries that it takes for cries, 0 to 1.
    pub recall: f64,
    /// Share of the other sounds that it takes for cries, 0 to 1.
    pub false_alarm_rate: f64,
}

/// The gates of both models; `None` for a model without one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gates {
    /// That of the candidate.
    pub candidate: Option<GateScores>,
    /// That of the current model.
    pub current: Option<GateScores>,
}

impl Gates {
    /// Scores the gates of the candidate and of the current model on their answers to `cries`, and on the sounds in the folder
    /// `others`, or else on generated ones.
    ///
    /// # Errors
    /// [`Error::Dataset`] if the sounds cannot be read or written, [`Error::Data`] if one cannot be decoded, [`Error::Predict`].
    pub fn measure(
        models: [&ComparedModel; 2],
        cries: &[Vec<Prediction>; 2],
        others: Option<&Path>,
        seed: u64,
    ) -> Result<Self, Error> {
        let generated = tempfile::tempdir().map_err(Error::io(&std::env::temp_dir()))?;
        let folder = match others {
            Some(folder) => folder.to_owned(),
            None => {
                let folder = generated.path().join("sounds");
                write_sounds(&folder, &SoundsConfig { seed, n_per_kind: SOUNDS_PER_KIND })?;
                folder
            }
        };
        let others = dataset::audio_files(&folder)?;
        if others.is_empty() {
            return Err(Error::Data(format!("{}: there is no sound file in it", folder.display())));
        }
        let scores = |index: usize| GateScores::measure(&models[index].classifier, &cries[index], &others);
        Ok(Self { candidate: scores(0)?, current: scores(1)? })
    }

    /// Why the candidate's gate is worse by more than `margin`, 0 to 1; `None` if it is not.
    pub fn problem(&self, margin: f64) -> Option<String> {
        match (self.candidate, self.current) {
            (_, None) => None,
            (None, Some(_)) => Some("the current model has a gate, the candidate has none".into()),
            (Some(candidate), Some(current)) => {
                let fewer = candidate.recall < current.recall - margin;
                let more = candidate.false_alarm_rate > current.false_alarm_rate + margin;
                (fewer || more).then(|| {
                    let what = if fewer { "it misses more cries" } else { "it takes more other sounds for cries" };
                    format!("the candidate's gate is worse by more than {margin}: {what}")
                })
            }
        }
    }
}

impl GateScores {
    /// The scores of the gate of `classifier`, with its answers to `cries`; `None` without a gate.
    fn measure(classifier: &Classifier, cries: &[Prediction], others: &[PathBuf]) -> Result<Option<Self>, Error> {
        if !classifier.has_gate() {
            return Ok(None);
        }
        let passed = |answers: &[Prediction]| {
            let n_cries = answers.iter().filter(|answer| answer.not_a_cry == Some(false)).count();
            n_cries as f64 / answers.len().max(1) as f64
        };
        Ok(Some(Self { recall: passed(cries), false_alarm_rate: passed(&answers(classifier, others)?) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_worse_if_it_misses_more_cries_or_gives_more_false_alarms() {
        let scores = |recall, false_alarm_rate| Some(GateScores { recall, false_alarm_rate });
        for (candidate, current, expected) in [
            (scores(0.9, 0.1), scores(0.9, 0.1), None),
            (scores(0.89, 0.11), scores(0.9, 0.1), None),
            (scores(0.8, 0.0), scores(0.9, 0.1), Some("misses more cries")),
            (scores(1.0, 0.2), scores(0.9, 0.1), Some("takes more other sounds for cries")),
            (None, scores(0.9, 0.1), Some("the candidate has none")),
            (scores(0.1, 0.9), None, None),
            (None, None, None),
        ] {
            let problem = Gates { candidate, current }.problem(0.02);
            match expected {
                None => assert_eq!(problem, None),
                Some(text) => assert!(problem.as_ref().is_some_and(|problem| problem.contains(text)), "{problem:?}"),
            }
        }
    }
}
