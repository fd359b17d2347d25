//! `train synth --out DIR`

use std::path::PathBuf;

use dataset::synth::{SynthConfig, write_corpus};

use crate::Error;

/// Arguments of `train synth`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for the class folders
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many recordings, over all classes
    #[arg(long, value_name = "N", default_value_t = SynthConfig::default().n_recordings)]
    recordings: usize,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = SynthConfig::default().seed)]
    seed: u64,
}

/// Writes the corpus and prints its folder.
pub fn run(args: &Args) -> Result<(), Error> {
    write_corpus(&args.out, &SynthConfig { seed: args.seed, n_recordings: args.recordings })?;
    println!("{}", args.out.display());
    Ok(())
}
