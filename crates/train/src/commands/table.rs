//! `wail table FILE...`

use std::path::PathBuf;

use dataset::{Selection, annotation_table, count};

use crate::Error;
use crate::terminal::{stderr, stdout};

/// Arguments of `wail table`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Label tracks of Audacity, selection tables of Raven or TextGrids of Praat, each beside the sound file whose name it has
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Take only this tier of TextGrids [default: all]
    #[arg(long, value_name = "NAME")]
    tier: Option<String>,
    /// Column of Raven's tables with the labels [default: label, annotation, class, category, type, call type or species]
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
}

/// Prints the table as CSV.
pub fn run(args: &Args) -> Result<(), Error> {
    let selection = Selection { tier: args.tier.as_deref(), label_column: args.label.as_deref() };
    let table = annotation_table(&args.files, &selection)?;
    if !table.passed_over.is_empty() {
        stderr::line(format_args!("passed over {}", table.passed_over.summary()));
    }
    if table.n_rows == 0 {
        return Err(Error::Data("there is no annotation with a length and a label, so there is no table".into()));
    }
    stderr::line(format_args!(
        "{} of {}; to train on them: wail --config table.toml --set data.table=FILE",
        count(table.n_rows, "row"),
        count(args.files.len(), "file")
    ));
    stdout::print(table.csv)
}
