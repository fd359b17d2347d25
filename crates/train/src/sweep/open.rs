//! Third step of the sweep: the run's folder and journal.

use experiment::folder::MODEL_FILE;
use experiment::journal::{Journal, JournalState, Outcome};
use experiment::tables::write_manifest;
use experiment::{Environment, PretrainingData, Report, RunFolder, TrialConfig};
use serde_json::{Value, json};

use super::grid;
use super::inputs::Inputs;
use super::prepare::Prepared;
use super::searches::SplitSearch;
use super::writer::{Writer, refuse_loss};
use crate::config::Settings;
use crate::terminal::stderr;
use crate::tracking::watch::Event;
use crate::{Error, identity};

/// A run's folder, locked by this process.
pub(super) struct OpenRun {
    pub writer: Writer,
    /// The trials of every search: the grid, and those that an earlier grid ended in all of them.
    pub trials: Vec<TrialConfig>,
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
    let wanted = grid::trials(config);
    let held = state.ended_in_all(&state.searches());
    let retries = retry_failed && state.trials.values().any(|ended| matches!(ended.outcome, Outcome::Failed(_)));
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

/// Opens the folder of the run.
pub(super) fn writer(prepared: &Prepared, folder: RunFolder) -> Result<Writer, Error> {
    let resume = prepared.config.data.cache_dir().join("training").join(&folder.name);
    Writer::open(prepared, folder, resume)
}

/// Decides which trials the run has, and writes the files that do not depend on the search.
pub(super) fn open(prepared: &Prepared, mut writer: Writer, retry_failed: bool) -> Result<OpenRun, Error> {
    let config = prepared.config;
    let searches = SplitSearch::all(prepared)?;
    let earlier = writer.ended_in_all(&searches.iter().map(|search| search.name.as_str()).collect());
    let trials = grid::with_earlier(config, earlier);
    writer.keep_usable(prepared, retry_failed);
    let environment = Environment::current();
    let run = OpenRun {
        resolved: config.to_toml()?,
        provenance: provenance(prepared, &environment),
        writer,
        trials,
        environment,
    };
    run.describe(prepared)?;
    Ok(run)
}

fn provenance(prepared: &Prepared, environment: &Environment) -> Value {
    let Prepared { config, compute, data, .. } = prepared;
    let backbone = &prepared.base().backbone;
    let mut provenance = environment.provenance(config.seed, compute.device_name());
    identity::describe(&prepared.identity, &mut provenance);
    provenance["engine"] = json!(compute.engine_name_for(config.backbone.arch));
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
        let Prepared { data, started, .. } = prepared;
        let folder = &self.writer.folder;
        folder.write("config.toml", self.resolved.as_bytes())?;
        write_manifest(folder, &data.corpus, &data.recorders.recorders(&data.corpus), data.groups())?;
        folder.write("provenance.json", format!("{:#}\n", self.provenance).as_bytes())?;
        folder.log("prepared", started.elapsed().as_secs_f64())?;
        prepared.print(folder);
        prepared.watch.tell(&Event::RunStarted { run: folder.name.clone(), config: self.resolved.clone() });
        Ok(())
    }
}
