//! `wail synth --out DIR`

use std::path::PathBuf;

use dataset::nights::{NightsConfig, write_nights};
use dataset::sounds::{SoundsConfig, write_sounds};
use dataset::synth::{SynthConfig, write_corpus};

use crate::Error;
use crate::terminal::stdout;

/// Arguments of `wail synth`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to create: class folders with recordings, or nights
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of recordings, over all classes
    #[arg(long, value_name = "N", default_value_t = SynthConfig::default().n_recordings)]
    recordings: usize,
    /// Generate this many sounds of each kind that is not a cry instead: silence, noise, machines, music, speech, laughter,
    /// animals
    #[arg(long, value_name = "N", conflicts_with = "recordings")]
    not_a_cry: Option<usize>,
    /// Generate this many nights instead: hours with cries at known times among other sounds, with tables of what sounds when
    /// (truth.csv, sounds.csv)
    #[arg(long, value_name = "N", conflicts_with_all = ["recordings", "not_a_cry"])]
    nights: Option<usize>,
    /// Length of a night, hours, up to 24
    #[arg(long, value_name = "H", requires = "nights", default_value_t = NightsConfig::default().hours)]
    hours: f64,
    /// Mean number of episodes of crying an hour, 0 to 30
    #[arg(long, value_name = "X", requires = "nights", default_value_t = NightsConfig::default().cries_per_hour)]
    cries_per_hour: f64,
    /// Seed; the same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = SynthConfig::default().seed)]
    seed: u64,
}

/// Writes the corpus, the sounds or the nights, and prints their folder.
pub fn run(args: &Args) -> Result<(), Error> {
    let Args { seed, hours, cries_per_hour, .. } = *args;
    match (args.nights, args.not_a_cry) {
        (Some(n_nights), _) => write_nights(&args.out, &NightsConfig { seed, n_nights, hours, cries_per_hour })?,
        (None, Some(n_per_kind)) => write_sounds(&args.out, &SoundsConfig { seed, n_per_kind })?,
        (None, None) => write_corpus(&args.out, &SynthConfig { seed, n_recordings: args.recordings })?,
    }
    stdout::line(args.out.display())
}
