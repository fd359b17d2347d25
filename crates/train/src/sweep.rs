//! The main job: from recordings to trained heads, their leaderboard, test scores and a model that is ready to use.

mod baseline;
mod caches;
mod choose;
mod encoding;
mod ended;
mod engines;
mod explain;
mod grid;
mod halving;
mod inner_folds;
mod inputs;
mod merge;
mod open;
mod parzen;
mod plan;
mod point;
mod prepare;
mod publish;
mod random;
mod robustness;
mod rounds;
mod search;
mod search_data;
mod searches;
mod shard;
mod shard_folder;
mod splits;
mod tested_models;
mod train_shard;
mod trainer;
mod trial_folder;
mod writer;

use std::path::{Path, PathBuf};

use experiment::{Report, RunFolder};
use model::Compute;

use crate::Error;
use crate::config::Config;
use crate::tracking::terminal::Terminal;
use crate::tracking::watch::{NOBODY, Watch};
use inputs::Inputs;
use merge::Collected;
use open::OpenRun;
pub use plan::{COST, Unit, WorkPlan};
use prepare::Prepared;
pub use shard::Shard;
pub use train_shard::FinishedShard;

/// Runs the sweep of `config` with `compute` and writes its folder below `out`. Completed trials are skipped, and those of an
/// earlier grid compete with the new ones; `retry_failed` trains failed trials again. `watch` is told of everything. Returns the
/// folder and the report.
///
/// # Errors
/// The [`Error`] of the step that failed, [`Error::Interrupted`] on a signal. What was written stays, and the next run resumes
/// it. [`Error::Config`] if the folder holds trials with other epochs that this search would lose.
pub fn run(
    config: &Config,
    compute: &Compute,
    out: &Path,
    retry_failed: bool,
    watch: &dyn Watch,
) -> Result<(PathBuf, Report), Error> {
    let inputs = Inputs::find(config, compute)?;
    let folder = RunFolder::new(out, &config.name, &inputs.identity);
    if let Some(report) = open::finished(&inputs, &folder, retry_failed)? {
        return Ok((folder.path, report));
    }
    let prepared = prepare::prepare(inputs, watch)?;
    let writer = open::writer(&prepared, folder)?;
    let run = open::open(&prepared, writer, retry_failed)?;
    complete(prepared, run)
}

/// Trains the trials of `shard` of the sweep of `config`, in a folder inside the run's; [`merge`] joins them.
///
/// # Errors
/// As [`run`].
pub fn run_shard(
    config: &Config,
    compute: &Compute,
    out: &Path,
    shard: Shard,
    retry_failed: bool,
) -> Result<FinishedShard, Error> {
    let inputs = Inputs::find(config, compute)?;
    let folder = RunFolder::new(out, &config.name, &inputs.identity);
    let terminal = Terminal::default();
    let prepared = prepare::prepare(inputs, &terminal)?;
    train_shard::train(&prepared, &folder, shard, retry_failed)
}

/// Joins the shards of the run in the folder `run` and completes it as [`run`] does, with the same bytes. Removes the shards.
/// Without any, the report of the finished run is returned. `change` may change the configuration of the shards: where the
/// recordings lie, but nothing that decides a result.
///
/// # Errors
/// [`Error::Config`] or [`Error::Data`] if the shards do not belong together or disagree, [`Error::Incomplete`] if a trial is
/// missing; nothing has changed then. Also as [`run`].
pub fn merge(
    run: &Path,
    compute: &Compute,
    change: impl FnOnce(Config) -> Result<Config, Error>,
) -> Result<(PathBuf, Report), Error> {
    let not_named = || Error::Config(format!("{}: name the folder of a run", run.display()));
    let folder = RunFolder::at(run).ok_or_else(not_named)?;
    let shards = shard_folder::find(&folder)?;
    let Some(config) = merge::config(&shards)? else {
        let report = Report::read(run).map_err(|source| Error::NothingToMerge { run: run.into(), source })?;
        shard_folder::remove_rest(&folder)?;
        return Ok((folder.path, report));
    };
    let config = change(config)?;
    let inputs = Inputs::find(&config, compute)?;
    let name = RunFolder::new(Path::new(""), &config.name, &inputs.identity).name;
    merge::check_identity(run, &name, &shards, &inputs)?;
    let terminal = Terminal::default();
    let prepared = prepare::prepare(inputs, &terminal)?;
    let collected = Collected::read(&prepared, &folder, shards)?;
    let mut writer = open::writer(&prepared, folder.clone())?;
    collected.import(&mut writer)?;
    let run = open::open(&prepared, writer, false)?;
    let completed = complete(prepared, run)?;
    collected.remove_shards(&folder)?;
    Ok(completed)
}

/// As [`merge`], for the run of `config` below `out`, with the recordings and caches that `config` names.
///
/// # Errors
/// As [`merge`]; [`Error::Incomplete`] also if no shard has begun.
pub fn merge_run_of(config: &Config, compute: &Compute, out: &Path) -> Result<(PathBuf, Report), Error> {
    let inputs = Inputs::find(config, compute)?;
    let run = RunFolder::new(out, &config.name, &inputs.identity).path;
    match merge(&run, compute, |of_shards| Ok(Config { data: config.data.clone(), ..of_shards })) {
        Err(Error::NothingToMerge { run, .. }) => {
            Err(Error::Incomplete(format!("{}: all trials are missing: no shard of it has begun", run.display())))
        }
        merged => merged,
    }
}

/// The units of the sweep of `config`.
///
/// # Errors
/// As [`run`], up to the search.
pub fn plan(config: &Config, compute: &Compute) -> Result<WorkPlan, Error> {
    let inputs = Inputs::find(config, compute)?;
    let run = RunFolder::new(Path::new(""), &config.name, &inputs.identity).name;
    WorkPlan::new(&prepare::prepare(inputs, &NOBODY)?, &run)
}

/// Fills the caches of inputs and embeddings that the sweep of `config` reads, for the recordings of `shard` or for all of them.
/// Returns the number of recordings.
///
/// # Errors
/// As [`run`], up to the search.
pub fn fill_caches(config: &Config, compute: &Compute, shard: Option<Shard>) -> Result<usize, Error> {
    caches::fill(&prepare::prepare(Inputs::find(config, compute)?, &NOBODY)?, shard)
}

/// Searches, chooses and publishes: from an open folder to a finished run.
fn complete(prepared: Prepared, run: OpenRun) -> Result<(PathBuf, Report), Error> {
    let found = splits::search(&prepared, &run)?;
    let model = choose::choose(&prepared, &run, &found)?;
    run.writer.folder.log("encoder", prepared.encodings.seconds())?;
    publish::publish(prepared, run, found, model)
}
