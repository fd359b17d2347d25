//! Which weights the backbone gets, and the truth about it.

use std::path::Path;
use std::time::Duration;

use model::{Arch, BackboneWeights};

use crate::Error;
use crate::config::{BackboneConfig, WeightsFallback};
use crate::progress::{Progress, warn};
use crate::report::BackboneSummary;
use crate::seed;
use crate::weights::{FetchLimits, Register, fetch};

/// The name that asks for random weights.
pub const RANDOM: &str = "random";

/// Where known weight files are kept.
pub const MODELS_DIR: &str = "models";

/// Finds the weights that `config` names: a path, a file already in `models/`, a download, then the stand-in.
///
/// # Errors
/// [`Error::Weights`] if they cannot be had and no stand-in is allowed, or a file is not what it should be.
pub fn resolve(config: &BackboneConfig, strict: bool, seed: u64) -> Result<(BackboneWeights, BackboneSummary), Error> {
    let summary = |weights: &BackboneWeights, used: String, stand_in: bool| BackboneSummary {
        arch: config.arch,
        trained: config.train,
        requested: config.weights.clone(),
        used,
        stand_in,
        fingerprint: weights.fingerprint(),
    };
    if config.weights == RANDOM {
        let weights = random(config.arch, seed);
        let used = format!("random weights, seed {seed}");
        let summary = summary(&weights, used, false);
        return Ok((weights, summary));
    }
    match find(&config.weights) {
        Ok(found) => {
            let weights = load(&found.path, config.arch)?;
            let summary = summary(&weights, found.what, false);
            Ok((weights, summary))
        }
        Err(Absent::Unavailable(why)) if !strict && config.when_missing == WeightsFallback::Random => {
            warn(&format!(
                "the weights {:?} cannot be had, so the backbone is RANDOM (seed {seed}), not pretrained.\n{why}\nScores will \
                 be lower than with pretrained weights. Fetch them with: train weights fetch {}",
                config.weights, config.weights
            ));
            let weights = random(config.arch, seed);
            let used = format!("RANDOM weights, seed {seed}, in place of {:?}, which could not be had", config.weights);
            let summary = summary(&weights, used, true);
            Ok((weights, summary))
        }
        Err(Absent::Unavailable(why) | Absent::Wrong(why)) => Err(Error::Weights(why)),
    }
}

/// Loads the weights that `name` stands for, a path or a name of the register, without any stand-in.
///
/// # Errors
/// [`Error::Weights`] if they cannot be had.
pub fn load_named(name: &str, arch: Arch) -> Result<BackboneWeights, Error> {
    match find(name) {
        Ok(found) => load(&found.path, arch),
        Err(Absent::Unavailable(why) | Absent::Wrong(why)) => Err(Error::Weights(why)),
    }
}

/// Seeded random weights.
pub fn random(arch: Arch, seed: u64) -> BackboneWeights {
    BackboneWeights::random(arch, seed::derive(seed, &["backbone"]))
}

struct Found {
    path: std::path::PathBuf,
    what: String,
}

enum Absent {
    /// A known file that is not here and cannot be fetched now.
    Unavailable(String),
    /// A name or path that does not exist: a stand-in would hide the mistake.
    Wrong(String),
}

fn find(name: &str) -> Result<Found, Absent> {
    let path = Path::new(name);
    if path.is_file() {
        return Ok(Found { path: path.into(), what: format!("the file {name}") });
    }
    let register = Register::embedded().map_err(|e| Absent::Wrong(e.to_string()))?;
    let Some(entry) = register.find(name) else {
        return Err(Absent::Wrong(format!(
            "backbone weights {name:?}: there is no such file and models/weights.toml has no such name; see: train weights list"
        )));
    };
    let progress = Progress::new(&format!("fetching {}", entry.name), "bytes");
    let limits = FetchLimits { connect: Duration::from_secs(5), ..FetchLimits::default() };
    let path =
        fetch(entry, Path::new(MODELS_DIR), &limits, &mut |done, total| progress.set(done as usize, total as usize))
            .map_err(|e| Absent::Unavailable(e.to_string()))?;
    Ok(Found { path, what: format!("{} ({}), SHA-256 {}", entry.name, entry.source, entry.sha256) })
}

fn load(path: &Path, arch: Arch) -> Result<BackboneWeights, Error> {
    BackboneWeights::load(path, arch).map_err(|e| Error::Weights(e.to_string()))
}
