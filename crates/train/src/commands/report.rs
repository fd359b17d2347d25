//! `train report RUN`

use std::path::PathBuf;

use crate::Error;
use crate::report::Report;

/// Arguments of `train report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a finished run
    #[arg(value_name = "RUN")]
    run: PathBuf,
}

/// Renders the report again and prints where it is.
pub fn run(args: &Args) -> Result<(), Error> {
    Report::read(&args.run)?.write(&args.run)?;
    println!("{}", args.run.join("report.html").display());
    Ok(())
}
