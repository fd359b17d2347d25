//! Last step of the sweep: the model, the report and the finished journal.

use std::path::PathBuf;

use dataset::count;
use experiment::folder::MODEL_FILE;
use experiment::journal::{Outcome, Record};
use experiment::tables::write_predictions;
use experiment::{
    BaselineSummary, CalibrationSummary, ConditionSummary, DataSummary, FailedTrial, Leaks, Mistake, REPORT_VERSION,
    Report, Scored, seed, subgroups,
};
use metrics::{Evaluation, PairedComparison, Scores, n_groups};
use report::{mistakes, page};

use super::baseline::{self, Baseline};
use super::choose::ChosenModel;
use super::open::OpenRun;
use super::prepare::Prepared;
use super::splits::Found;
use super::{explain, robustness};
use crate::Error;
use crate::corpus::prepared::PreparedCorpus;
use crate::tracking::run_files;

/// Writes the predictions, the model, the report and the finished journal; returns the run's folder and the report.
pub(super) fn publish(
    prepared: Prepared,
    run: OpenRun,
    found: Found,
    model: ChosenModel,
) -> Result<(PathBuf, Report), Error> {
    let folder = run.writer.folder.clone();
    let corpus = &prepared.data.corpus;
    write_predictions(&folder, "predictions.csv", corpus, &found.model.val, &found.test)?;
    let path = folder.path.join(MODEL_FILE);
    model::save_model(&path, &model.info, &found.model.weights, &found.model.head, model.gate.as_ref())
        .map_err(Error::Checkpoint)?;
    let mut mistakes = mistakes::most_confident(corpus, &Scored::pooled(&found.test));
    if prepared.config.evaluation.explain {
        explain::explain(&prepared, &run, &found, &mut mistakes)?;
    }
    let mistakes: Vec<Mistake> = mistakes.into_iter().map(|(_, mistake)| mistake).collect();
    mistakes::write_media(&folder, corpus, &found.model.encoding.config.features, &mistakes)?;
    let robustness = match prepared.config.evaluation.robustness {
        true => robustness::measure(&prepared, &run, &found, &model)?,
        false => Vec::new(),
    };
    let (started, watch, records) = (prepared.started, prepared.watch, found.records.clone());
    let report = report_of(prepared, &run, found, model, mistakes, robustness)?;
    page::write(&report, &folder.path)?;
    run.writer.finish(&records)?;
    folder.log("finished", started.elapsed().as_secs_f64())?;
    watch.tell(&run_files::ended(&folder.path, &report));
    Ok((folder.path, report))
}

fn report_of(
    prepared: Prepared,
    run: &OpenRun,
    found: Found,
    model: ChosenModel,
    mistakes: Vec<Mistake>,
    robustness: Vec<ConditionSummary>,
) -> Result<Report, Error> {
    let warnings = warnings(&prepared);
    let Prepared { config, data, leaks, engine, .. } = prepared;
    let counts = data.plan.counts(&data.corpus);
    let [seed_of_val, seed_of_test] = ["val", "test"].map(|name| seed::derive(config.seed, &["evaluation", name]));
    let evaluate = |seed: u64, scored: &Scored| {
        let predictions = scored.predictions(&data.corpus, data.groups())?;
        Evaluation::new(&predictions, &data.corpus.labels, &counts[0], seed)
    };
    let tested = Scored::pooled(&found.test);
    let recorders = data.recorders.recorders(&data.corpus);
    Ok(Report {
        format_version: REPORT_VERSION,
        run: run.writer.folder.name.clone(),
        seed: config.seed,
        device: engine,
        warnings,
        validation: evaluate(seed_of_val, &found.model.val)?,
        test: evaluate(seed_of_test, &tested)?,
        baseline: baseline_summary(&found.baselines, &tested, &data, seed_of_test)?,
        subgroups: subgroups::score(&data.corpus, &recorders, data.groups(), &tested, &counts[0], seed_of_test)?,
        folds: found.folds,
        failed: found.records.iter().filter_map(failed_trial).collect(),
        calibration: CalibrationSummary { fitted: found.model.calibration, test: found.calibration },
        mistakes,
        gate: model.gate_summary,
        events: None,
        robustness,
        config: run.resolved.clone(),
        environment: run.environment.clone(),
        data: DataSummary {
            root: data.corpus.root.display().to_string(),
            synthetic: data.synthetic,
            licence: config.data.licence.clone(),
            fingerprint: data.corpus.fingerprint(),
            split: data.plan.rule.clone(),
            labels: data.corpus.labels.clone(),
            n_groups: n_groups(data.groups()),
            recorders: data.known_recorders(),
            repeats: data.plan.repeats(),
            counts,
            passed_over: data.corpus.passed_over.summary(),
            unused_classes: data.unused_classes,
            unreadable: data.unreadable,
            dropped: data.dropped,
            leaks,
        },
        backbone: found.model.encoding.backbone.summary.clone(),
        leaderboard: found.model.leaderboard,
        best_epochs: found.model.epochs,
    })
}

/// The baselines of all searches, scored together as the trials are, whose answers are `of_trials`, with the same resamples.
fn baseline_summary(
    baselines: &[Baseline],
    of_trials: &Scored,
    data: &PreparedCorpus,
    seed: u64,
) -> Result<Option<BaselineSummary>, metrics::Error> {
    if baselines.is_empty() {
        return Ok(None);
    }
    let tested = baselines.iter().map(|baseline| &baseline.test);
    let predictions = |scored: &Scored| scored.predictions(&data.corpus, data.groups());
    let of_baseline = predictions(&Scored::joined(tested))?;
    let of_trials = predictions(of_trials)?;
    Ok(Some(BaselineSummary {
        path: baseline::path(),
        chosen: baselines.iter().map(|baseline| baseline.c).collect(),
        test: Scores::estimated(&of_baseline, seed),
        trials: PairedComparison::new(&of_trials, &of_baseline, seed)?,
    }))
}

fn failed_trial(record: &Record) -> Option<FailedTrial> {
    match record {
        Record::Trial { search, trial, outcome: Outcome::Failed(error) } => {
            Some(FailedTrial { search: search.clone(), id: trial.id(), error: error.clone() })
        }
        _ => None,
    }
}

/// What a reader must know before any score.
fn warnings(prepared: &Prepared) -> Vec<String> {
    let mut warnings = Vec::new();
    if prepared.leaks.any() {
        let Leaks { held_out, copies, families, recorders, pretraining } = &prepared.leaks;
        let pretraining = match pretraining {
            0 => String::new(),
            n => format!("; the backbone was pretrained on {n} of them or their recorder"),
        };
        warnings.push(format!(
            "The split is leaky, so every score is too high: of {}, training has {copies} \
             as the same bytes, {families} as the same sound, {recorders} from the same recorder{pretraining}.",
            count(*held_out, "validation and test recording")
        ));
    }
    warnings.extend(prepared.data.warnings());
    if prepared.data.synthetic {
        warnings.push("The recordings are synthetic: these scores say nothing about real babies.".into());
    }
    warnings.extend(prepared.base().backbone.warning.clone());
    warnings
}
