//! `wail --config sweep.toml`: the main job.

use std::path::Path;

use dataset::count;
use experiment::Report;
use experiment::folder::MODEL_FILE;
use metrics::MIN_GROUPS;

use crate::args::{ConfigSource, RunArgs, SweepArgs};
use crate::backbone::models_dir;
use crate::commands::track::TrackArgs;
use crate::config::Config;
use crate::shard_args::ShardArgs;
use crate::sweep::FinishedShard;
use crate::terminal::{interrupt, stderr, stdout};
use crate::tracking::target::TrackTarget;
use crate::tracking::terminal::Terminal;
use crate::tracking::watch::{Watch, Watchers};
use crate::{Error, sweep};

/// Arguments of the main job.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    sweep: SweepArgs,
    /// Retry the trials that failed in an earlier run
    #[arg(long)]
    retry_failed: bool,
    #[command(flatten)]
    shard: ShardArgs,
    #[command(flatten)]
    track: TrackArgs,
}

/// Runs the sweep, or a shard of it, and prints what it found.
pub fn run(args: &Args) -> Result<(), Error> {
    let (source, config) = args.sweep.load()?;
    let RunArgs { compute, out, .. } = &args.sweep.run;
    stderr::line(introduction(&source, &config, out));
    interrupt::listen("stopping after the current epochs")?;
    let compute = compute.find().map_err(Error::Compute)?;
    let Some(shard) = args.shard.resolve()? else {
        let tracked = args.track.track.iter().map(TrackTarget::watch);
        let watchers = Watchers([Box::new(Terminal::default()) as Box<dyn Watch>].into_iter().chain(tracked).collect());
        let (path, report) = sweep::run(&config, &compute, out, args.retry_failed, &watchers)?;
        drop(watchers);
        return print(&path, &report);
    };
    if !args.track.track.is_empty() {
        return Err(Error::Config("--track is for whole runs; after the merge: wail track RUN".into()));
    }
    let FinishedShard { path, trials, failed } = sweep::run_shard(&config, &compute, out, shard, args.retry_failed)?;
    stdout::line(format_args!("shard      {shard}: {}, {failed} of them failed", count(trials, "trial")))?;
    let run = path.ancestors().nth(2).unwrap_or(&path);
    stdout::line(format_args!("next       after all shards: wail merge {}", run.display()))
}

/// Prints the best trial of the run in the folder `path`, its scores and the paths of the results.
pub(super) fn print(path: &Path, report: &Report) -> Result<(), Error> {
    let leaky = if report.data.leaks.any() { ", LEAKY SPLIT" } else { "" };
    let unknown = report.data.recorders.caution().map_or(String::new(), |caution| format!(", {caution}"));
    let show = |name: &str, evaluation: &metrics::Evaluation| {
        let macro_f1 = evaluation.scores.macro_f1;
        let interval = match macro_f1.interval {
            Some([low, high]) => format!("95 % {low:.4} to {high:.4}"),
            None => format!("no interval: fewer than {MIN_GROUPS} groups ({})", evaluation.n_groups),
        };
        stdout::line(format_args!(
            "{name:<11}macro-F1 {:.4} ({interval}){leaky}{unknown}, always the majority class {:.4}",
            macro_f1.value, evaluation.majority.macro_f1
        ))
    };
    stdout::line(format_args!("best       {}, epoch {}", report.leaderboard[0].id, report.leaderboard[0].epoch))?;
    show("validation", &report.validation)?;
    show("test", &report.test)?;
    for warning in &report.warnings {
        stdout::line(format_args!("WARNING    {warning}"))?;
    }
    if let Some(first) = report.failed.first() {
        stdout::line(format_args!(
            "failed     {}, the first one with: {}",
            count(report.failed.len(), "trial"),
            first.error
        ))?;
    }
    stdout::line(format_args!("model      {}", path.join(MODEL_FILE).display()))?;
    stdout::line(format_args!("report     {}", path.join("report.html").display()))
}

/// Which configuration it is, and which folders the run reads and writes.
fn introduction(source: &ConfigSource, config: &Config, out: &Path) -> String {
    let print_it = match source {
        ConfigSource::File(_) => String::new(),
        ConfigSource::BuiltIn(name, _) => format!("; to print it: wail config show {name}"),
    };
    let reads = match (&config.data.places()[..], &config.data.corpora[..]) {
        ([], _) => "no recordings".into(),
        (roots, []) => format!("recordings in {}", roots.join(" or ")),
        (places, _) => format!("recordings in {}", places.join(" and ")),
    };
    format!(
        "config     {source}{print_it}\nreads      {reads}; weights in {}\nwrites     {} (--out), {}, {}",
        models_dir().display(),
        out.display(),
        config.data.cache_dir().display(),
        config.data.synthetic.display()
    )
}
