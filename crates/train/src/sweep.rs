//! The main job: from recordings to trained heads, their leaderboard, test scores and a model that is ready to use.

mod choose;
mod engines;
mod grid;
mod inputs;
mod open;
mod prepare;
mod publish;
mod search;
mod search_names;
mod splits;
mod trial_folder;

use std::path::{Path, PathBuf};

use experiment::{Report, RunFolder};
use model::Compute;

use crate::Error;
use crate::config::Config;
use engines::Engines;
use inputs::Inputs;

/// Runs the sweep of `config` with `compute` and writes its folder below `out`. Completed trials are skipped, and those of an
/// earlier grid compete with the new ones; `retry_failed` trains failed trials again. Returns the folder and the report.
///
/// # Errors
/// The [`Error`] of the step that failed, [`Error::Interrupted`] on a signal. What was written stays, and the next run resumes
/// it. [`Error::Config`] if the folder holds trials with other epochs that this search would lose.
pub fn run(config: &Config, compute: &Compute, out: &Path, retry_failed: bool) -> Result<(PathBuf, Report), Error> {
    let inputs = Inputs::find(config, compute)?;
    let folder = RunFolder::new(out, &config.name, &inputs.identity);
    if let Some(report) = open::finished(&inputs, &folder, retry_failed)? {
        return Ok((folder.path, report));
    }
    let prepared = prepare::prepare(inputs)?;
    let run = open::open(&prepared, folder, retry_failed)?;
    let engines = Engines::new(&prepared)?;
    let found = splits::search(&prepared, &engines, &run)?;
    let model = choose::choose(&prepared, &engines, &run, &found)?;
    publish::publish(prepared, run, found, model)
}
