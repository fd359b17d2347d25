//! `wail merge RUN`

use std::path::PathBuf;

use model::ComputeArgs;

use super::sweep::print;
use crate::terminal::interrupt;
use crate::{Error, sweep};

/// Arguments of `wail merge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the run, which holds the folder `shards`
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Device and engine of the shards
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Joins the shards, and prints the best trial, its scores and the paths of the results.
pub fn run(args: &Args) -> Result<(), Error> {
    interrupt::listen("stopping soon")?;
    let compute = args.compute.find().map_err(Error::Compute)?;
    let (path, report) = sweep::merge(&args.run, &compute)?;
    print(&path, &report)
}
