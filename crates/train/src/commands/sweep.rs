//! `wail --config sweep.toml`: the main job.

use std::path::PathBuf;

use experiment::folder::MODEL_FILE;
use metrics::MIN_GROUPS;

use crate::args::RunArgs;
use crate::config::Config;
use crate::terminal::{interrupt, stdout};
use crate::{Error, sweep};

/// Arguments of the main job.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration of the sweep; a bare name is also looked for in configs/
    #[arg(long, value_name = "FILE", default_value = "sweep.toml")]
    config: PathBuf,
    #[command(flatten)]
    run: RunArgs,
    /// Retry the trials that failed in an earlier run
    #[arg(long)]
    retry_failed: bool,
}

/// Runs the sweep and prints the best trial, its scores and the paths of the results.
pub fn run(args: &Args) -> Result<(), Error> {
    let config: Config = args.run.load(&args.config)?;
    interrupt::listen("stopping after the current epochs")?;
    let compute = args.run.compute.find().map_err(Error::Compute)?;
    let (path, report) = sweep::run(&config, &compute, &args.run.out, args.retry_failed)?;
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
        stdout::line(format_args!("failed     {} trials, the first one with: {}", report.failed.len(), first.error))?;
    }
    stdout::line(format_args!("model      {}", path.join(MODEL_FILE).display()))?;
    stdout::line(format_args!("report     {}", path.join("report.html").display()))
}
