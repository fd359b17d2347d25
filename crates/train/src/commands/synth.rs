//! `train synth --out DIR`

use std::path::PathBuf;

use dataset::sounds::{SoundsConfig, write_sounds};
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
    /// Instead of cries, so many sounds of each kind that are none: silence, noise, machines, music, speech, laughter, animals
    #[arg(long, value_name = "N", conflicts_with = "recordings")]
    not_a_cry: Option<usize>,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = SynthConfig::default().seed)]
    seed: u64,
}

/// Writes the corpus and prints its folder.
pub fn run(args: &Args) -> Result<(), Error> {
    match args.not_a_cry {
        Some(n_per_kind) => write_sounds(&args.out, &SoundsConfig { seed: args.seed, n_per_kind })?,
        None => write_corpus(&args.out, &SynthConfig { seed: args.seed, n_recordings: args.recordings })?,
    }
    println!("{}", args.out.display());
    Ok(())
}
