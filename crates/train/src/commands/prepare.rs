//! `wail prepare --config sweep.toml`

use std::path::PathBuf;

use crate::args::{ConfigSource, RunArgs};
use crate::config::Config;
use crate::pretrain::config::PretrainConfig;
use crate::shard_args::ShardArgs;
use crate::terminal::{interrupt, stdout};
use crate::{Error, sweep};

/// Arguments of `wail prepare`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration of the sweep; a bare name is also looked for in configs/
    #[arg(long, value_name = "FILE", default_value = "sweep.toml")]
    config: PathBuf,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    shard: ShardArgs,
}

/// Fills the caches and prints how many recordings they hold for the sweep.
pub fn run(args: &Args) -> Result<(), Error> {
    let config = args.run.load::<Config, PretrainConfig>(&ConfigSource::find(&args.config)?)?;
    let shard = args.shard.resolve()?;
    interrupt::listen("stopping after the current recordings")?;
    let compute = args.run.compute.find().map_err(Error::Compute)?;
    let recordings = sweep::fill_caches(&config, &compute, shard)?;
    stdout::line(format_args!("prepared   {recordings} recordings in {}", config.data.cache_dir().display()))
}
