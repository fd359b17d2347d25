//! Finds the backbone's weights: a file, a download, or a fallback that is reported.

use std::path::{Path, PathBuf};
use std::time::Duration;

use experiment::{BackboneSummary, PretrainingData, seed};
use features::FeatureConfig;
use model::{Arch, BackboneInfo, BackboneWeights, NetworkArch, Pooling};
use predict::in_the_box;
use weights::{FetchLimits, Register, WeightFile, fetch};

use crate::config::{BackboneConfig, Config, NO_INPUT, WeightsFallback};
use crate::terminal::progress::{Progress, warn};
use crate::{Error, home};

/// Name of random weights.
pub const RANDOM: &str = "random";

/// Folder of known weight files: `models`, inside `WAIL_HOME` if that is set.
pub fn models_dir() -> PathBuf {
    home::inside(Path::new("models"))
}

/// The backbone of a run.
pub struct Resolved {
    /// Its weights.
    pub weights: BackboneWeights,
    /// What the report shows of it.
    pub summary: BackboneSummary,
    /// What it was pretrained on, according to its file.
    pub pretraining: PretrainingData,
    /// As [`BackboneInfo::cry_direction`].
    pub cry_direction: Option<Vec<f32>>,
    /// Warning for reports if it is a fallback.
    pub warning: Option<String>,
}

/// The weights of one network; see [`Resolved`].
struct Part {
    weights: BackboneWeights,
    used: String,
    pretraining: PretrainingData,
    cry_direction: Option<Vec<f32>>,
    warning: Option<String>,
}

/// Finds the weights that `config` names for each network, in this order: a path, a file in `models/`, a download, the fallback.
///
/// # Errors
/// [`Error::Weights`] or [`Error::WeightFile`] if they are not available and no fallback is allowed, [`Error::ModelFile`] if a
/// file is damaged or does not fit.
pub fn resolve(config: &Config) -> Result<Resolved, Error> {
    let Config { backbone: config, features, strict, seed, .. } = config;
    let (strict, seed) = (*strict, *seed);
    let mut requested: Vec<&str> = Vec::new();
    let mut whole: Option<Part> = None;
    for network in config.arch.networks() {
        let is_yamnet = network == NetworkArch::Yamnet;
        let alone = config.arch.only_network().is_some();
        let name = if is_yamnet && !alone { &config.yamnet_weights } else { &config.weights };
        // The compact backbone replaces a ResNet only.
        let when_missing = match config.when_missing {
            WeightsFallback::Compact if is_yamnet => WeightsFallback::Fail,
            other => other,
        };
        let mut part = match network {
            NetworkArch::Onnx => onnx_part(config, features)?,
            network => resolve_part(network.into(), name, when_missing, strict, seed)?,
        };
        if is_yamnet {
            // Random weights have no cry score to weight patches with.
            let pooling = if part.weights.knows_cries() { config.pooling } else { Pooling::Mean };
            part.weights = part.weights.with_pooling(pooling).map_err(Error::ModelFile)?;
        }
        requested.push(name);
        whole = Some(match whole {
            Some(before) => before.beside(part)?,
            None => part,
        });
    }
    let no_network = || Error::Weights(format!("{}: an architecture without a network", config.arch));
    let Part { weights, used, pretraining, cry_direction, warning } = whole.ok_or_else(no_network)?;
    let summary = BackboneSummary {
        arch: weights.arch(),
        trained: config.train,
        requested: requested.join(", "),
        used,
        stand_in: warning.is_some(),
        fingerprint: weights.fingerprint(),
    };
    Ok(Resolved { weights, summary, pretraining, cry_direction, warning })
}

impl Part {
    /// Combines both parts; the networks of `self` come first.
    fn beside(self, other: Self) -> Result<Self, Error> {
        let warnings: Vec<String> = self.warning.into_iter().chain(other.warning).collect();
        Ok(Self {
            weights: self.weights.beside(other.weights).map_err(Error::ModelFile)?,
            used: format!("{}; with {}", self.used, other.used),
            pretraining: if self.pretraining == PretrainingData::default() {
                other.pretraining
            } else {
                self.pretraining
            },
            cry_direction: None,
            warning: (!warnings.is_empty()).then(|| warnings.join(" ")),
        })
    }
}

/// The encoder in an ONNX file.
fn onnx_part(config: &BackboneConfig, features: &FeatureConfig) -> Result<Part, Error> {
    let file = find(&config.weights)?;
    let no_input = || Error::Config(NO_INPUT.into());
    let binding =
        config.input.as_ref().ok_or_else(no_input)?.binding().map_err(|problem| Error::Config(problem.text()))?;
    let inputs = features.inputs();
    let input = inputs.first().copied().ok_or_else(no_input)?;
    let (weights, sha256) = BackboneWeights::load_onnx(&file.path, &binding, input).map_err(Error::ModelFile)?;
    let used = format!("the file {}, SHA-256 {sha256}", config.weights);
    Ok(Part { weights, used, pretraining: PretrainingData::default(), cry_direction: None, warning: None })
}

/// Resolves the weights of one network.
fn resolve_part(arch: Arch, name: &str, when_missing: WeightsFallback, strict: bool, seed: u64) -> Result<Part, Error> {
    if name == RANDOM {
        return Part::random(arch, seed, format!("random weights, seed {seed}"));
    }
    match find(name) {
        Ok(file) => {
            let (weights, info) = model::load_backbone(&file.path, arch).map_err(Error::ModelFile)?;
            let (provenance, cry_direction) =
                info.map(|info| (info.provenance, info.cry_direction)).unwrap_or_default();
            let used = match provenance["backbone"]["used"].as_str() {
                Some(how) => format!("{}: {how}", file.description),
                None => file.description,
            };
            Ok(Part { weights, used, pretraining: pretraining_data(&provenance), cry_direction, warning: None })
        }
        Err(Error::WeightFile(why)) if !strict && !matches!(why, weights::Error::Register(_)) => {
            fallback(arch, name, when_missing, seed, why)
        }
        Err(error) => Err(error),
    }
}

/// The fallback for the known weights `name`, which are not available for the reason `why`.
fn fallback(
    arch: Arch,
    name: &str,
    when_missing: WeightsFallback,
    seed: u64,
    why: weights::Error,
) -> Result<Part, Error> {
    let missing = format!("the weights {name:?} are not available");
    let announce = |what: &str, scores: &str| {
        warn(&format!(
            "{missing}, so the backbone is {what}.\n{why}\n{scores} Fetch them with: wail weights fetch {name}"
        ));
    };
    match when_missing {
        WeightsFallback::Compact => {
            let compact = in_the_box::NAME;
            let saved = model::parse_model(Path::new(compact), in_the_box::MODEL, &model::cpu());
            let saved = saved.map_err(Error::ModelFile)?;
            announce(
                &format!("COMPACT, the {compact} that is built into the program"),
                "It is small and was trained on few cries.",
            );
            Ok(Part {
                cry_direction: saved.cry_direction(),
                weights: saved.weights,
                used: format!("the backbone of {compact} ({}), since {missing}", saved.info.backbone_source),
                pretraining: pretraining_data(&saved.info.provenance),
                warning: Some(format!("The backbone is the compact one that is built into the program: {missing}.")),
            })
        }
        WeightsFallback::Random => {
            announce(
                &format!("RANDOM (seed {seed}), not pretrained"),
                "Scores will be lower than with pretrained weights.",
            );
            let warning = format!("The backbone is random, not pretrained: {missing}.");
            let part = Part::random(arch, seed, format!("RANDOM weights, seed {seed}, since {missing}"))?;
            Ok(Part { warning: Some(warning), ..part })
        }
        WeightsFallback::Fail => Err(why.into()),
    }
}

impl Part {
    /// Random weights; `used` describes them.
    fn random(arch: Arch, seed: u64, used: String) -> Result<Self, Error> {
        let pretraining = PretrainingData::default();
        Ok(Self { weights: random(arch, seed)?, used, pretraining, cry_direction: None, warning: None })
    }
}

/// What the backbone was pretrained on, according to the provenance of a pretraining or of a run.
fn pretraining_data(provenance: &serde_json::Value) -> PretrainingData {
    serde_json::from_value(provenance["backbone"]["heard"].clone()).unwrap_or_default()
}

/// Loads the weights with this path or name, without a fallback, and the description that Wail saved with them, if any.
///
/// # Errors
/// [`Error::Weights`] or [`Error::WeightFile`] if they are not available, [`Error::ModelFile`] if they are damaged or do not fit.
pub fn load_named(name: &str, arch: Arch) -> Result<(BackboneWeights, Option<BackboneInfo>), Error> {
    model::load_backbone(&find(name)?.path, arch).map_err(Error::ModelFile)
}

/// Seeded random weights.
///
/// # Errors
/// [`Error::Weights`] for an architecture whose layers are in a file.
pub fn random(arch: Arch, seed: u64) -> Result<BackboneWeights, Error> {
    BackboneWeights::random(arch, seed::derive(seed, &["backbone"])).map_err(|error| Error::Weights(error.to_string()))
}

/// A weight file on disk.
struct LocalFile {
    path: PathBuf,
    /// What it is, for reports.
    description: String,
}

/// Finds the file with this path or name and downloads it if necessary.
///
/// Only a known file that is not available gives [`Error::WeightFile`], which a fallback may replace. A wrong name or path gives
/// [`Error::Weights`], since a fallback would hide the mistake.
fn find(name: &str) -> Result<LocalFile, Error> {
    let path = Path::new(name);
    if path.is_file() {
        return Ok(LocalFile { path: path.into(), description: format!("the file {name}") });
    }
    let register = Register::embedded()?;
    let Some(entry) = register.find(name) else {
        return Err(Error::Weights(format!(
            "backbone weights {name:?}: there is no such file, and models/weights.toml has no such name; see: wail weights list"
        )));
    };
    let limits = FetchLimits { connect: Duration::from_secs(5), ..FetchLimits::default() };
    let path = fetch_with_progress(&format!("fetching {}", entry.name), entry, &limits)?;
    let description = format!("{} ({}), SHA-256 {}", entry.name, entry.source, entry.sha256);
    Ok(LocalFile { path, description })
}

/// Downloads a known weight file into [`models_dir`] unless it is there, and shows the progress under `title`.
///
/// # Errors
/// [`Error::WeightFile`] if it is not available.
pub(crate) fn fetch_with_progress(title: &str, entry: &WeightFile, limits: &FetchLimits) -> Result<PathBuf, Error> {
    let progress = Progress::new(title, "bytes");
    let mut show = |done: u64, total: u64| progress.set(done as usize, total as usize);
    Ok(fetch(entry, &models_dir(), limits, &mut show)?)
}
