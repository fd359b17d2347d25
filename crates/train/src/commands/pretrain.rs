//! `wail pretrain --config pretrain.toml`

use std::path::PathBuf;

use crate::args::RunArgs;
use crate::pretrain::config::PretrainConfig;
use crate::terminal::{interrupt, stdout};
use crate::{Error, pretrain};

/// Arguments of `wail pretrain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration of the pretraining; a bare name is also looked for in configs/
    #[arg(long, value_name = "FILE", default_value = "pretrain.toml")]
    config: PathBuf,
    #[command(flatten)]
    run: RunArgs,
}

/// Pretrains and prints the path of the backbone.
pub fn run(args: &Args) -> Result<(), Error> {
    let config: PretrainConfig = args.run.load(&args.config)?;
    interrupt::listen("stopping after the current step")?;
    let compute = args.run.compute.find().map_err(Error::Compute)?;
    stdout::line(pretrain::run(&config, &compute, &args.run.out)?.display())
}
