//! `train export RUN [--trial ID] --out DIR`

use std::path::PathBuf;

use crate::{Error, export};

/// Arguments of `train export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a finished run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// A trial of its leaderboard instead of the best
    #[arg(long, value_name = "ID")]
    trial: Option<String>,
    /// Folder to write, such as models/NAME; files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Exports the model and prints where it is.
pub fn run(args: &Args) -> Result<(), Error> {
    export::export(&args.run, args.trial.as_deref(), &args.out)?;
    println!("{}", args.out.display());
    Ok(())
}
