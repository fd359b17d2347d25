//! Trains the units of one shard, in a folder and with a journal of its own.

use std::path::PathBuf;

use dataset::count;
use experiment::journal::{Outcome, Record};
use experiment::{RunFolder, TrialConfig};

use super::plan::{Unit, WorkPlan};
use super::prepare::Prepared;
use super::rounds;
use super::searches::SplitSearch;
use super::shard::{IDENTITY_FILE, Shard};
use super::trainer::Trainer;
use super::writer::{Writer, record};
use crate::Error;
use crate::config::Settings;
use crate::terminal::stderr;

/// What a shard holds when it is finished.
pub struct FinishedShard {
    /// Its folder.
    pub path: PathBuf,
    /// Number of its trials.
    pub trials: usize,
    /// Number of those that failed.
    pub failed: usize,
}

/// Trains the units of `shard` in its folder inside `run`; those that it holds are skipped.
pub(super) fn train(
    prepared: &Prepared,
    run: &RunFolder,
    shard: Shard,
    retry_failed: bool,
) -> Result<FinishedShard, Error> {
    let plan = WorkPlan::new(prepared, &run.name)?;
    let units = plan.of_shard(shard);
    let writer = open(prepared, run, shard, retry_failed)?;
    stderr::line(format_args!("shard      {shard}: {} of {}", units.len(), count(plan.units.len(), "trial")));
    let records = train_units(prepared, &writer, &units, plan.in_rounds)?;
    let folder = writer.folder.clone();
    writer.finish(&records)?;
    folder.log("finished", prepared.started.elapsed().as_secs_f64())?;
    let has_failed = |record: &&Record| matches!(record, Record::Trial { outcome: Outcome::Failed(_), .. });
    let failed = records.iter().filter(has_failed).count();
    Ok(FinishedShard { path: folder.path, trials: records.len(), failed })
}

/// Opens the folder of `shard` inside `run`, and writes what `wail merge` compares.
fn open(prepared: &Prepared, run: &RunFolder, shard: Shard, retry_failed: bool) -> Result<Writer, Error> {
    let folder = run.inside(&shard.folder());
    let resume = folder.path.join("resume");
    let mut writer = Writer::open(prepared, folder, resume)?;
    writer.keep_usable(prepared, retry_failed);
    let folder = &writer.folder;
    folder.write("config.toml", prepared.config.to_toml()?.as_bytes())?;
    let parts = serde_json::to_vec_pretty(&prepared.parts).map_err(Error::encode(IDENTITY_FILE))?;
    folder.write(IDENTITY_FILE, &parts)?;
    folder.log("prepared", prepared.started.elapsed().as_secs_f64())?;
    prepared.print(folder);
    Ok(writer)
}

/// Trains `units`, search by search, and returns how each ended.
fn train_units(prepared: &Prepared, writer: &Writer, units: &[&Unit], in_rounds: bool) -> Result<Vec<Record>, Error> {
    let is_open = |unit: &&Unit| writer.known(&unit.search, &unit.trial.id()).is_none();
    if !in_rounds && !units.iter().any(is_open) {
        stderr::line(format_args!("finished   {}: nothing is left to do", writer.folder.path.display()));
    }
    let trainer = Trainer { prepared, writer };
    let mut records = Vec::new();
    for split in SplitSearch::all(prepared)? {
        let of_search: Vec<&Unit> = units.iter().copied().filter(|unit| unit.search == split.name).collect();
        let trials: Vec<TrialConfig> = of_search.iter().map(|unit| unit.trial.clone()).collect();
        match in_rounds {
            // A search in rounds trains its inner folds itself.
            true if split.is_inner() => {}
            _ if trials.is_empty() => {}
            true => records.extend(rounds::train(&trainer, &split, &trials, None)?.1),
            false => {
                let outcomes = trainer.train(&split, &trials)?;
                records
                    .extend(trials.iter().zip(&outcomes).map(|(trial, outcome)| record(&split.name, trial, outcome)));
            }
        }
    }
    writer.folder.log("encoder", prepared.encodings.seconds())?;
    Ok(records)
}
