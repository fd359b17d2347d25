//! Which weights the backbone gets, and the truth about it.

use std::path::Path;
use std::time::Duration;

use model::{Arch, BackboneInfo, BackboneWeights, NetworkArch, Pooling};
use predict::in_the_box;

use crate::Error;
use crate::config::{BackboneConfig, WeightsFallback};
use crate::pretrain::sounds::Heard;
use crate::progress::{Progress, warn};
use crate::report::BackboneSummary;
use crate::seed;
use crate::weights::{FetchLimits, Register, fetch};

/// The name that asks for random weights.
pub const RANDOM: &str = "random";

/// Where known weight files are kept.
pub const MODELS_DIR: &str = "models";

/// The backbone of a run.
pub struct Resolved {
    /// Its weights.
    pub weights: BackboneWeights,
    /// What is known of them.
    pub summary: BackboneSummary,
    /// What they were made from, as far as their file tells.
    pub heard: Heard,
    /// What a reader of scores must know: that it is not the backbone that was asked for.
    pub warning: Option<String>,
}

/// One network's weights, as [`Resolved`] has them.
struct Part {
    weights: BackboneWeights,
    used: String,
    heard: Heard,
    warning: Option<String>,
}

/// Finds the weights that `config` names for each network: a path, a file already in `models/`, a download, then the stand-in.
///
/// # Errors
/// [`Error::Weights`] if they cannot be had and no stand-in is allowed, or a file is not what it should be.
pub fn resolve(config: &BackboneConfig, strict: bool, seed: u64) -> Result<Resolved, Error> {
    let mut requested: Vec<&str> = Vec::new();
    let mut whole: Option<Part> = None;
    for network in config.arch.networks() {
        let is_yamnet = network == NetworkArch::Yamnet;
        let alone = config.arch.only_network().is_some();
        let name = if is_yamnet && !alone { &config.yamnet_weights } else { &config.weights };
        // The compact backbone can stand in for a ResNet only.
        let when_missing = match config.when_missing {
            WeightsFallback::Compact if is_yamnet => WeightsFallback::Fail,
            other => other,
        };
        let mut part = resolve_part(network.into(), name, when_missing, strict, seed)?;
        if is_yamnet {
            // Random weights have no score for cries.
            let pooling = if part.weights.knows_cries() { config.pooling } else { Pooling::Mean };
            part.weights = part.weights.with_pooling(pooling).map_err(failed)?;
        }
        requested.push(name);
        whole = Some(match whole {
            Some(before) => before.beside(part)?,
            None => part,
        });
    }
    let no_network = || Error::Weights(format!("{}: an architecture without a network", config.arch));
    let Part { weights, used, heard, warning } = whole.ok_or_else(no_network)?;
    let summary = BackboneSummary {
        arch: weights.arch(),
        trained: config.train,
        requested: requested.join(", "),
        used,
        stand_in: warning.is_some(),
        fingerprint: weights.fingerprint(),
    };
    Ok(Resolved { weights, summary, heard, warning })
}

impl Part {
    /// Two parts as one, with the networks of this one first.
    fn beside(self, other: Self) -> Result<Self, Error> {
        let warnings: Vec<String> = self.warning.into_iter().chain(other.warning).collect();
        Ok(Self {
            weights: self.weights.beside(other.weights).map_err(failed)?,
            used: format!("{}; beside it {}", self.used, other.used),
            heard: if self.heard == Heard::default() { other.heard } else { self.heard },
            warning: (!warnings.is_empty()).then(|| warnings.join(" ")),
        })
    }
}

fn failed(error: model::Error) -> Error {
    Error::Weights(error.to_string())
}

/// [`resolve`] of one network.
fn resolve_part(arch: Arch, name: &str, when_missing: WeightsFallback, strict: bool, seed: u64) -> Result<Part, Error> {
    if name == RANDOM {
        let used = format!("random weights, seed {seed}");
        return Ok(Part { weights: random(arch, seed), used, heard: Heard::default(), warning: None });
    }
    let why = match find(name) {
        Ok(found) => {
            let (weights, info) = model::load_backbone(&found.path, arch).map_err(failed)?;
            let provenance = info.map(|info| info.provenance);
            let used = match provenance.as_ref().and_then(|provenance| provenance["backbone"]["used"].as_str()) {
                Some(how) => format!("{}: {how}", found.what),
                None => found.what,
            };
            let heard = provenance.as_ref().map(heard).unwrap_or_default();
            return Ok(Part { weights, used, heard, warning: None });
        }
        Err(Absent::Unavailable(why)) if !strict => why,
        Err(Absent::Unavailable(why) | Absent::Wrong(why)) => return Err(Error::Weights(why)),
    };
    let missing = format!("the weights {name:?} could not be had");
    let tell = |what: &str, scores: &str| {
        warn(&format!(
            "the weights {name:?} cannot be had, so the backbone is {what}.\n{why}\n{scores} Fetch them with: train weights fetch {name}"
        ));
    };
    match when_missing {
        WeightsFallback::Compact => {
            let name = in_the_box::NAME;
            let saved = model::parse_model(Path::new(name), in_the_box::MODEL, &model::cpu()).map_err(failed)?;
            tell(
                &format!("COMPACT, the {name} that comes with the program"),
                "It is small, and learnt from few cries.",
            );
            let used = format!("the backbone of {name} ({}), since {missing}", saved.info.backbone_source);
            let warning = format!("The backbone is the compact one that comes with the program: {missing}.");
            Ok(Part { weights: saved.weights, used, heard: heard(&saved.info.provenance), warning: Some(warning) })
        }
        WeightsFallback::Random => {
            tell(
                &format!("RANDOM (seed {seed}), not pretrained"),
                "Scores will be lower than with pretrained weights.",
            );
            let used = format!("RANDOM weights, seed {seed}, since {missing}");
            let warning = format!("The backbone is random, not pretrained: {missing}.");
            Ok(Part { weights: random(arch, seed), used, heard: Heard::default(), warning: Some(warning) })
        }
        WeightsFallback::Fail => Err(Error::Weights(why)),
    }
}

/// What `provenance`, that of a pretraining or of a run, says of what the backbone heard.
fn heard(provenance: &serde_json::Value) -> Heard {
    serde_json::from_value(provenance["backbone"]["heard"].clone()).unwrap_or_default()
}

/// Loads the weights that `name` stands for, a path or a name of the register, without any stand-in, and what this program saved beside
/// them if it did.
///
/// # Errors
/// [`Error::Weights`] if they cannot be had.
pub fn load_named(name: &str, arch: Arch) -> Result<(BackboneWeights, Option<BackboneInfo>), Error> {
    match find(name) {
        Ok(found) => model::load_backbone(&found.path, arch).map_err(failed),
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
