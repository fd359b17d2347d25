//! `wail merge RUN`

use std::path::PathBuf;

use model::ComputeArgs;

use super::audit;
use super::sweep::print;
use crate::pieces::Pieces;
use crate::terminal::{interrupt, stdout};
use crate::{Error, sweep};

/// Arguments of `wail merge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the run, which holds the folder `shards`; or what shards of audit, embed, features or infer write, as in --out
    #[arg(value_name = "RUN|OUT")]
    run: PathBuf,
    /// Device and engine of the shards
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Joins the shards, and prints the best trial of a run, its scores and the paths of the results.
pub fn run(args: &Args) -> Result<(), Error> {
    if let Some(pieces) = Pieces::read(&args.run)? {
        if audit::are_measurements(&pieces) {
            return audit::merge(pieces, &args.run);
        }
        pieces.join(&args.run)?;
        pieces.remove()?;
        return stdout::line(args.run.display());
    }
    if args.run.is_file() || audit::page(&args.run).is_file() {
        return stdout::line(format_args!("{}: there is nothing left to merge", args.run.display()));
    }
    interrupt::listen("stopping soon")?;
    let compute = args.compute.find().map_err(Error::Compute)?;
    let (path, report) = sweep::merge(&args.run, &compute)?;
    print(&path, &report)
}
