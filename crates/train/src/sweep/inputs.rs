//! First step of the sweep: what decides its results. No recording is decoded yet.

use std::time::Instant;

use experiment::Identity;
use model::Compute;
use serde_json::json;

use super::grid;
use crate::Error;
use crate::backbone::{self, Resolved};
use crate::config::{Config, Settings, SweepConfig, TrainConfig};
use crate::corpus::locate::Located;
use crate::identity::{IdentityInputs, IdentityParts};

/// What decides the results of a sweep.
pub(super) struct Inputs<'a> {
    pub config: &'a Config,
    pub compute: &'a Compute,
    pub located: Located,
    pub backbone: Resolved,
    /// Engine and device, such as `rten on cpu`.
    pub engine: String,
    pub identity: Identity,
    /// What the identity hashes.
    pub parts: IdentityParts,
    /// When the sweep started.
    pub started: Instant,
}

impl<'a> Inputs<'a> {
    /// Checks the configuration of each trial, lists and hashes the recordings, and loads the backbone.
    pub fn find(config: &'a Config, compute: &'a Compute) -> Result<Self, Error> {
        let started = Instant::now();
        grid::trials(config).iter().try_for_each(|trial| config.with(&trial.settings).map(drop))?;
        let located = Located::find(&config.data, config.strict)?;
        let backbone = backbone::resolve(config)?;
        let engine = compute.describe_for(config.backbone.arch);
        let parts = IdentityInputs {
            config: without_search(config).to_toml()?,
            data: &config.data,
            located: &located,
            encoder: encoder_key(&backbone),
            engine: &engine,
        }
        .parts()?;
        Ok(Self { config, compute, located, backbone, engine, identity: parts.identity(), parts, started })
    }
}

/// Everything of the encoder that decides results, apart from the engine.
fn encoder_key(Resolved { summary, pretraining, cry_direction, .. }: &Resolved) -> String {
    match cry_direction {
        None => json!([summary.fingerprint, pretraining]),
        Some(direction) => json!([summary.fingerprint, pretraining, direction]),
    }
    .to_string()
}

/// The configuration without the search, so that a larger one resumes a smaller one: without the grid and the epoch count, and
/// without the paths of `[data]`. Inner folds stay: without them a trial has no score over them.
fn without_search(config: &Config) -> Config {
    let TrainConfig { epochs, .. } = TrainConfig::default();
    Config {
        sweep: SweepConfig { inner_folds: config.sweep.inner_folds, ..SweepConfig::default() },
        train: TrainConfig { epochs, ..config.train.clone() },
        data: config.data.without_paths(),
        ..config.clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use experiment::Setting;
    use model::{DeviceName, EngineName};

    use super::*;
    use crate::config::SplitConfig;

    /// A configuration that names files in the folder `at`.
    fn config_at(at: &Path) -> Config {
        let text = format!(
            "[data]\nroots = [{:?}]\ncache = {:?}\nrecorder_csv = {:?}\n[data.split]\nkind = \"csv\"\ndir = {:?}\n\
             [backbone]\narch = \"resnet18-w8\"\nweights = \"random\"\n",
            at.join("raw"),
            at.join("cache"),
            at.join("recorders.csv"),
            at.join("splits"),
        );
        Config::parse("test", &text, &[]).unwrap()
    }

    /// Writes recordings, split and recorders into the folder `at`. Nothing is decoded, so any bytes will do.
    fn write_files(at: &Path) {
        for (path, content) in [
            ("raw/hungry/1.wav", "one"),
            ("raw/hungry/2.wav", "two"),
            ("raw/tired/3.wav", "three"),
            ("splits/train.csv", "class,path,label\nhungry,1.wav,0\n"),
            ("splits/val.csv", "class,path,label\nhungry,2.wav,0\n"),
            ("splits/test.csv", "class,path,label\ntired,3.wav,1\n"),
            ("recorders.csv", "path,recorder\nhungry/1.wav,anna\n"),
        ] {
            let path = at.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }

    fn identity(config: &Config) -> Identity {
        let compute = Compute::new(DeviceName::Cpu, EngineName::Auto).unwrap();
        Inputs::find(config, &compute).unwrap().identity
    }

    fn with(config: &Config, change: impl FnOnce(&mut Config)) -> Config {
        let mut config = config.clone();
        change(&mut config);
        config
    }

    #[test]
    fn a_larger_search_and_other_places_keep_the_identity() {
        let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        for folder in [&here, &there] {
            write_files(folder.path());
        }
        std::fs::write(there.path().join("raw/hungry/notes.txt"), "not a recording").unwrap();
        let config = config_at(here.path());
        let same = identity(&config);
        assert_eq!(identity(&config_at(there.path())), same, "the same files in another folder");
        type Change = fn(&mut Config);
        let changes: [(&str, Change); 8] = [
            ("more epochs", |config| config.train.epochs += 1),
            ("other rates", |config| config.sweep.learning_rate = vec![0.5].into()),
            ("other sizes", |config| config.sweep.inner = vec![3].into()),
            ("other dropout", |config| config.sweep.dropout = vec![0.1].into()),
            ("axes of keys", |config| {
                config.sweep.keys.insert("train.weight_decay".into(), vec![Setting::Number(0.5)].into());
            }),
            ("another cache", |config| config.data.cache.push("elsewhere")),
            ("another folder of synthetic cries", |config| config.data.synthetic = "elsewhere".into()),
            ("one root more", |config| config.data.roots.push("elsewhere".into())),
        ];
        for (what, change) in changes {
            assert_eq!(identity(&with(&config, change)), same, "{what}");
        }
    }

    #[test]
    fn every_key_and_every_file_that_decides_a_result_changes_the_identity() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        write_files(folder.path());
        let config = config_at(folder.path());
        let before = identity(&config);
        type Change = fn(&mut Config);
        let changes: [(&str, Change); 11] = [
            ("seed", |config| config.seed += 1),
            ("clip", |config| config.features.clip_seconds = 3.0),
            ("encoder", |config| config.backbone.arch = "resnet18-w16".parse().unwrap()),
            ("trained layers", |config| config.backbone.train = model::Trainable::Layer4),
            ("inner folds", |config| config.sweep.inner_folds = 3),
            ("batch", |config| config.train.batch_size += 1),
            ("gate", |config| config.gate.decoys = false),
            ("duplicates", |config| config.data.drop_duplicates = true),
            ("split", |config| config.data.split = SplitConfig::Grouped {}),
            ("recorders", |config| config.data.recorder_csv = None),
            ("pattern", |config| {
                config.data.recorder_csv = None;
                config.data.recorder_pattern = Some("(.)".into());
            }),
        ];
        let mut seen = vec![before.clone()];
        for (what, change) in changes {
            let changed = identity(&with(&config, change));
            assert!(!seen.contains(&changed), "{what}");
            seen.push(changed);
        }
        for path in [
            "raw/hungry/1.wav",
            "raw/tired/3.wav",
            "splits/train.csv",
            "splits/val.csv",
            "splits/test.csv",
            "recorders.csv",
        ] {
            let content = std::fs::read(at(path)).unwrap();
            std::fs::write(at(path), [&content[..], b"\n"].concat()).unwrap();
            let changed = identity(&config);
            assert!(!seen.contains(&changed), "{path}");
            seen.push(changed);
            std::fs::write(at(path), content).unwrap();
            assert_eq!(identity(&config), before, "{path}, as it was");
        }
        std::fs::rename(at("raw/hungry/1.wav"), at("raw/hungry/7.wav")).unwrap();
        assert!(!seen.contains(&identity(&config)), "a recording with another name");
        std::fs::rename(at("raw/hungry/7.wav"), at("raw/tired/1.wav")).unwrap();
        assert!(!seen.contains(&identity(&config)), "a recording with another class");
        std::fs::remove_file(at("raw/tired/1.wav")).unwrap();
        assert!(!seen.contains(&identity(&config)), "a recording fewer");
    }

    #[test]
    fn the_weights_of_the_encoder_change_the_identity() {
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path());
        let goldens = Path::new("../model/tests/goldens");
        let weights = folder.path().join("encoder.onnx");
        let config = with(&config_at(folder.path()), |config| {
            config.backbone.arch = "resnet18".parse().unwrap();
            config.backbone.weights = weights.display().to_string();
        });
        std::fs::copy(goldens.join("legacy_folded.onnx"), &weights).unwrap();
        let one = identity(&config);
        assert_eq!(identity(&config), one);
        let mut bytes = std::fs::read(&weights).unwrap();
        // A bit of a weight: tensors fill most of the file.
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(&weights, bytes).unwrap();
        assert_ne!(identity(&config), one);
    }
}
