//! The main job: recordings in; trained heads, their leaderboard, one test score and a usable model out.

use std::path::{Path, PathBuf};
use std::time::Instant;

use dataset::audit::{RecorderRule, Relations};
use dataset::{Corpus, ImageStore};
use metrics::{CalibrationCheck, Evaluation};
use model::{Compute, ModelInfo};
use serde_json::json;

use crate::backbone;
use crate::config::Config;
use crate::data::Data;
use crate::plan::{Leaks, Plan};
use crate::progress::{Progress, warn};
use crate::report::{
    BackboneSummary, CalibrationSummary, DataSummary, Environment, FoldSummary, REPORT_VERSION, Report, mistakes,
};
use crate::results::write_predictions;
use crate::run_folder::{MODEL_FILE, RunFolder};
use crate::search::{Scored, Search};
use crate::{Error, remedies, seed};

/// Runs the sweep of `config` with `compute` and writes its folder below `out`.
///
/// # Errors
/// The [`Error`] of the step that failed. What was written stays.
pub fn run(config: &Config, compute: &Compute, out: &Path) -> Result<(PathBuf, Report), Error> {
    let started = Instant::now();
    let Data { corpus, synthetic } = Data::find(config)?;
    let store = ImageStore::new(&config.data.cache, &config.features)?;
    let (mut usable, unreadable) = check_readable(&corpus, &store, config.data.skip_unreadable)?;
    let rule = match (&config.data.recorder_pattern, &config.data.recorder_csv) {
        (Some(pattern), _) => RecorderRule::pattern(pattern)?,
        (None, Some(file)) => RecorderRule::csv(file, &corpus)?,
        (None, None) => RecorderRule::FileName,
    };
    let relations = Relations::find(&corpus, &rule)?;
    let groups = &relations.groups;
    let dropped = remedies::drop(&config.data, &corpus, &relations, &mut usable);
    let plan = Plan::new(config, &corpus, groups, &usable)?;
    let leaks = Leaks::of(&plan, &relations, |index| rule.recorder(&corpus.recordings[index]));
    let (weights, backbone_summary) = backbone::resolve(&config.backbone, config.strict, config.seed)?;

    let engine_text = format!("{} on {}", compute.engine_name(), compute.device_name());
    let resolved = config.to_toml()?;
    let fingerprint = corpus.fingerprint();
    let run =
        RunFolder::create(out, &config.name, &[&resolved, &fingerprint, &backbone_summary.fingerprint, &engine_text])?;
    run.write("config.toml", resolved.as_bytes())?;
    run.write("manifest.csv", corpus.manifest_csv().as_bytes())?;
    let provenance = json!({
        "format_version": 1,
        "wail": env!("CARGO_PKG_VERSION"),
        "features_version": features::FEATURES_VERSION,
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        "seed": config.seed,
        "device": compute.device_name(),
        "engine": compute.engine_name(),
        "data": {
            "root": corpus.root.display().to_string(),
            "synthetic": synthetic,
            "fingerprint": fingerprint,
            "recordings": corpus.recordings.len(),
            "split": plan.rule,
        },
        "backbone": backbone_summary,
    });
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

    let search = Search {
        config,
        compute,
        corpus: &corpus,
        groups,
        leaky: leaks.any(),
        images: &store,
        weights: &weights,
        weights_key: &format!("{engine_text} {}", backbone_summary.fingerprint),
    };
    let mut test = Scored::default();
    let mut checks: Vec<(usize, CalibrationCheck)> = Vec::new();
    let mut folds = Vec::new();
    for fold in &plan.folds {
        let step = Instant::now();
        eprintln!("fold       {} of {}: {}", folds.len() + 1, plan.folds.len(), fold.name);
        let folder = run.inside(&format!("folds/{}", fold.name));
        let found = search.run(&fold.places, &folder, seed::derive(config.seed, &["fold", &fold.name]))?;
        checks.push((found.test.recordings.len(), found.calibration.check(&found.test.predictions(&corpus, groups)?)));
        folds.push(FoldSummary {
            name: fold.name.clone(),
            trial: found.leaderboard[0].id.clone(),
            val_macro_f1: found.leaderboard[0].val_macro_f1,
            n_test: found.test.recordings.len(),
        });
        test.extend(found.test);
        run.log(&format!("fold {}", fold.name), step.elapsed().as_secs_f64())?;
    }
    let step = Instant::now();
    let found = search.run(&plan.model, &run, config.seed)?;
    if plan.folds.is_empty() {
        checks.push((found.test.recordings.len(), found.calibration.check(&found.test.predictions(&corpus, groups)?)));
        test = found.test;
    }
    run.log("searched", step.elapsed().as_secs_f64())?;
    write_predictions(&run, "predictions.csv", &corpus, &[("val", &found.val), ("test", &test)])?;

    let best = &found.leaderboard[0];
    let info = ModelInfo {
        arch: config.backbone.arch,
        labels: corpus.labels.clone(),
        head: best.config.head.clone(),
        features: json!(config.features),
        calibration: json!(found.calibration),
        backbone_source: backbone_summary.used.clone(),
        provenance,
    };
    let failed = |e: model::Error| Error::Failed(e.to_string());
    model::save_model(&run.path.join(MODEL_FILE), &info, &found.weights, &found.head).map_err(failed)?;

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
        warnings: warnings(synthetic, &backbone_summary, &leaks),
        validation: evaluate("val", &found.val)?,
        test: evaluate("test", &test)?,
        folds,
        calibration: CalibrationSummary {
            fitted: found.calibration,
            test: CalibrationCheck::mean(&checks).ok_or_else(|| Error::Data("no recording was tested".into()))?,
        },
        mistakes,
        config: resolved,
        environment: Environment::here(),
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
    run.log("finished", started.elapsed().as_secs_f64())?;
    Ok((run.path, report))
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

fn warnings(synthetic: bool, backbone: &BackboneSummary, leaks: &Leaks) -> Vec<String> {
    let mut warnings = Vec::new();
    if leaks.any() {
        let Leaks { held_out, copies, families, recorders } = leaks;
        warnings.push(format!(
            "The split is leaky, and every score with it: of {held_out} validation and test recordings training knows \
             {copies} by their bytes, {families} by their sound or name, {recorders} by their recorder."
        ));
    }
    if synthetic {
        warnings.push("The recordings are synthetic: these scores say nothing about real babies.".into());
    }
    if backbone.stand_in {
        warnings.push(format!(
            "The backbone is random, not pretrained: the weights {:?} could not be had.",
            backbone.requested
        ));
    }
    warnings
}
