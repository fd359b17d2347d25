//! `wail prepare --config sweep.toml`

use dataset::count;

use crate::args::SweepArgs;
use crate::shard_args::ShardArgs;
use crate::terminal::{interrupt, stdout};
use crate::{Error, sweep};

/// Arguments of `wail prepare`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    sweep: SweepArgs,
    #[command(flatten)]
    shard: ShardArgs,
}

/// Fills the caches and prints how many recordings they hold for the sweep.
pub fn run(args: &Args) -> Result<(), Error> {
    let (_, config) = args.sweep.load()?;
    let shard = args.shard.resolve()?;
    interrupt::listen("stopping after the current recordings")?;
    let compute = args.sweep.run.compute.find().map_err(Error::Compute)?;
    let recordings = sweep::fill_caches(&config, &compute, shard)?;
    stdout::line(format_args!("prepared   {} in {}", count(recordings, "recording"), config.data.cache_dir().display()))
}
