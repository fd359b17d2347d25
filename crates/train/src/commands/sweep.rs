//! `train --config sweep.toml`: the main job.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::cli::ComputeArgs;
use crate::config::{Config, Settings};
use crate::{interrupt, run_folder, sweep};

/// Arguments of the main job.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep to run; a bare name is also looked for in configs/
    #[arg(long, value_name = "FILE", default_value = "sweep.toml")]
    config: PathBuf,
    /// Use this seed instead of the config's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Folder for the run's own folder
    #[arg(long, value_name = "DIR", default_value = "experiments")]
    out: PathBuf,
    /// Train again the trials that failed in an earlier run
    #[arg(long)]
    retry_failed: bool,
    /// Set a config key, such as train.epochs=5; may be given again
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    overrides: Vec<String>,
}

/// Runs the sweep and prints the best trial and where the results are.
pub fn run(args: &Args) -> Result<(), Error> {
    let mut overrides = args.overrides.clone();
    overrides.extend(args.seed.map(|seed| format!("seed={seed}")));
    let config = Config::load(&find(&args.config)?, &overrides)?;
    interrupt::listen("stopping after the epochs that are under way")?;
    let (path, report) = sweep::run(&config, &args.compute.find()?, &args.out, args.retry_failed)?;
    let leaky = if report.data.leaks.any() { ", LEAKY SPLIT" } else { "" };
    let show = |name: &str, evaluation: &metrics::Evaluation| {
        let macro_f1 = evaluation.scores.macro_f1;
        let interval = macro_f1.interval.map_or(String::new(), |[low, high]| format!(" (95 % {low:.4} to {high:.4})"));
        println!(
            "{name:<11}macro-F1 {:.4}{interval}{leaky}, always the majority class {:.4}",
            macro_f1.value, evaluation.majority.macro_f1
        );
    };
    println!("best       {}, epoch {}", report.leaderboard[0].id, report.leaderboard[0].epoch);
    show("validation", &report.validation);
    show("test", &report.test);
    for warning in &report.warnings {
        println!("WARNING    {warning}");
    }
    if let Some(first) = report.failed.first() {
        println!("failed     {} trials, the first: {}", report.failed.len(), first.error);
    }
    println!("model      {}", path.join(run_folder::MODEL_FILE).display());
    println!("report     {}", path.join("report.html").display());
    Ok(())
}

/// The file that `config` means: itself, or a bare name in `configs/`.
pub fn find(config: &Path) -> Result<PathBuf, Error> {
    let in_configs = Path::new("configs").join(config);
    let bare = config.components().count() == 1;
    if config.is_file() {
        Ok(config.into())
    } else if bare && in_configs.is_file() {
        Ok(in_configs)
    } else {
        let also = if bare { " here or in configs/" } else { "" };
        Err(Error::Config(format!("{}: there is no such config{also}", config.display())))
    }
}
