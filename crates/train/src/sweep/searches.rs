//! The searches of a sweep: one for each fold of a cross-validation, then the one for the saved model.

use experiment::seed;

use crate::corpus::plan::{Fold, Places, Plan};

/// A search: every trial is trained on one split.
pub(super) struct SplitSearch<'a> {
    /// Its folder below the run's, and what the journal calls it; empty for the saved model.
    pub name: String,
    /// Which recording is where.
    pub places: &'a Places,
    /// Seed of its random draws.
    pub seed: u64,
}

impl<'a> SplitSearch<'a> {
    /// The search on `fold` in a run with `seed`.
    pub fn of_fold(fold: &'a Fold, seed: u64) -> Self {
        let seed = seed::derive(seed, &["fold", &fold.name]);
        Self { name: format!("folds/{}", fold.name), places: &fold.places, seed }
    }

    /// The search for the saved model in a run with `seed`.
    pub fn of_model(plan: &'a Plan, seed: u64) -> Self {
        Self { name: String::new(), places: &plan.model, seed }
    }

    /// All searches of `plan`, in the order in which a run does them.
    pub fn all(plan: &'a Plan, seed: u64) -> Vec<Self> {
        plan.folds.iter().map(|fold| Self::of_fold(fold, seed)).chain([Self::of_model(plan, seed)]).collect()
    }
}
