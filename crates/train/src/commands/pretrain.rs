//! `train pretrain --config pretrain.toml`

use std::path::PathBuf;

use super::sweep;
use crate::cli::ComputeArgs;
use crate::config::Settings;
use crate::pretrain::config::PretrainConfig;
use crate::{Error, interrupt, pretrain};

/// Arguments of `train pretrain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to hear and learn; a bare name is also looked for in configs/
    #[arg(long, value_name = "FILE", default_value = "pretrain.toml")]
    config: PathBuf,
    /// Use this seed instead of the config's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Folder for the pretraining's own folder
    #[arg(long, value_name = "DIR", default_value = "experiments")]
    out: PathBuf,
    /// Set a config key, such as train.epochs=5; may be given again
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    overrides: Vec<String>,
}

/// Pretrains and prints where the backbone is.
pub fn run(args: &Args) -> Result<(), Error> {
    let mut overrides = args.overrides.clone();
    overrides.extend(args.seed.map(|seed| format!("seed={seed}")));
    let config = PretrainConfig::load(&sweep::find(&args.config)?, &overrides)?;
    interrupt::listen("stopping after the epoch that is under way")?;
    println!("{}", pretrain::run(&config, &args.compute.find()?, &args.out)?.display());
    Ok(())
}
