//! The main job: from recordings to trained heads, their leaderboard, test scores and a model that is ready to use.

mod choose;
mod engines;
mod grid;
mod open;
mod prepare;
mod publish;
mod search;
mod splits;
mod trial_folder;

use std::path::{Path, PathBuf};

use experiment::Report;
use model::Compute;

use crate::Error;
use crate::config::Config;
use engines::Engines;
use open::Opened;

/// Runs the sweep of `config` with `compute` and writes its folder below `out`. Completed trials are skipped; `retry_failed`
/// trains failed trials again. Returns the folder and the report.
///
/// # Errors
/// The [`Error`] of the step that failed, [`Error::Interrupted`] on a signal. What was written stays, and the next run resumes
/// it.
pub fn run(config: &Config, compute: &Compute, out: &Path, retry_failed: bool) -> Result<(PathBuf, Report), Error> {
    let prepared = prepare::prepare(config, compute)?;
    let run = match open::open(&prepared, out, retry_failed)? {
        Opened::Finished { path, report } => return Ok((path, *report)),
        Opened::Unfinished(run) => run,
    };
    let engines = Engines::new(&prepared)?;
    let found = splits::search(&prepared, &engines, &run)?;
    let model = choose::choose(&prepared, &engines, &run, &found)?;
    publish::publish(prepared, *run, found, model)
}
