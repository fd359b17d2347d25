//! The names of a sweep's searches: their folders below the run's, and what the journal calls them.

use crate::corpus::plan::{Fold, Plan};

/// Name of the search for the saved model.
pub(super) const MODEL: &str = "";

/// Name of the search on `fold`.
pub(super) fn of_fold(fold: &Fold) -> String {
    format!("folds/{}", fold.name)
}

/// The names of all searches of `plan`.
pub(super) fn all(plan: &Plan) -> Vec<String> {
    plan.folds.iter().map(of_fold).chain([MODEL.into()]).collect()
}
