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
use crate::config::{Config, Settings, SweepConfig};
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
///
/// # Errors
/// [`Error::Config`] if the search would lose trials that the run holds.
pub(super) fn finished(inputs: &Inputs, folder: &RunFolder, retry_failed: bool) -> Result<Option<Report>, Error> {
    let config = inputs.config;
    let state = JournalState::replay(Journal::read(&folder.path, &inputs.identity)?);
    refuse_loss(config, &state, folder)?;
    let searches = state.searches();
    let (wanted, held) = (grid::trials(config), state.ended_in_all(&searches));
    let retries = retry_failed && state.trials.values().any(|ended| matches!(ended.outcome, Outcome::Failed(_)));
    let (true, Ok(report)) = (state.finished, Report::read(&folder.path)) else { return Ok(None) };
    let (is_held, n_held, n_wanted) = match rounds_before(config, &report) {
        Some(before) => (config.sweep.trials <= before.trials, before.trials, config.sweep.trials),
        None if state.trials.len() > held.len() * searches.len() => return Err(would_lose_rounds(folder)),
        None => {
            let is_held = !config.sweep.strategy.has_rounds() && wanted.iter().all(|trial| held.contains(trial));
            (is_held, Some(held.len()), Some(wanted.len()))
        }
    };
    if !is_held || state.epochs != Some(config.train.epochs) || retries || !folder.path.join(MODEL_FILE).is_file() {
        return Ok(None);
    }
    let others = match (n_held, n_wanted) {
        (Some(held), Some(wanted)) if held != wanted => {
            format!("; its report covers all of its {held} trials, not only the {wanted} of this search")
        }
        _ => String::new(),
    };
    stderr::line(format_args!("finished   {}: nothing is left to do{others}", folder.path.display()));
    Ok(Some(report))
}

/// The search in rounds of the run with this `report`, if `config` has the same one or a longer or shorter one.
fn rounds_before(config: &Config, report: &Report) -> Option<SweepConfig> {
    let before = Config::parse("report.json", &report.config, &[]).ok()?.sweep;
    (config.sweep.strategy.has_rounds() && config.sweep.continues(&before)).then_some(before)
}

fn would_lose_rounds(folder: &RunFolder) -> Error {
    Error::Config(format!(
        "{}: this run holds a search in rounds, whose trials differ from fold to fold; another search would lose them\n  Keep both \
         runs: --set name=NAME or --out DIR",
        folder.path.display()
    ))
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
