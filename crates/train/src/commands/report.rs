//! `wail report RUN...`

use std::path::{Path, PathBuf};

use experiment::Report;
use report::comparison::Comparison;
use report::page;

use crate::Error;
use crate::terminal::stdout;

/// Arguments of `wail report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of finished runs; two or more are also compared with the first, in its folder
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
}

/// Renders the reports, compares them if there are several, and prints the paths of the pages.
pub fn run(args: &Args) -> Result<(), Error> {
    for run in &args.runs {
        page::render(&Report::read(run)?, run)?;
        stdout::line(run.join("report.html").display())?;
    }
    if let [first, _, ..] = args.runs.as_slice() {
        let folders: Vec<&Path> = args.runs.iter().map(PathBuf::as_path).collect();
        Comparison::new(&folders)?.write(first)?;
        stdout::line(first.join("comparison.html").display())?;
    }
    Ok(())
}
