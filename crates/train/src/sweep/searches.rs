//! The searches of a sweep: one for each fold of a cross-validation, then the one for the saved model. Each may have inner folds,
//! which choose its trial.

use std::borrow::Cow;

use dataset::{Split, count, grouped_folds};
use experiment::seed;
use metrics::{group_ids, n_groups};

use super::prepare::Prepared;
use crate::Error;
use crate::corpus::plan::{Fold, Places, Plan};

/// Folder of the inner folds below that of their search.
const INNER: &str = "inner";

/// A search: every trial is trained on one split.
pub(super) struct SplitSearch<'a> {
    /// Its folder below the run's, and what the journal calls it; empty for the saved model.
    pub name: String,
    /// Which recording is where.
    pub places: Cow<'a, Places>,
    /// What its random draws are for; see [`SplitSearch::seed`].
    purpose: Vec<String>,
}

impl<'a> SplitSearch<'a> {
    /// The search on `fold`.
    pub fn of_fold(fold: &'a Fold) -> Self {
        let purpose = vec!["fold".into(), fold.name.clone()];
        Self { name: format!("folds/{}", fold.name), places: Cow::Borrowed(&fold.places), purpose }
    }

    /// The search for the saved model.
    pub fn of_model(plan: &'a Plan) -> Self {
        Self { name: String::new(), places: Cow::Borrowed(&plan.model), purpose: Vec::new() }
    }

    /// All searches of a run, in the order in which it does them, each after its inner folds.
    ///
    /// # Errors
    /// As [`SplitSearch::inner`].
    pub fn all(prepared: &'a Prepared) -> Result<Vec<Self>, Error> {
        let plan = &prepared.data.plan;
        let mut all = Vec::new();
        for search in plan.folds.iter().map(Self::of_fold).chain([Self::of_model(plan)]) {
            all.extend(search.inner(prepared)?);
            all.push(search);
        }
        Ok(all)
    }

    /// The inner folds of the search, `sweep.inner_folds` of them: each holds out a part of the recordings of training and validation,
    /// in whole groups.
    ///
    /// # Errors
    /// [`Error::Config`] if there are fewer groups than folds.
    pub fn inner(&self, prepared: &Prepared) -> Result<Vec<Self>, Error> {
        let (n_folds, data) = (prepared.config.sweep.inner_folds, &prepared.data);
        if n_folds == 0 {
            return Ok(Vec::new());
        }
        let takes_part = |place: &Option<Split>| matches!(place, Some(Split::Train | Split::Val));
        let members: Vec<usize> = (0..self.places.len()).filter(|index| takes_part(&self.places[*index])).collect();
        let labels: Vec<usize> = members.iter().map(|index| data.corpus.recordings[*index].label).collect();
        let groups = group_ids(members.iter().map(|index| Some(data.groups()[*index])));
        if n_groups(&groups) < n_folds {
            return Err(Error::Config(format!(
                "sweep.inner_folds: {n_folds} folds need as many groups of recordings (recorders, joined where they share copies), and \
                 training and validation have {}",
                count(n_groups(&groups), "group")
            )));
        }
        let seed = seed::derive(self.seed(prepared.config.seed), &["inner folds"]);
        let of_members = grouped_folds(&labels, &groups, n_folds, seed);
        let inner = |fold: usize| {
            let mut places = vec![None; self.places.len()];
            for (index, of_member) in members.iter().zip(&of_members) {
                places[*index] = Some(if *of_member == fold { Split::Val } else { Split::Train });
            }
            let number = (fold + 1).to_string();
            let above = if self.name.is_empty() { String::new() } else { format!("{}/", self.name) };
            let purpose = [&self.purpose[..], &[INNER.into(), number.clone()]].concat();
            Self { name: format!("{above}{INNER}/{number}"), places: Cow::Owned(places), purpose }
        };
        Ok((0..n_folds).map(inner).collect())
    }

    /// Whether it is an inner fold.
    pub fn is_inner(&self) -> bool {
        is_inner(&self.name)
    }

    /// Seed of its random draws, from the seed of the run or of a trial.
    pub fn seed(&self, seed: u64) -> u64 {
        match &self.purpose[..] {
            [] => seed,
            purpose => seed::derive(seed, &purpose.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    }
}

/// Whether the search called `name` is an inner fold, whose trials keep no checkpoints.
pub(super) fn is_inner(name: &str) -> bool {
    name.rsplit('/').nth(1) == Some(INNER)
}

/// The name of the search to which the search called `name` belongs: its own, or that of which it is an inner fold.
pub(super) fn outer(name: &str) -> &str {
    match name.rsplit_once('/').and_then(|(above, _)| above.strip_suffix(INNER)).filter(|_| is_inner(name)) {
        Some(outer) => outer.trim_end_matches('/'),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_folds_are_known_by_their_names() {
        for (name, expected, of) in [
            ("", false, ""),
            ("inner/1", true, ""),
            ("folds/1-2/inner/3", true, "folds/1-2"),
            ("folds/1-2", false, "folds/1-2"),
            ("folds/inner", false, "folds/inner"),
        ] {
            assert_eq!((is_inner(name), outer(name)), (expected, of), "{name}");
        }
    }
}
