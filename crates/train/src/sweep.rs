//! The main job: recordings in; trained heads, their leaderboard, one test score and a usable model out.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use dataset::{Corpus, FloatCache, ImageStore};
use metrics::{Evaluation, Predictions, group_ids};
use model::{Compute, HeadConfig, ModelInfo};
use rayon::prelude::*;
use serde_json::json;

use crate::backbone;
use crate::config::Config;
use crate::data::Data;
use crate::embeddings::{Pass, Rows, shared_with_training};
use crate::progress::{Progress, warn};
use crate::report::{
    BackboneSummary, CalibrationSummary, DataSummary, Environment, REPORT_VERSION, Report, TrialSummary, mistakes,
};
use crate::results::{Trial, write_leaderboard, write_predictions};
use crate::run_folder::{MODEL_FILE, RunFolder};
use crate::trial::{self, TrialConfig, train_head};
use crate::whitening::Whitening;
use crate::{Error, seed};

/// Runs the sweep of `config` with `compute` and writes its folder below `out`.
///
/// # Errors
/// The [`Error`] of the step that failed. What was written stays.
pub fn run(config: &Config, compute: &Compute, out: &Path) -> Result<(PathBuf, Report), Error> {
    let started = Instant::now();
    let device = compute.device();
    let mut data = Data::find(config)?;
    let store = ImageStore::new(&config.data.cache, &config.features)?;
    let unreadable = check_readable(&mut data, &store, config.data.skip_unreadable)?;
    let counts = data.counts()?;
    let (weights, backbone_summary) = backbone::resolve(&config.backbone, config.strict, config.seed)?;

    let engine_text = format!("{} on {}", compute.engine_name(), compute.device_name());
    let resolved = config.to_toml()?;
    let data_fingerprint = data.corpus.fingerprint();
    let run = RunFolder::create(
        out,
        &config.name,
        &[&resolved, &data_fingerprint, &backbone_summary.fingerprint, &engine_text],
    )?;
    run.write("config.toml", resolved.as_bytes())?;
    run.write("manifest.csv", data.corpus.manifest_csv().as_bytes())?;
    let provenance = provenance(config, compute, &data, &backbone_summary);
    run.write("provenance.json", format!("{provenance:#}\n").as_bytes())?;
    run.log("prepared", started.elapsed().as_secs_f64())?;
    eprintln!(
        "run        {}\ndata       {} ({} recordings)\nbackbone   {}: {}\nengine     {engine_text}",
        run.path.display(),
        data.corpus.root.display(),
        data.corpus.recordings.len(),
        backbone_summary.arch,
        backbone_summary.used
    );

    let step = Instant::now();
    let engine = compute.engine(&weights, config.features.image_size).map_err(|e| Error::Failed(e.to_string()))?;
    let cache = FloatCache::new(&config.data.cache.join("embeddings"));
    let pass = Pass {
        corpus: &data.corpus,
        images: &store,
        backbone: engine.as_ref(),
        backbone_key: &format!("{engine_text} {}", backbone_summary.fingerprint),
        cache: &cache,
        seed: config.seed,
        augmented_views: config.train.augmented_views,
    };
    let embeddings = pass.run(&data.split)?;
    run.log("embedded", step.elapsed().as_secs_f64())?;

    let step = Instant::now();
    let whitening = Whitening::fit(&embeddings, config.train.whiten, device);
    let inputs = whitening.apply(&embeddings)?;
    let trials = grid(config);
    let progress = Progress::new("training", "trials");
    let done = AtomicUsize::new(0);
    // Each trial draws from generators of its own, so that the order in which they finish changes nothing.
    let finished: Vec<Trial> = trials
        .par_iter()
        .map(|trial| {
            let trained = train_head(&inputs, trial, &config.train, config.seed, device)?;
            let head = whitening.absorbed_by(&trained.head);
            let val = trial::score(&head, &embeddings.val.rows, &embeddings, device)?;
            let trial = Trial { config: trial.clone(), epochs: trained.epochs, best: trained.best, head, val };
            trial.write(&run, &data.corpus, &embeddings)?;
            let chosen = trial.chosen();
            progress.line(&format!(
                "{:<32} epoch {:>3}  val macro-F1 {:.4}  loss {:.4}",
                trial.config.id(),
                chosen.epoch,
                chosen.val_macro_f1,
                chosen.val_loss
            ));
            progress.set(done.fetch_add(1, Ordering::Relaxed) + 1, trials.len());
            Ok(trial)
        })
        .collect::<Result<_, Error>>()?;
    let mut ranked: Vec<&Trial> = finished.iter().collect();
    ranked.sort_by(|a, b| a.rank(b));
    let leaderboard: Vec<TrialSummary> = ranked.iter().map(|trial| trial.summary()).collect();
    write_leaderboard(&run, &leaderboard)?;
    run.log("trained", step.elapsed().as_secs_f64())?;

    let best = ranked.first().ok_or_else(|| Error::Failed("the grid has no trial".into()))?;
    let test = trial::score(&best.head, &embeddings.test.rows, &embeddings, device)?;
    let parts = [("val", &embeddings.val, best.val.as_slice()), ("test", &embeddings.test, &test)];
    write_predictions(&run, &data.corpus, &best.config.id(), &parts)?;
    let info = ModelInfo {
        arch: config.backbone.arch,
        labels: data.corpus.labels.clone(),
        head: best.config.head.clone(),
        features: json!(config.features),
        backbone_source: backbone_summary.used.clone(),
        provenance,
    };
    let model_path = run.path.join(MODEL_FILE);
    model::save_model(&model_path, &info, &weights, &best.head).map_err(|e| Error::Failed(e.to_string()))?;

    let mistakes = mistakes::most_confident(&data.corpus, &embeddings.test, &test);
    mistakes::write_media(&run, &data.corpus.root, &config.features, &mistakes)?;
    let validation = predictions(&data.corpus, &embeddings.val, &best.val)?;
    let test = predictions(&data.corpus, &embeddings.test, &test)?;
    let evaluate = |name: &str, predictions: &Predictions| {
        let seed = seed::derive(config.seed, &["evaluation", name]);
        Evaluation::new(predictions, &data.corpus.labels, &counts[0], seed)
    };
    let report = Report {
        format_version: REPORT_VERSION,
        run: run.name.clone(),
        seed: config.seed,
        device: engine_text,
        warnings: warnings(&data, &backbone_summary),
        validation: evaluate("val", &validation)?,
        test: evaluate("test", &test)?,
        calibration: CalibrationSummary::new(&validation, &test),
        mistakes,
        config: resolved,
        environment: Environment::here(),
        data: DataSummary {
            root: data.corpus.root.display().to_string(),
            synthetic: data.synthetic,
            licence: config.data.licence.clone(),
            fingerprint: data_fingerprint,
            split: data.split_rule.clone(),
            labels: data.corpus.labels.clone(),
            counts,
            unreadable,
            copies_of_training: shared_with_training(&data.corpus, &data.split, |r| Some(&r.sha256)),
            recorder_in_training: shared_with_training(&data.corpus, &data.split, |r| r.recorder()),
        },
        backbone: backbone_summary,
        leaderboard,
        best_epochs: best.epochs.clone(),
    };
    report.write(&run.path)?;
    run.log("finished", started.elapsed().as_secs_f64())?;
    Ok((run.path, report))
}

/// Every combination of the grid, in the order of the configuration's lists.
pub fn grid(config: &Config) -> Vec<TrialConfig> {
    let sweep = &config.sweep;
    let mut trials = Vec::new();
    for learning_rate in &sweep.learning_rate {
        for inner in &sweep.inner {
            for dropout in &sweep.dropout {
                let head = HeadConfig { inner: *inner, dropout: *dropout };
                trials.push(TrialConfig { learning_rate: *learning_rate, head });
            }
        }
    }
    trials
}

/// Fills the image cache and lists what cannot be read; ends the run there unless the configuration lets it go on.
fn check_readable(data: &mut Data, store: &ImageStore, skip: bool) -> Result<Vec<String>, Error> {
    let progress = Progress::new("reading", "recordings");
    let checked = store.prepare(&data.corpus, &|done, total| progress.set(done, total))?;
    for (path, warning) in &checked.warnings {
        progress.line(&format!("{path}: {warning}"));
    }
    if checked.unreadable.is_empty() {
        return Ok(Vec::new());
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
        data.split[unreadable.index] = None;
    }
    Ok(checked.unreadable.into_iter().map(|u| u.path).collect())
}

fn warnings(data: &Data, backbone: &BackboneSummary) -> Vec<String> {
    let mut warnings = Vec::new();
    if data.synthetic {
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

fn provenance(config: &Config, compute: &Compute, data: &Data, backbone: &BackboneSummary) -> serde_json::Value {
    json!({
        "format_version": 1,
        "wail": env!("CARGO_PKG_VERSION"),
        "features_version": features::FEATURES_VERSION,
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        "seed": config.seed,
        "device": compute.device_name(),
        "engine": compute.engine_name(),
        "data": {
            "root": data.corpus.root.display().to_string(),
            "synthetic": data.synthetic,
            "fingerprint": data.corpus.fingerprint(),
            "recordings": data.corpus.recordings.len(),
            "split": data.split_rule,
        },
        "backbone": backbone,
    })
}

/// What a classifier said of recordings; those of one recorder are one group.
fn predictions(corpus: &Corpus, rows: &Rows, probabilities: &[Vec<f32>]) -> Result<Predictions, metrics::Error> {
    let groups = group_ids(rows.recordings.iter().map(|recording| corpus.recordings[*recording].recorder()));
    Predictions::new(corpus.labels.len(), &rows.labels, probabilities, &groups)
}
