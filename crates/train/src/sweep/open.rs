//! Third step of the sweep: the run's folder and journal.

use std::collections::BTreeSet;
use std::path::PathBuf;

use experiment::folder::MODEL_FILE;
use experiment::journal::{EndedTrial, EndedTrials, Journal, JournalState, Outcome, Record};
use experiment::tables::write_manifest;
use experiment::{Environment, PretrainingData, Report, RunFolder, TrialConfig};
use serde_json::{Value, json};

use super::inputs::Inputs;
use super::prepare::Prepared;
use super::{grid, search_names};
use crate::config::{Config, Settings};
use crate::terminal::stderr;
use crate::{Error, identity};

/// A run's folder, locked by this process.
pub(super) struct OpenRun {
    pub folder: RunFolder,
    pub journal: Journal,
    /// The record that this process began with.
    pub begin: Record,
    /// Trials that earlier processes ended and that still count.
    pub done: EndedTrials,
    /// The trials of every search: the grid, and those that an earlier grid ended in all of them.
    pub trials: Vec<TrialConfig>,
    /// Folder of the resume points, removed when the run is finished.
    pub resume: PathBuf,
    /// The resolved configuration, TOML.
    pub resolved: String,
    pub environment: Environment,
    pub provenance: Value,
}

/// The report of the run in `folder` if it is finished and holds every trial of the configuration. A report or model that was
/// removed is written again.
pub(super) fn finished(inputs: &Inputs, folder: &RunFolder, retry_failed: bool) -> Result<Option<Report>, Error> {
    let config = inputs.config;
    let state = JournalState::replay(Journal::read(&folder.path, &inputs.identity)?);
    refuse_loss(config, &state, folder)?;
    let wanted = grid::trials(&config.sweep);
    let held = state.ended_in_all(&state.searches());
    let retries = retry_failed && state.trials.values().any(has_failed);
    let is_held =
        state.finished && state.epochs == Some(config.train.epochs) && wanted.iter().all(|t| held.contains(t));
    if !is_held || retries || !folder.path.join(MODEL_FILE).is_file() {
        return Ok(None);
    }
    let Ok(report) = Report::read(&folder.path) else { return Ok(None) };
    let others = match held.len() {
        n if n == wanted.len() => String::new(),
        n => format!("; its report covers all of its {n} trials, not only the {} of this search", wanted.len()),
    };
    stderr::line(format_args!("finished   {}: nothing is left to do{others}", folder.path.display()));
    Ok(Some(report))
}

/// Opens the folder of the run and writes the files that do not depend on the search.
pub(super) fn open(prepared: &Prepared, folder: RunFolder, retry_failed: bool) -> Result<OpenRun, Error> {
    let config = prepared.config;
    let epochs = config.train.epochs;
    folder.create()?;
    let (journal, records) = Journal::open(&folder.path, &prepared.identity)?;
    folder.remove_leftovers()?;
    let before = JournalState::replay(records.iter().cloned());
    refuse_loss(config, &before, &folder)?;
    if let Some(fewer) = before.epochs.filter(|fewer| *fewer < epochs && !before.trials.is_empty()) {
        stderr::line(format_args!("epochs     {epochs} instead of {fewer}: every trial is trained again, for longer"));
    }
    let begin = Record::Begin { epochs };
    journal.append(&begin)?;
    let mut state = JournalState::replay(records.into_iter().chain([begin.clone()]));
    let searches = search_names::all(&prepared.data.plan);
    let earlier = state.ended_in_all(&searches.iter().map(String::as_str).collect());
    let trials = grid::with_earlier(&config.sweep, earlier);
    state.trials.retain(|_, ended| !(retry_failed && has_failed(ended)));
    let environment = Environment::current();
    let run = OpenRun {
        resume: config.data.cache_dir().join("training").join(&folder.name),
        resolved: config.to_toml()?,
        provenance: provenance(prepared, &environment),
        done: state.trials,
        folder,
        journal,
        begin,
        trials,
        environment,
    };
    run.describe(prepared)?;
    Ok(run)
}

fn has_failed(ended: &EndedTrial) -> bool {
    matches!(ended.outcome, Outcome::Failed(_))
}

/// Fails if the search would lose trials that the folder holds: those with more epochs, and, with more epochs than before, those
/// that it does not train again.
fn refuse_loss(config: &Config, state: &JournalState, folder: &RunFolder) -> Result<(), Error> {
    let Some(before) = state.epochs.filter(|before| *before != config.train.epochs) else { return Ok(()) };
    let (epochs, wanted) = (config.train.epochs, grid::trials(&config.sweep));
    if before < epochs && state.trials.values().all(|ended| wanted.contains(&ended.trial)) || state.trials.is_empty() {
        return Ok(());
    }
    let held: BTreeSet<&str> = state.trials.keys().map(|(_, id)| id.as_str()).collect();
    Err(Error::Config(format!(
        "{}: this run holds {} trials with {before} epochs; a search of {} trials with {epochs} epochs would replace them, the \
         report and the model\n  Search those trials, too, with at least {before} epochs, or keep both runs: --set name=NAME or \
         --out DIR",
        folder.path.display(),
        held.len(),
        wanted.len(),
    )))
}

fn provenance(prepared: &Prepared, environment: &Environment) -> Value {
    let Prepared { config, compute, data, backbone, .. } = prepared;
    let mut provenance = environment.provenance(config.seed, compute.device_name());
    identity::describe(&prepared.identity, &mut provenance);
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
        write_manifest(&self.folder, &data.corpus, &data.recorders.recorders(&data.corpus), data.groups())?;
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
