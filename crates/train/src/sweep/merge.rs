//! Joins the trials of shards into the run that they belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use dataset::{count, is};
use experiment::RunFolder;
use experiment::journal::{EndedTrial, Journal, JournalState, Outcome};

use super::inputs::Inputs;
use super::plan::WorkPlan;
use super::prepare::Prepared;
use super::shard_folder::{self, ShardFolder};
use super::trial_folder;
use super::writer::Writer;
use crate::Error;
use crate::config::Config;
use crate::terminal::stderr;

/// How many failed trials a message lists.
const MOST_LISTED: usize = 20;

/// The configuration that all shards were run with; where corpus and caches lie, as in the first.
///
/// # Errors
/// [`Error::Config`] if two shards were run with other grids, epochs or settings.
pub(super) fn config(shards: &[ShardFolder]) -> Result<Option<Config>, Error> {
    let Some(first) = shards.first() else { return Ok(None) };
    let mut problems = Vec::new();
    for other in &shards[1..] {
        let differences = other.config_differences(&first.config)?;
        problems.extend(differences.iter().map(|difference| format!("\n  shard {}: {difference}", other.shard)));
    }
    match problems[..] {
        [] => Ok(Some(first.config.clone())),
        _ => Err(Error::Config(format!(
            "{}: its shards were not run with the same configuration; those with another one than shard {}:{}\n  Run them again \
             with the same configuration, or remove their folders",
            first.folder.path.display(),
            first.shard,
            problems.concat()
        ))),
    }
}

/// Fails unless the shards in the folder `run` have the identity of `inputs`, whose folder is called `name`.
///
/// # Errors
/// [`Error::Data`], which names what differs.
pub(super) fn check_identity(run: &Path, name: &str, shards: &[ShardFolder], inputs: &Inputs) -> Result<(), Error> {
    let mut problems = String::new();
    for shard in shards {
        for difference in shard.input_differences(inputs) {
            _ = write!(problems, "\n  shard {}: {difference}", shard.shard);
        }
    }
    if !problems.is_empty() {
        return Err(Error::Data(format!(
            "{}: what decides its results differs from what is found now:{problems}\n  Merge with the same --device and --engine, \
             recordings, weights and version as the shards, or run these shards again",
            run.display()
        )));
    }
    match run.file_name() {
        Some(own) if own == name => Ok(()),
        _ => Err(Error::Data(format!("{}: the folder was renamed; it must be called {name}", run.display()))),
    }
}

/// A folder with trials of the run: a shard's, or the run's own.
struct Source {
    /// What messages call it.
    name: String,
    folder: RunFolder,
    state: JournalState,
}

/// The trials of all shards, which agree with one another and with the run.
pub(super) struct Collected {
    sources: Vec<Source>,
    shards: Vec<ShardFolder>,
    /// Index of the source of each trial, by search and name.
    trials: BTreeMap<(String, String), usize>,
}

impl Collected {
    /// Reads and compares what the `shards` of `run` hold. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Data`] if two of them disagree, [`Error::Incomplete`] if a unit is missing, [`Error::Run`] if a journal cannot be
    /// read.
    pub fn read(prepared: &Prepared, run: &RunFolder, shards: Vec<ShardFolder>) -> Result<Self, Error> {
        let identity = &prepared.identity;
        let own = JournalState::replay(Journal::read(&run.path, identity)?);
        let mut sources = vec![Source { name: "the run".into(), folder: run.clone(), state: own }];
        for shard in &shards {
            let (folder, state) = (shard.folder.clone(), shard.state(identity)?);
            sources.push(Source { name: format!("shard {}", shard.shard), folder, state });
        }
        sources.retain(|source| source.state.epochs == Some(prepared.config.train.epochs));
        let mut trials = BTreeMap::new();
        for key in sources.iter().flat_map(|source| source.state.trials.keys()).collect::<BTreeSet<_>>() {
            if let Some(index) = agreed(&sources, key, prepared)? {
                trials.insert(key.clone(), index);
            }
        }
        let collected = Self { sources, shards, trials };
        collected.check_complete(&WorkPlan::new(prepared, &run.name)?, run)?;
        Ok(collected)
    }

    /// Copies the trials that `writer`, the run's, lacks into its folder.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read, [`Error::Run`] if one cannot be written.
    pub fn import(&self, writer: &mut Writer) -> Result<(), Error> {
        for ((search, id), index) in &self.trials {
            let source = &self.sources[*index];
            if source.folder.path != writer.folder.path
                && let Some(ended) = source.ended(search, id)
            {
                writer.import(search, ended, &source.folder)?;
            }
        }
        Ok(())
    }

    /// Removes the folders of finished shards, now that the run holds their trials, and adds their `runtime.jsonl` to the run's.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Run`] if one cannot be removed.
    pub fn remove_shards(&self, run: &RunFolder) -> Result<(), Error> {
        for shard in &self.shards {
            let is_finished = |source: &Source| source.folder.path == shard.folder.path && source.state.finished;
            if self.sources.iter().any(is_finished) {
                run.log(&format!("merged shard {}", shard.shard), 0.0)?;
                run.import_log(&shard.folder)?;
                shard.remove()?;
            }
        }
        shard_folder::remove_rest(run)?;
        for left in shard_folder::paths(run)? {
            stderr::line(format_args!(
                "left       {}: this shard is not finished, but nothing is missing; remove it unless a process is at work there",
                left.display()
            ));
        }
        Ok(())
    }

    /// Fails if a unit of `plan` or a later round is missing.
    fn check_complete(&self, plan: &WorkPlan, run: &RunFolder) -> Result<(), Error> {
        self.check_units(plan, run)?;
        let is_finished = |shard: &ShardFolder| {
            self.sources.iter().any(|source| source.folder.path == shard.folder.path && source.state.finished)
        };
        match self.shards.iter().find(|shard| plan.in_rounds && !is_finished(shard)) {
            None => Ok(()),
            Some(open) => Err(Error::Incomplete(format!(
                "{}: shard {} has rounds left; run it again, then merge again",
                run.path.display(),
                open.shard
            ))),
        }
    }

    /// Fails if a unit of `plan` is missing; says which shards do it.
    fn check_units(&self, plan: &WorkPlan, run: &RunFolder) -> Result<(), Error> {
        let n_shards = most_frequent(self.shards.iter().map(|found| found.shard.count()));
        let mut missing: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (unit, shard) in plan.units.iter().zip(plan.deal(n_shards)) {
            let key = (unit.search.clone(), unit.trial.id());
            if !self.trials.contains_key(&key) {
                missing.entry(shard).or_default().push(in_words(&key.0, &key.1));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let n_missing: usize = missing.values().map(Vec::len).sum();
        let of_shard = |(shard, trials): (usize, Vec<String>)| {
            let more = if trials.len() > 1 { ", ..." } else { "" };
            format!("shard {shard} of {n_shards}: {} ({}{more})", count(trials.len(), "trial"), trials[0])
        };
        let missing: Vec<String> = missing.into_iter().map(of_shard).collect();
        let failed: Vec<String> = self.failed().map(|(search, id)| in_words(search, id)).collect();
        let failed = if failed.is_empty() { String::new() } else { format!("\nfailed:{}", listed(&failed)) };
        Err(Error::Incomplete(format!(
            "{}: {n_missing} of {} {} missing:{}{failed}\nRun these shards, then merge again",
            run.path.display(),
            count(plan.units.len(), "trial"),
            is(n_missing),
            missing.iter().map(|line| format!("\n  {line}")).collect::<String>()
        )))
    }

    /// Search and name of the trials that failed.
    fn failed(&self) -> impl Iterator<Item = (&str, &str)> {
        let failed = |search: &str, id: &str, source: &Source| {
            source.ended(search, id).is_some_and(|ended| matches!(ended.outcome, Outcome::Failed(_)))
        };
        let trials = self.trials.iter();
        trials
            .filter(move |((search, id), index)| failed(search, id, &self.sources[**index]))
            .map(|((search, id), _)| (search.as_str(), id.as_str()))
    }
}

impl Source {
    fn ended(&self, search: &str, id: &str) -> Option<&EndedTrial> {
        self.state.trials.get(&(search.to_owned(), id.to_owned()))
    }

    /// Whether its folder of the trial can be read, if the trial was trained.
    fn is_usable(&self, search: &str, ended: &EndedTrial, prepared: &Prepared) -> bool {
        match ended.outcome {
            Outcome::Failed(_) => true,
            Outcome::Trained(_) => match trial_folder::check(&self.folder, search, &ended.trial, prepared) {
                Ok(()) => true,
                Err(error) => {
                    stderr::line(format_args!("{error}; {} has to train it again", self.name));
                    false
                }
            },
        }
    }

    /// What it is called, with the processors that worked there.
    fn with_cpus(&self) -> String {
        let cpus: Vec<String> = self.folder.cpus().into_iter().collect();
        let cpus = if cpus.is_empty() { "an unknown processor".into() } else { cpus.join(", ") };
        format!("{} (on {cpus})", self.name)
    }
}

/// The first source that has the trial `key`, if any has; its folder may be unreadable in others.
///
/// # Errors
/// [`Error::Data`] if two sources have different results of it.
fn agreed(sources: &[Source], key: &(String, String), prepared: &Prepared) -> Result<Option<usize>, Error> {
    let (search, id) = key;
    let mut first: Option<(usize, &EndedTrial)> = None;
    for (index, source) in sources.iter().enumerate() {
        let Some(ended) = source.ended(search, id) else { continue };
        if !source.is_usable(search, ended, prepared) {
            continue;
        }
        match first {
            None => first = Some((index, ended)),
            Some((known, known_ended)) => {
                if known_ended != ended || !same_files(&sources[known], source, search, ended)? {
                    return Err(disagreement(&sources[known], source, &in_words(search, id)));
                }
            }
        }
    }
    Ok(first.map(|(index, _)| index))
}

/// Whether the folders of a trial hold the same bytes.
fn same_files(one: &Source, other: &Source, search: &str, ended: &EndedTrial) -> Result<bool, Error> {
    if let Outcome::Failed(_) = ended.outcome {
        return Ok(true);
    }
    let files = |source: &Source| trial_folder::files(&source.folder.inside(search), &ended.trial.id());
    Ok(files(one)? == files(other)?)
}

fn disagreement(one: &Source, other: &Source, what: &str) -> Error {
    Error::Data(format!(
        "{}: {what} has different results in {} and in {}\n  Results of different processors cannot be mixed: remove one of the \
         two folders, and train its trials on the other processor",
        other.folder.path.display(),
        one.with_cpus(),
        other.with_cpus()
    ))
}

/// The most frequent number of shards among those of the folders; the smallest if several are, and 1 without folders.
fn most_frequent(counts: impl Iterator<Item = usize>) -> usize {
    let mut folders: BTreeMap<usize, usize> = BTreeMap::new();
    counts.for_each(|count| *folders.entry(count).or_default() += 1);
    folders.into_iter().rev().max_by_key(|(_, n)| *n).map_or(1, |(count, _)| count)
}

/// A trial of a search, for people.
fn in_words(search: &str, id: &str) -> String {
    if search.is_empty() { id.to_owned() } else { format!("{search} {id}") }
}

/// Each line on a line of its own; if there are many, the first ones and the number of others.
fn listed(lines: &[String]) -> String {
    let mut text: String = lines.iter().take(MOST_LISTED).map(|line| format!("\n  {line}")).collect();
    if lines.len() > MOST_LISTED {
        _ = write!(text, "\n  and {} more", lines.len() - MOST_LISTED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_division_of_most_folders_counts_and_the_smallest_of_several() {
        for (counts, expected) in [(&[][..], 1), (&[4], 4), (&[2, 3, 3], 3), (&[2, 2, 3], 2), (&[5, 3, 3, 5, 4], 3)] {
            assert_eq!(most_frequent(counts.iter().copied()), expected, "{counts:?}");
        }
    }

    #[test]
    fn long_lists_end_with_the_number_of_others() {
        let lines = |n: usize| (1..=n).map(|n| format!("trial {n}")).collect::<Vec<_>>();
        assert_eq!(listed(&lines(2)), "\n  trial 1\n  trial 2");
        let all = listed(&lines(MOST_LISTED));
        assert!(all.ends_with("\n  trial 20") && !all.contains("more"), "{all}");
        let first = listed(&lines(MOST_LISTED + 3));
        assert_eq!(first, all + "\n  and 3 more");
    }
}
