//! `wail pretrain --config pretrain.toml`

use std::path::PathBuf;

use crate::args::{ConfigSource, RunArgs};
use crate::config::Config;
use crate::pretrain::config::PretrainConfig;
use crate::terminal::{interrupt, stderr, stdout};
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
    let source = ConfigSource::find(&args.config)?;
    let config = args.run.load::<PretrainConfig, Config>(&source)?;
    stderr::line(format_args!("config     {source}"));
    interrupt::listen("stopping after the current step")?;
    let compute = args.run.compute.find().map_err(Error::Compute)?;
    stdout::line(pretrain::run(&config, &compute, &args.run.out)?.display())
}
