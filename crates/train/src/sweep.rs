//! The main job: recordings in; trained heads, their leaderboard, one test score and a usable model out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use dataset::audit::{RecorderRule, Relations};
use dataset::{Corpus, ImageStore, hex};
use metrics::{CalibrationCheck, Evaluation};
use model::{Compute, ModelInfo, Trainable};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::backbone::{self, Resolved};
use crate::config::{Config, DataConfig, Settings, SweepConfig, TrainConfig};
use crate::data::Data;
use crate::gate::{self, TrainedGate};
use crate::journal::{Journal, Outcome, Record, Standing};
use crate::plan::{Leaks, Plan};
use crate::pretrain::sounds::Heard;
use crate::progress::{Progress, warn};
use crate::report::{
    CalibrationSummary, DataSummary, Environment, FailedTrial, FoldSummary, REPORT_VERSION, Report, mistakes,
};
use crate::results::write_predictions;
use crate::run_folder::{MODEL_FILE, RunFolder};
use crate::search::{Found, Scored, Search};
use crate::{Error, remedies, seed};

/// Runs the sweep of `config` with `compute` and writes its folder below `out`. What a run in this folder finished before is
/// not done again; `retry_failed` does again what failed.
///
/// # Errors
/// The [`Error`] of the step that failed, [`Error::Interrupted`] on a signal. What was written stays, and the next run goes on
/// from there.
pub fn run(config: &Config, compute: &Compute, out: &Path, retry_failed: bool) -> Result<(PathBuf, Report), Error> {
    let started = Instant::now();
    let Data { corpus, synthetic } = Data::find(&config.data, config.strict)?;
    let store = ImageStore::new(&config.data.cache, &config.features)?;
    let (mut usable, unreadable) = check_readable(&corpus, &store, config.data.skip_unreadable)?;
    let DataConfig { recorder_pattern, recorder_csv, .. } = &config.data;
    let rule = RecorderRule::new(recorder_pattern.as_deref(), recorder_csv.as_deref(), &corpus)?;
    let relations = Relations::find(&corpus, &rule)?;
    let groups = &relations.groups;
    let dropped = remedies::drop(&config.data, &corpus, &relations, &mut usable);
    let plan = Plan::new(&config.data.split, config.seed, &corpus, groups, &usable)?;
    let Resolved { weights, summary: backbone_summary, heard, warning } =
        backbone::resolve(&config.backbone, config.strict, config.seed)?;
    let recorder = |index: usize| rule.recorder(&corpus.recordings[index]);
    let leaks = Leaks::of(&plan, &corpus, &relations, recorder, &heard);

    let engine_text = format!("{} on {}", compute.engine_name(), compute.device_name());
    let resolved = config.to_toml()?;
    let fingerprint = corpus.fingerprint();
    // Without the grid and the epochs: a longer search meets what it had.
    let TrainConfig { epochs, .. } = TrainConfig::default();
    let train = TrainConfig { epochs, ..config.train.clone() };
    let of_any_length = Config { sweep: SweepConfig::default(), train, ..config.clone() }.to_toml()?;
    let inputs = [&of_any_length, &fingerprint, &backbone_summary.fingerprint, &engine_text];
    let run = RunFolder::create(out, &config.name, &inputs.map(String::as_str))?;
    let (journal, records) = Journal::open(&run.path)?;
    run.remove_leftovers()?;
    let hash = hex(&Sha256::digest(&resolved));
    let before = Standing::after(records.iter().cloned());
    let failed_before = before.trials.values().any(|outcome| matches!(outcome, Outcome::Failed(_)));
    if before.finished.as_ref() == Some(&hash) && !(retry_failed && failed_before) {
        eprintln!("finished   {}: nothing is left to do", run.path.display());
        journal.finish(&records)?;
        let report = Report::read(&run.path)?;
        return Ok((run.path, report));
    }
    let begin = Record::Begin { epochs: config.train.epochs };
    journal.append(&begin)?;
    let mut done = Standing::after(records.into_iter().chain([begin.clone()])).trials;
    done.retain(|_, outcome| !(retry_failed && matches!(outcome, Outcome::Failed(_))));
    run.write("config.toml", resolved.as_bytes())?;
    run.write("manifest.csv", corpus.manifest_csv().as_bytes())?;
    let environment = Environment::here();
    let mut provenance = environment.provenance(config.seed, compute.device_name());
    provenance["engine"] = json!(compute.engine_name());
    provenance["data"] = json!({
        "root": corpus.root.display().to_string(),
        "synthetic": synthetic,
        "fingerprint": fingerprint,
        "recordings": corpus.recordings.len(),
        "split": plan.rule,
    });
    provenance["backbone"] = json!(backbone_summary);
    if heard != Heard::default() {
        provenance["backbone"]["heard"] = json!(heard);
    }
    run.write("provenance.json", format!("{provenance:#}\n").as_bytes())?;
    run.log("prepared", started.elapsed().as_secs_f64())?;
    eprintln!(
        "run        {}\ndata       {} ({} recordings)\nsplit      {}\nbackbone   {}: {}\nengine     {engine_text}",
        run.path.display(),
        corpus.root.display(),
        corpus.recordings.len(),
        plan.rule,
        backbone_summary.arch,
        backbone_summary.used
    );

    let engine = |trainable: Trainable| {
        let engine = compute.engine_before(trainable, &weights, &config.features.inputs());
        engine.map_err(|e| Error::Failed(e.to_string()))
    };
    let frozen = engine(config.backbone.train)?;
    // Only whitening wants the whole backbone where a part of it is trained.
    let whole = (config.backbone.train != Trainable::None && config.train.whiten).then(|| engine(Trainable::None));
    let whole = whole.transpose()?;
    let search = Search {
        config,
        device: compute.device(),
        corpus: &corpus,
        groups,
        journal: &journal,
        done: &done,
        leaky: leaks.any(),
        images: &store,
        weights: &weights,
        weights_key: &format!("{engine_text} {}", backbone_summary.fingerprint),
        frozen: frozen.as_ref(),
        whole: whole.as_ref().unwrap_or(&frozen).as_ref(),
    };
    let check = |found: &Found| -> Result<(usize, CalibrationCheck), Error> {
        Ok((found.test.recordings.len(), found.calibration.check(&found.test.predictions(&corpus, groups)?)))
    };
    let mut test = Scored::default();
    let mut checks: Vec<(usize, CalibrationCheck)> = Vec::new();
    let (mut folds, mut records) = (Vec::new(), Vec::new());
    for fold in &plan.folds {
        let step = Instant::now();
        eprintln!("fold       {} of {}: {}", folds.len() + 1, plan.folds.len(), fold.name);
        let seed = seed::derive(config.seed, &["fold", &fold.name]);
        let found = search.run(&fold.places, &run, &format!("folds/{}", fold.name), seed)?;
        checks.push(check(&found)?);
        folds.push(FoldSummary {
            name: fold.name.clone(),
            trial: found.leaderboard[0].id.clone(),
            val_macro_f1: found.leaderboard[0].val_macro_f1,
            n_test: found.test.recordings.len(),
        });
        test.extend(found.test);
        records.extend(found.records);
        run.log(&format!("fold {}", fold.name), step.elapsed().as_secs_f64())?;
    }
    let step = Instant::now();
    let found = search.run(&plan.model, &run, "", config.seed)?;
    if plan.folds.is_empty() {
        checks.push(check(&found)?);
        test = found.test;
    }
    records.extend(found.records);
    run.log("searched", step.elapsed().as_secs_f64())?;
    write_predictions(&run, "predictions.csv", &corpus, &[("val", &found.val), ("test", &test)])?;

    let step = Instant::now();
    let gate =
        config.gate.enabled.then(|| gate::train(&search, compute, &found.weights, &heard, &plan.model)).transpose()?;
    run.log("gate", step.elapsed().as_secs_f64())?;

    let best = &found.leaderboard[0];
    let info = ModelInfo {
        arch: weights.arch(),
        labels: corpus.labels.clone(),
        head: best.config.head.clone(),
        gate: gate.as_ref().map(|gate| gate.info.clone()),
        features: json!(config.features),
        calibration: json!(found.calibration),
        backbone_source: backbone_summary.used.clone(),
        provenance,
    };
    let (gate, gate_summary) = match gate {
        Some(TrainedGate { gate, summary, .. }) => (Some(gate), Some(summary)),
        None => (None, None),
    };
    model::save_model(&run.path.join(MODEL_FILE), &info, &found.weights, &found.head, gate.as_ref())
        .map_err(|e| Error::Failed(e.to_string()))?;

    let mistakes = mistakes::most_confident(&corpus, &test);
    mistakes::write_media(&run, &corpus.root, &config.features, &mistakes)?;
    let counts = plan.counts(&corpus);
    let evaluate = |name: &str, scored: &Scored| {
        let seed = seed::derive(config.seed, &["evaluation", name]);
        Evaluation::new(&scored.predictions(&corpus, groups)?, &corpus.labels, &counts[0], seed)
    };
    let report = Report {
        format_version: REPORT_VERSION,
        run: run.name.clone(),
        seed: config.seed,
        device: engine_text,
        warnings: warnings(synthetic, warning, &leaks),
        validation: evaluate("val", &found.val)?,
        test: evaluate("test", &test)?,
        folds,
        failed: records.iter().filter_map(failed_trial).collect(),
        calibration: CalibrationSummary {
            fitted: found.calibration,
            test: CalibrationCheck::mean(&checks).ok_or_else(|| Error::Data("no recording was tested".into()))?,
        },
        mistakes,
        gate: gate_summary,
        config: resolved,
        environment,
        data: DataSummary {
            root: corpus.root.display().to_string(),
            synthetic,
            licence: config.data.licence.clone(),
            fingerprint,
            split: plan.rule.clone(),
            labels: corpus.labels.clone(),
            n_groups: groups.iter().max().map_or(0, |largest| largest + 1),
            counts,
            unreadable,
            dropped,
            leaks,
        },
        backbone: backbone_summary,
        leaderboard: found.leaderboard,
        best_epochs: found.epochs,
    };
    report.write(&run.path)?;
    // What trials of other grids left, then the word that all of this one is written.
    let names: BTreeSet<(String, String)> = records.iter().filter_map(trial_name).collect();
    let others = done.into_iter().filter(|(name, _)| !names.contains(name));
    records.extend(others.map(|((search, id), outcome)| Record::Trial { search, id, outcome }));
    records.insert(0, begin);
    records.push(Record::Run { config: hash });
    journal.finish(&records)?;
    run.log("finished", started.elapsed().as_secs_f64())?;
    Ok((run.path, report))
}

fn trial_name(record: &Record) -> Option<(String, String)> {
    match record {
        Record::Trial { search, id, .. } => Some((search.clone(), id.clone())),
        Record::Begin { .. } | Record::Run { .. } => None,
    }
}

fn failed_trial(record: &Record) -> Option<FailedTrial> {
    match record {
        Record::Trial { search, id, outcome: Outcome::Failed(error) } => {
            Some(FailedTrial { search: search.clone(), id: id.clone(), error: error.clone() })
        }
        _ => None,
    }
}

/// Fills the image cache; gives for each recording whether it can be used, and the paths of those that cannot be read.
/// They end the run there unless the configuration lets it go on.
fn check_readable(corpus: &Corpus, store: &ImageStore, skip: bool) -> Result<(Vec<bool>, Vec<String>), Error> {
    let progress = Progress::new("reading", "recordings");
    let checked = store.prepare(corpus, &|done, total| progress.set(done, total))?;
    for (path, warning) in &checked.warnings {
        progress.line(&format!("{path}: {warning}"));
    }
    let mut usable = vec![true; corpus.recordings.len()];
    if checked.unreadable.is_empty() {
        return Ok((usable, Vec::new()));
    }
    let width = checked.unreadable.iter().map(|u| u.path.len()).max().unwrap_or(0);
    let table: Vec<String> = checked.unreadable.iter().map(|u| format!("  {:<width$}  {}", u.path, u.reason)).collect();
    let text = format!("{} recordings cannot be read:\n{}", table.len(), table.join("\n"));
    if !skip {
        return Err(Error::Data(format!(
            "{text}\n  Mend or remove them, or go on without them: --set data.skip_unreadable=true"
        )));
    }
    warn(&text);
    for unreadable in &checked.unreadable {
        usable[unreadable.index] = false;
    }
    Ok((usable, checked.unreadable.into_iter().map(|u| u.path).collect()))
}

fn warnings(synthetic: bool, backbone: Option<String>, leaks: &Leaks) -> Vec<String> {
    let mut warnings = Vec::new();
    if leaks.any() {
        let Leaks { held_out, copies, families, recorders, pretraining } = leaks;
        let pretraining = match pretraining {
            0 => String::new(),
            n => format!("; the backbone's pretraining heard {n} of them or their recorder"),
        };
        warnings.push(format!(
            "The split is leaky, and every score with it: of {held_out} validation and test recordings training knows \
             {copies} by their bytes, {families} by their sound or name, {recorders} by their recorder{pretraining}."
        ));
    }
    if synthetic {
        warnings.push("The recordings are synthetic: these scores say nothing about real babies.".into());
    }
    warnings.extend(backbone);
    warnings
}
