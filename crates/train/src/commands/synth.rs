//! `wail synth --out DIR`

use std::path::PathBuf;

use dataset::sounds::{SoundsConfig, write_sounds};
use dataset::synth::{SynthConfig, write_corpus};

use crate::Error;
use crate::terminal::stdout;

/// Arguments of `wail synth`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder in which the class folders are created
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of recordings, over all classes
    #[arg(long, value_name = "N", default_value_t = SynthConfig::default().n_recordings)]
    recordings: usize,
    /// Generate this many sounds of each kind that is not a cry instead: silence, noise, machines, music, speech, laughter,
    /// animals
    #[arg(long, value_name = "N", conflicts_with = "recordings")]
    not_a_cry: Option<usize>,
    /// Seed; the same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = SynthConfig::default().seed)]
    seed: u64,
}

/// Writes the corpus and prints its folder.
pub fn run(args: &Args) -> Result<(), Error> {
    match args.not_a_cry {
        Some(n_per_kind) => write_sounds(&args.out, &SoundsConfig { seed: args.seed, n_per_kind })?,
        None => write_corpus(&args.out, &SynthConfig { seed: args.seed, n_recordings: args.recordings })?,
    }
    stdout::line(args.out.display())
}
