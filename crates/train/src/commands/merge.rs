//! `wail merge RUN`, or `wail merge --config sweep.toml`

use std::path::{Path, PathBuf};

use super::audit;
use super::sweep::print;
use crate::args::SweepArgs;
use crate::pieces::Pieces;
use crate::terminal::{interrupt, stdout};
use crate::{Error, sweep};

/// Arguments of `wail merge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the run, which holds the folder `shards`; or what shards of audit, embed, features or infer write, as in --out
    /// [default: the run of the config]
    #[arg(value_name = "RUN|OUT", conflicts_with_all = ["config", "seed", "out"])]
    run: Option<PathBuf>,
    #[command(flatten)]
    sweep: SweepArgs,
}

/// Joins the shards, and prints the best trial of a run, its scores and the paths of the results.
pub fn run(args: &Args) -> Result<(), Error> {
    if let Some(out) = &args.run
        && merge_pieces(out)?
    {
        return Ok(());
    }
    interrupt::listen("stopping soon")?;
    let compute = args.sweep.run.compute.find().map_err(Error::Compute)?;
    let (path, report) = match &args.run {
        Some(run) => sweep::merge(run, &compute, |config| args.sweep.run.overridden(run, &config))?,
        None => {
            let (_, config) = args.sweep.load()?;
            sweep::merge_run_of(&config, &compute, &args.sweep.run.out)?
        }
    };
    print(&path, &report)
}

/// Joins the pieces of `out`, and prints its path. Returns whether it is the output of shards of such a command.
fn merge_pieces(out: &Path) -> Result<bool, Error> {
    if let Some(pieces) = Pieces::read(out)? {
        if audit::are_measurements(&pieces) {
            audit::merge(pieces, out)?;
        } else {
            pieces.join(out)?;
            pieces.remove()?;
            stdout::line(out.display())?;
        }
        return Ok(true);
    }
    let is_merged = out.is_file() || audit::page(out).is_file();
    if is_merged {
        stdout::line(format_args!("{}: there is nothing left to merge", out.display()))?;
    }
    Ok(is_merged)
}
