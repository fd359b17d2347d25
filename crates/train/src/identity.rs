//! What decides the results of a run. Sweep and pretraining both form their identity here.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use dataset::SPLITS_VERSION;
use dataset::conditions::CONDITIONS_VERSION;
use dataset::sounds::SOUNDS_VERSION;
use dataset::synth::SYNTH_VERSION;
use durable::sha256_hex_of;
use experiment::{Environment, Identity, REPORT_VERSION};
use features::FEATURES_VERSION;
use metrics::SCORES_VERSION;
use model::NETWORKS_VERSION;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Error;
use crate::config::{DataConfig, differences};
use crate::corpus::locate::Located;
use crate::gate::EXCERPTS_VERSION;
use crate::sound::decoy::DECOYS_VERSION;

/// Increased whenever the same embeddings give other trials, whitening, gates or pretrained backbones.
const TRAINING_VERSION: u32 = 2;

/// Versions of formats and code. Whoever changes results increases the one that covers them, so that no run mixes results of two
/// versions.
const VERSIONS: [(&str, u32); 11] = [
    ("conditions", CONDITIONS_VERSION),
    ("decoys", DECOYS_VERSION),
    ("excerpts", EXCERPTS_VERSION),
    ("features", FEATURES_VERSION),
    ("networks", NETWORKS_VERSION),
    ("report", REPORT_VERSION),
    ("scores", SCORES_VERSION),
    ("sounds", SOUNDS_VERSION),
    ("splits", SPLITS_VERSION),
    ("synthetic cries", SYNTH_VERSION),
    ("training", TRAINING_VERSION),
];

/// Everything that decides the results of a run.
pub(crate) struct IdentityInputs<'a> {
    /// The resolved configuration as TOML, without what only decides how long the search is and without the paths of `[data]`.
    pub config: String,
    pub data: &'a DataConfig,
    pub located: &'a Located,
    /// The encoder: hash of its weights, and what is known of it.
    pub encoder: String,
    /// Engine and device.
    pub engine: &'a str,
}

impl IdentityInputs<'_> {
    /// The identity.
    ///
    /// # Errors
    /// As [`IdentityInputs::parts`].
    pub fn identity(&self) -> Result<Identity, Error> {
        Ok(self.parts()?.identity())
    }

    /// What the identity hashes.
    ///
    /// # Errors
    /// [`Error::Dataset`] if a file that `[data]` names cannot be read.
    pub fn parts(&self) -> Result<IdentityParts, Error> {
        self.parts_with(&VERSIONS)
    }

    fn parts_with(&self, versions: &[(&str, u32)]) -> Result<IdentityParts, Error> {
        let corpus = &self.located.corpus;
        let mut inputs = vec![
            ("config", self.config.clone()),
            ("corpus", corpus.fingerprint()),
            ("synthetic", self.located.synthetic.to_string()),
            ("encoder", self.encoder.clone()),
            ("engine", self.engine.to_owned()),
            ("target", Environment::current().target),
        ];
        for file in self.data.named_files(&corpus.root) {
            inputs.push(("file", content_hash(&file)?));
        }
        inputs.extend(versions.iter().map(|(name, version)| (*name, version.to_string())));
        Ok(IdentityParts::new(inputs))
    }
}

/// What an identity hashes, each with a name: short texts, and hashes of long ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdentityParts(Vec<(String, String)>);

impl IdentityParts {
    /// The texts, each with its name.
    pub fn new<'a>(parts: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self(parts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect())
    }

    /// The identity.
    pub fn identity(&self) -> Identity {
        Identity::new(self.0.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }

    /// How these parts differ from `expected`, a line for each part, or for each key of the configuration.
    pub fn differences(&self, expected: &Self) -> Vec<String> {
        let names: BTreeSet<&str> = self.0.iter().chain(&expected.0).map(|(name, _)| name.as_str()).collect();
        let differing = |name: &&str| self.texts(name) != expected.texts(name);
        let describe = |name: &str| {
            let [ours, theirs] = [self, expected].map(|parts| parts.texts(name).join(" "));
            match (name, toml::from_str(&ours), toml::from_str(&theirs)) {
                ("config", Ok(ours), Ok(theirs)) => differences::between(&ours, &theirs),
                _ => vec![format!("{name}: {} instead of {}", or_nothing(&ours), or_nothing(&theirs))],
            }
        };
        names.into_iter().filter(differing).flat_map(describe).collect()
    }

    /// The text of the part called `name`, if there is only one.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.texts(name)[..] {
            [text] => Some(text),
            _ => None,
        }
    }

    /// The texts of the parts called `name`.
    fn texts(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, text)| text.as_str()).collect()
    }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

/// SHA-256 of the file at `path`, in hexadecimal.
fn content_hash(path: &Path) -> Result<String, Error> {
    let hash = File::open(path).and_then(sha256_hex_of);
    hash.map(|(hash, _)| hash).map_err(|source| dataset::Error::Read { path: path.into(), source }.into())
}

/// Adds identity and versions to what `provenance.json` says.
pub(crate) fn describe(identity: &Identity, provenance: &mut Value) {
    provenance["identity"] = json!(identity.to_string());
    provenance["versions"] = VERSIONS.into_iter().collect();
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use dataset::Corpus;

    use super::*;

    #[test]
    fn the_provenance_names_the_identity_and_every_version() {
        let identity = Identity::new([("corpus", "a")]);
        let mut provenance = json!({"seed": 1});
        describe(&identity, &mut provenance);
        assert_eq!(provenance["identity"], identity.to_string());
        assert_eq!(provenance["versions"]["scores"], SCORES_VERSION);
        assert_eq!(provenance["versions"].as_object().unwrap().len(), VERSIONS.len());
        assert_eq!(provenance["seed"], 1);
    }

    #[test]
    fn every_version_and_every_other_input_changes_the_identity() {
        let located = |synthetic| Located {
            corpus: Corpus { root: "r".into(), labels: vec!["tired".into()], ..Corpus::default() },
            synthetic,
        };
        let [real, synthetic] = [false, true].map(located);
        let data = DataConfig::default();
        let inputs = |config: &str, located, encoder: &str, engine: &'static str| IdentityInputs {
            config: config.into(),
            data: &data,
            located,
            encoder: encoder.into(),
            engine,
        };
        let of =
            |inputs: &IdentityInputs, versions: &[(&'static str, u32)]| inputs.parts_with(versions).unwrap().identity();
        let one = inputs("c", &real, "e", "rten on cpu");
        let mut seen = vec![one.identity().unwrap()];
        assert_eq!(of(&one, &VERSIONS), seen[0]);
        for other in [
            inputs("d", &real, "e", "rten on cpu"),
            inputs("c", &synthetic, "e", "rten on cpu"),
            inputs("c", &real, "f", "rten on cpu"),
            inputs("c", &real, "e", "burn on cpu"),
            inputs("c", &real, "e", "burn on wgpu"),
        ] {
            let identity = other.identity().unwrap();
            assert!(!seen.contains(&identity));
            seen.push(identity);
        }
        for index in 0..VERSIONS.len() {
            let mut versions = VERSIONS;
            versions[index].1 += 1;
            let identity = of(&one, &versions);
            assert!(!seen.contains(&identity), "{}", VERSIONS[index].0);
            seen.push(identity);
        }
    }

    #[test]
    fn differences_name_the_part_and_the_key() {
        let parts = |parts: &[(&'static str, &str)]| {
            IdentityParts::new(parts.iter().map(|(name, text)| (*name, (*text).to_owned())))
        };
        let one = parts(&[("config", "seed = 1\n[train]\nwhiten = true\n"), ("engine", "a"), ("file", "f")]);
        assert!(one.differences(&one).is_empty());
        let other = parts(&[("config", "seed = 2\n[train]\nwhiten = true\n"), ("engine", "b")]);
        assert_eq!(
            one.differences(&other),
            ["seed: 1 instead of 2", "engine: a instead of b", "file: f instead of nothing"]
        );
    }
}
