//! The events of a run, from its files: what `wail track` sends.

use std::fs;
use std::path::{Path, PathBuf};

use experiment::{Epoch, Report, RunFolder, TrialConfig};

use super::watch::{Event, TrialName, TrialOutcome};
use crate::Error;

/// The events of the run in the folder `run`: all of it if it is finished, otherwise the trials that ended.
///
/// # Errors
/// [`Error::Config`] if it is no run, [`Error::Data`] if one of its files is damaged, [`Error::Io`].
pub fn events(run: &Path) -> Result<Vec<Event>, Error> {
    let path = run.join("config.toml");
    let not_a_run = || Error::Config(format!("{}: name the folder of a run", run.display()));
    let folder = RunFolder::at(run).ok_or_else(not_a_run)?;
    let config = fs::read_to_string(&path).map_err(|_| not_a_run())?;
    let mut events = vec![Event::RunStarted { run: folder.name, config }];
    for search in searches(run)? {
        for trial in folders(&run.join(&search).join("trials"))? {
            events.extend(trial_event(&search, &trial)?);
        }
    }
    if let Ok(report) = Report::read(run) {
        events.push(ended(run, &report));
    }
    Ok(events)
}

/// That the run in the folder `run` has ended with `report`.
pub fn ended(run: &Path, report: &Report) -> Event {
    let scores =
        [("validation", &report.validation), ("test", &report.test)].into_iter().flat_map(|(name, evaluation)| {
            evaluation.scores.named().map(|(score, _, estimate)| (format!("{name}/{score}"), estimate.value))
        });
    let artefacts = ["config.toml", "leaderboard.csv", "report.html", "report.json"].map(|name| run.join(name));
    Event::RunEnded { scores: scores.collect(), artefacts: artefacts.to_vec() }
}

/// The searches of a run: those of its folds, and that of the saved model.
fn searches(run: &Path) -> Result<Vec<String>, Error> {
    let folds = folders(&run.join("folds"))?;
    let names = folds.iter().filter_map(|fold| Some(format!("folds/{}", fold.file_name()?.to_string_lossy())));
    Ok(names.chain([String::new()]).collect())
}

/// Folders in `parent`, sorted by name; none if it does not exist.
fn folders(parent: &Path) -> Result<Vec<PathBuf>, Error> {
    let Ok(entries) = parent.read_dir() else { return Ok(Vec::new()) };
    let paths: Result<Vec<PathBuf>, std::io::Error> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(Error::io(parent))?;
    paths.retain(|path| path.is_dir());
    paths.sort();
    Ok(paths)
}

/// That the trial in `folder` has ended; `None` if it is not complete.
fn trial_event(search: &str, folder: &Path) -> Result<Option<Event>, Error> {
    let [config, epochs] = ["config.toml", "epochs.csv"].map(|name| folder.join(name));
    if !config.is_file() || !epochs.is_file() {
        return Ok(None);
    }
    let damaged = |path: &Path, problem: String| Error::Data(format!("{}: {problem}", path.display()));
    let text = fs::read_to_string(&config).map_err(Error::io(&config))?;
    let settings: TrialConfig = toml::from_str(&text).map_err(|error| damaged(&config, error.to_string()))?;
    let rows: Result<Vec<Epoch>, csv::Error> =
        csv::Reader::from_path(&epochs).and_then(|mut reader| reader.deserialize().collect());
    let rows = rows.map_err(|error| damaged(&epochs, error.to_string()))?;
    let Some(chosen) = rows.iter().min_by(|a, b| a.rank(b)).cloned() else { return Ok(None) };
    let trial = TrialName { search: search.into(), id: settings.id() };
    Ok(Some(Event::TrialEnded { trial, config: settings, outcome: TrialOutcome::Trained { epochs: rows, chosen } }))
}
