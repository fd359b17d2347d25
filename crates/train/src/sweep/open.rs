//! Second step of the sweep: the run's folder and journal.

use std::path::{Path, PathBuf};

use durable::sha256_hex;
use experiment::journal::{Journal, JournalState, Outcome, Outcomes, Record};
use experiment::{Environment, PretrainingData, Report, RunFolder};
use serde_json::{Value, json};

use super::prepare::Prepared;
use crate::Error;
use crate::config::{Config, Settings, SweepConfig, TrainConfig};
use crate::terminal::stderr;

/// What was found in the run's folder.
pub(super) enum Opened {
    /// The run is finished; nothing is left to do.
    Finished { path: PathBuf, report: Box<Report> },
    /// The run is new or was interrupted.
    Unfinished(Box<OpenRun>),
}

/// A run's folder, locked by this process.
pub(super) struct OpenRun {
    pub folder: RunFolder,
    pub journal: Journal,
    /// The record that this process began with.
    pub begin: Record,
    /// Outcomes of earlier processes that still count.
    pub done: Outcomes,
    /// The resolved configuration, TOML.
    pub resolved: String,
    /// SHA-256 of the resolved configuration, in hexadecimal.
    pub config_hash: String,
    pub environment: Environment,
    pub provenance: Value,
}

/// Opens the folder of the run below `out` and writes the files that do not depend on the search.
pub(super) fn open(prepared: &Prepared, out: &Path, retry_failed: bool) -> Result<Opened, Error> {
    let config = prepared.config;
    let resolved = config.to_toml()?;
    let config_hash = sha256_hex(resolved.as_bytes());
    let folder = RunFolder::create(out, &config.name, &identity(prepared)?.each_ref().map(String::as_str))?;
    let (journal, records) = Journal::open(&folder.path)?;
    folder.remove_leftovers()?;
    let before = JournalState::replay(records.iter().cloned());
    let is_failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
    let retries = retry_failed && before.trials.values().any(is_failed);
    if before.finished.as_ref() == Some(&config_hash) && !retries {
        stderr::line(format_args!("finished   {}: nothing is left to do", folder.path.display()));
        journal.finish(&records)?;
        let report = Box::new(Report::read(&folder.path)?);
        return Ok(Opened::Finished { path: folder.path, report });
    }
    let begin = Record::Begin { epochs: config.train.epochs };
    journal.append(&begin)?;
    let mut done = JournalState::replay(records.into_iter().chain([begin.clone()])).trials;
    done.retain(|_, outcome| !(retry_failed && is_failed(outcome)));
    let environment = Environment::current();
    let provenance = provenance(prepared, &environment);
    let run = OpenRun { folder, journal, begin, done, resolved, config_hash, environment, provenance };
    run.describe(prepared)?;
    Ok(Opened::Unfinished(Box::new(run)))
}

/// Everything that decides the results. The grid and the epoch count are left out, so that a larger search resumes the smaller
/// one.
fn identity(prepared: &Prepared) -> Result<[String; 4], Error> {
    let config = prepared.config;
    let TrainConfig { epochs, .. } = TrainConfig::default();
    let train = TrainConfig { epochs, ..config.train.clone() };
    let without_search = Config { sweep: SweepConfig::default(), train, ..config.clone() };
    Ok([
        without_search.to_toml()?,
        prepared.data.corpus.fingerprint(),
        prepared.backbone.summary.fingerprint.clone(),
        prepared.engine.clone(),
    ])
}

fn provenance(prepared: &Prepared, environment: &Environment) -> Value {
    let Prepared { config, compute, data, backbone, .. } = prepared;
    let mut provenance = environment.provenance(config.seed, compute.device_name());
    provenance["engine"] = json!(compute.engine_name());
    provenance["data"] = json!({
        "root": data.corpus.root.display().to_string(),
        "synthetic": data.synthetic,
        "fingerprint": data.corpus.fingerprint(),
        "recordings": data.corpus.recordings.len(),
        "split": data.plan.rule,
    });
    provenance["backbone"] = json!(backbone.summary);
    if backbone.pretraining != PretrainingData::default() {
        provenance["backbone"]["heard"] = json!(backbone.pretraining);
    }
    provenance
}

impl OpenRun {
    /// Writes the files that do not depend on the search, and prints the description of the run.
    fn describe(&self, prepared: &Prepared) -> Result<(), Error> {
        let Prepared { data, backbone, engine, started, .. } = prepared;
        self.folder.write("config.toml", self.resolved.as_bytes())?;
        self.folder.write("manifest.csv", data.corpus.manifest_csv().as_bytes())?;
        self.folder.write("provenance.json", format!("{:#}\n", self.provenance).as_bytes())?;
        self.folder.log("prepared", started.elapsed().as_secs_f64())?;
        stderr::line(format_args!(
            "run        {}\ndata       {} ({} recordings)\nsplit      {}\nbackbone   {}: {}\nengine     {engine}",
            self.folder.path.display(),
            data.corpus.root.display(),
            data.corpus.recordings.len(),
            data.plan.rule,
            backbone.summary.arch,
            backbone.summary.used
        ));
        Ok(())
    }
}
