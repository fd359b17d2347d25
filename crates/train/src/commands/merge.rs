//! `wail merge RUN`

use std::path::PathBuf;

use model::ComputeArgs;

use super::sweep::print;
use crate::terminal::{interrupt, stdout};
use crate::{Error, pieces, sweep};

/// Arguments of `wail merge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the run, which holds the folder `shards`; or the file that shards of embed, features or infer write
    #[arg(value_name = "RUN|FILE")]
    run: PathBuf,
    /// Device and engine of the shards
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Joins the shards, and prints the best trial of a run, its scores and the paths of the results.
pub fn run(args: &Args) -> Result<(), Error> {
    if pieces::has_pieces(&args.run) {
        pieces::merge(&args.run)?;
        return stdout::line(args.run.display());
    }
    interrupt::listen("stopping soon")?;
    let compute = args.compute.find().map_err(Error::Compute)?;
    let (path, report) = sweep::merge(&args.run, &compute)?;
    print(&path, &report)
}
