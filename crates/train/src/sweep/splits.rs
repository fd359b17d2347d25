//! Fourth step of the sweep: one search for each fold of a cross-validation, and one for the saved model.

use std::time::Instant;

use experiment::journal::Record;
use experiment::{FoldSummary, TestedFold};
use metrics::CalibrationCheck;

use super::baseline::Baseline;
use super::open::OpenRun;
use super::prepare::Prepared;
use super::search::{self, SearchResult};
use super::searches::SplitSearch;
use super::tested_models::TestedModel;
use super::trainer::Trainer;
use crate::Error;
use crate::terminal::stderr;

/// What the searches of a sweep found.
pub(super) struct Found {
    /// The search of the saved model.
    pub model: SearchResult,
    /// The folds of a cross-validation; empty for a plain split.
    pub folds: Vec<FoldSummary>,
    /// The test recordings of each fold, or of the saved model, scored by the trial that its search chose.
    pub test: Vec<TestedFold>,
    /// The models that answered in `test`.
    pub tested: Vec<TestedModel>,
    /// The baselines of the searches that are tested; empty if the head is a logistic regression itself.
    pub baselines: Vec<Baseline>,
    /// Calibration on test, averaged over folds.
    pub calibration: CalibrationCheck,
    /// How each trial ended: folds first, in the order of the trials.
    pub records: Vec<Record>,
}

/// Searches every split of the plan.
pub(super) fn search(prepared: &Prepared, run: &OpenRun) -> Result<Found, Error> {
    let trainer = Trainer { prepared, writer: &run.writer };
    let plan = &prepared.data.plan;
    let (mut test, mut tested): (Vec<TestedFold>, Vec<TestedModel>) = (Vec::new(), Vec::new());
    let mut checks: Vec<(usize, CalibrationCheck)> = Vec::new();
    let (mut folds, mut records, mut baselines) = (Vec::new(), Vec::new(), Vec::new());
    for fold in &plan.folds {
        let step = Instant::now();
        stderr::line(format_args!("fold       {} of {}: {}", folds.len() + 1, plan.folds.len(), fold.name));
        let split = SplitSearch::of_fold(fold);
        let result = search::run(&trainer, &split, &run.trials)?;
        tested.push(TestedModel::new(&split, &result));
        checks.push(check(prepared, &result)?);
        folds.push(FoldSummary {
            name: fold.name.clone(),
            trial: result.leaderboard[0].id.clone(),
            val_macro_f1: result.leaderboard[0].val_macro_f1,
            inner_macro_f1: result.leaderboard[0].inner_macro_f1,
            n_test: result.test.recordings.len(),
        });
        test.push(TestedFold { repeat: fold.repeat, fold: fold.fold.clone(), scored: result.test });
        baselines.extend(result.baseline);
        records.extend(result.records);
        run.writer.folder.log(&format!("fold {}", fold.name), step.elapsed().as_secs_f64())?;
    }
    let step = Instant::now();
    let split = SplitSearch::of_model(plan);
    let model = search::run(&trainer, &split, &run.trials)?;
    if plan.folds.is_empty() {
        tested.push(TestedModel::new(&split, &model));
        checks.push(check(prepared, &model)?);
        test.push(TestedFold { repeat: 1, fold: String::new(), scored: model.test.clone() });
        baselines.extend(model.baseline.clone());
    }
    records.extend(model.records.iter().cloned());
    run.writer.folder.log("searched", step.elapsed().as_secs_f64())?;
    let calibration = CalibrationCheck::mean(&checks).ok_or_else(|| Error::Data("no recording was tested".into()))?;
    Ok(Found { model, folds, test, tested, baselines, calibration, records })
}

/// The number of test recordings of a search, and how well its calibration works on them.
fn check(prepared: &Prepared, result: &SearchResult) -> Result<(usize, CalibrationCheck), Error> {
    let predictions = result.test.predictions(&prepared.data.corpus, prepared.data.groups())?;
    Ok((result.test.recordings.len(), result.calibration.check(&predictions)))
}
