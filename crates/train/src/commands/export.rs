//! `wail export RUN [--trial ID] --out DIR`

use std::path::PathBuf;

use crate::terminal::stdout;
use crate::{Error, export};

/// Arguments of `wail export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a finished run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Trial of its leaderboard to export [default: the best]
    #[arg(long, value_name = "ID")]
    trial: Option<String>,
    /// Folder to write, such as models/NAME; existing files are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Exports the model and prints its folder.
pub fn run(args: &Args) -> Result<(), Error> {
    export::export(&args.run, args.trial.as_deref(), &args.out)?;
    stdout::line(args.out.display())
}
