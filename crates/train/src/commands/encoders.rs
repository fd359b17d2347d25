//! `wail encoders check FILE`

use std::path::PathBuf;

use clap::Subcommand;
use model::{Compute, DeviceName, EngineName};

use crate::Error;
use crate::args::ConfigSource;
use crate::config::{Config, InputKind};
use crate::encoder_check::{self, EncoderCheck};
use crate::terminal::{stderr, stdout};

/// Arguments of `wail encoders`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what an encoder in an ONNX file takes and gives, time it, and print the configuration for it
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// The .onnx file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Configuration whose [backbone.input] to check it with [default: what fits the graph]
    #[arg(long, value_name = "CONFIG")]
    config: Option<PathBuf>,
    /// What it takes [default: what its shape looks like]
    #[arg(long, value_enum, conflicts_with = "config")]
    kind: Option<InputKind>,
}

/// Runs the action: what it finds out is a message, and the tables are the output, so that a file of them is a configuration.
pub fn run(args: &Args) -> Result<(), Error> {
    let Action::Check(args) = &args.action;
    let config: Option<Config> = args.config.as_deref().map(|path| ConfigSource::find(path)?.parse(&[])).transpose()?;
    let compute = Compute::new(DeviceName::Cpu, EngineName::Rten).map_err(Error::Compute)?;
    let checked = encoder_check::check(&args.file, config.as_ref(), args.kind, &compute)?;
    stderr::line(checked.description());
    stdout::line(checked.tables(&args.file)?.trim_end())?;
    let EncoderCheck { outcome, .. } = checked;
    outcome.map(drop)
}
