//! The examples of a gate: embeddings of cries and of other sounds.

use dataset::sounds::{KINDS, Kind, SAMPLE_RATE_HZ, SOUNDS_VERSION};
use dataset::{Corpus, FloatCache, ImageStore};
use durable::hex;
use experiment::{hash, seed};
use model::Engine;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::excerpts::{kind_over_cry, part_of_cry, part_of_decoy};
use crate::Error;
use crate::config::GateConfig;
use crate::corpus::plan::Places;
use crate::embed::cached::{CachedEngine, Entry, Images};
use crate::embed::embeddings::{EmbeddingPass, Rows};
use crate::sound::decoy::DECOYS_VERSION;
use crate::sound::excerpt::SHORTEST_SECONDS;
use crate::terminal::interrupt;
use crate::terminal::progress::Progress;

/// Changes whenever the same recordings and sounds give other excerpts than before: cache keys and run identities contain it.
pub(crate) const EXCERPTS_VERSION: u32 = 2;

/// What a gate is trained on.
pub struct GateInputs<'a> {
    /// Its settings.
    pub config: &'a GateConfig,
    /// The recordings.
    pub corpus: &'a Corpus,
    /// Group of each recording, `[n recordings]`; recordings of one group are not independent.
    pub groups: &'a [usize],
    /// Images of the recordings.
    pub images: &'a ImageStore,
    /// The backbone as it is saved.
    pub engine: &'a dyn Engine,
    /// Everything that decides its embeddings: engine, device, hash of the weights.
    pub engine_key: &'a str,
    /// Where embeddings are cached.
    pub cache: &'a FloatCache,
    /// Whether the backbone was pretrained on synthetic sounds of all families.
    pub known_to_backbone: bool,
    /// The run's seed.
    pub seed: u64,
}

/// Which sounds take part as "not a cry".
#[derive(Clone, Copy)]
pub(super) enum Others<'a> {
    All,
    /// All but the sounds of this family.
    Without(&'a str),
}

impl Others<'_> {
    /// Whether the sounds of `family` take part.
    fn include(self, family: &str) -> bool {
        match self {
            Self::All => true,
            Self::Without(left_out) => family != left_out,
        }
    }
}

/// Embeddings of cries and of other sounds, row-major.
pub(super) struct Examples {
    /// Length of an embedding.
    pub n_features: usize,
    /// Training cries as whole recordings, `[n_train, n_features]`.
    pub train: Vec<f32>,
    /// One excerpt of each training cry, `[n_train, n_features]`.
    pub parts: Vec<f32>,
    /// Family of the sound that is mixed over each excerpt, `[n_train]`; `None` if there is none.
    pub family_over_part: Vec<Option<&'static str>>,
    /// One excerpt of a decoy of each training cry, or none if decoys are off.
    pub decoys: Vec<f32>,
    /// Synthetic sounds of each kind, `[sounds_per_kind, n_features]` each.
    pub sounds: Vec<(&'static Kind, Vec<f32>)>,
    /// Validation cries, `[n_val, n_features]`.
    pub val: Vec<f32>,
    /// The recordings that the gate is tested on: test, or validation if there is no test.
    pub tested: Rows,
    /// Name of the split of `tested`: `test` or `val`.
    pub tested_on: &'static str,
}

impl Examples {
    /// Embeds the recordings that `places` names, excerpts and decoys of the training recordings, and synthetic sounds.
    pub fn embed(inputs: &GateInputs, places: &Places) -> Result<Self, Error> {
        let pass = EmbeddingPass {
            corpus: inputs.corpus,
            images: inputs.images,
            frozen: inputs.engine,
            frozen_key: format!("{} before None", inputs.engine_key),
            cache: Some(inputs.cache.clone()),
            seed: inputs.seed,
            augmented_views: 0,
        };
        let whole = pass.run(places)?;
        let train = &whole.train.recordings;
        let extractor = inputs.images.extractor();
        let parts = inputs.excerpts(train, "part", |cry, rng| part_of_cry(extractor, cry, rng))?;
        let family_over_part = inputs.families_over_parts(train)?;
        let decoys = match inputs.config.decoys {
            true => inputs.excerpts(train, "decoy", |cry, rng| part_of_decoy(extractor, cry, rng))?,
            false => Vec::new(),
        };
        let sounds = inputs.sounds()?;
        let (tested_on, tested) = match whole.test.recordings.is_empty() {
            true => ("val", whole.val.clone()),
            false => ("test", whole.test),
        };
        Ok(Self {
            n_features: inputs.engine.n_outputs(),
            train: whole.train.rows,
            parts,
            family_over_part,
            decoys,
            sounds,
            val: whole.val.rows,
            tested,
            tested_on,
        })
    }

    /// Number of synthetic sounds.
    pub fn n_sounds(&self) -> usize {
        self.sounds.iter().map(|(_, rows)| rows.len() / self.n_features).sum()
    }

    /// Embeddings of cries for training against `others`: those with a sound of a family that takes no part are left out.
    pub fn cries<'a>(&'a self, others: Others<'a>) -> impl Iterator<Item = &'a [f32]> {
        let parts = self.parts.chunks_exact(self.n_features).zip(&self.family_over_part);
        let parts = parts.filter(move |(_, family)| family.is_none_or(|family| others.include(family)));
        self.train.chunks_exact(self.n_features).chain(parts.map(|(part, _)| part))
    }

    /// Embeddings of other sounds.
    pub fn others<'a>(&'a self, others: Others<'a>) -> impl Iterator<Item = &'a [f32]> {
        let sounds = self.sounds.iter().filter(move |(kind, _)| others.include(kind.family));
        let sounds = sounds.flat_map(|(_, rows)| rows.chunks_exact(self.n_features));
        sounds.chain(self.decoys.chunks_exact(self.n_features))
    }

    /// Embeddings of the synthetic sounds of one family: one `[sounds_per_kind, n_features]` for each of its kinds.
    pub fn family<'a>(&'a self, family: &'a str) -> impl Iterator<Item = &'a [f32]> {
        self.sounds.iter().filter(move |(kind, _)| kind.family == family).map(|(_, rows)| rows.as_slice())
    }
}

impl GateInputs<'_> {
    /// Embeddings of one excerpt of each of `recordings`. `make` cuts it from the waveform with its own random generator;
    /// `name` is the kind of excerpt.
    fn excerpts(
        &self,
        recordings: &[usize],
        name: &str,
        make: impl Fn(&[f32], &mut ChaCha8Rng) -> Vec<f32> + Sync,
    ) -> Result<Vec<f32>, Error> {
        let key =
            |hasher: &mut Sha256| recordings.iter().for_each(|i| hasher.update(&self.corpus.recordings[*i].sha256));
        self.embed(name, key, recordings.len(), |index| {
            let (waveform, mut rng) = self.waveform_and_generator(recordings[index], name)?;
            Ok(make(&waveform, &mut rng))
        })
    }

    /// The waveform of a recording, and the generator for its excerpt `name`.
    fn waveform_and_generator(&self, recording: usize, name: &str) -> Result<(Vec<f32>, ChaCha8Rng), Error> {
        let recording = &self.corpus.recordings[recording];
        let path = self.corpus.root.join(&recording.path);
        let extractor = self.images.extractor();
        let audio = extractor.decode_file(&path).map_err(|source| Error::Recording { path, source })?;
        let rng = seed::generator(self.seed, &["gate", name, &recording.sha256]);
        Ok((extractor.unpadded_waveform(&audio), rng))
    }

    /// Family of the sound that is mixed over the excerpt `part` of each of `recordings`. It depends on their lengths; the cache
    /// holds the index of the kind, as a number, so that nothing is decoded twice.
    fn families_over_parts(&self, recordings: &[usize]) -> Result<Vec<Option<&'static str>>, Error> {
        let mut hasher = Sha256::new();
        let made = format!("kinds over parts {EXCERPTS_VERSION} {SOUNDS_VERSION}, seed {}", self.seed);
        hash::add_parts(&mut hasher, [self.images.config().record_key().as_str(), &made]);
        recordings.iter().for_each(|index| hasher.update(&self.corpus.recordings[*index].sha256));
        let key = hex(&hasher.finalize());
        let kinds = match self.cache.get(&key, recordings.len()) {
            Some(kinds) => kinds,
            None => {
                let index_of_kind = |index: &usize| -> Result<f32, Error> {
                    let (waveform, mut rng) = self.waveform_and_generator(*index, "part")?;
                    let kind = kind_over_cry(self.images.extractor(), &waveform, &mut rng);
                    let place = kind.and_then(|kind| KINDS.iter().position(|other| other.name == kind.name));
                    Ok(place.unwrap_or(KINDS.len()) as f32)
                };
                let kinds = recordings.par_iter().map(index_of_kind).collect::<Result<Vec<f32>, Error>>()?;
                self.cache.put(&key, &kinds)?;
                kinds
            }
        };
        Ok(kinds.into_iter().map(|kind| KINDS.get(kind as usize).map(|kind| kind.family)).collect())
    }

    /// Embeddings of the synthetic sounds of each kind, in the order of the kinds.
    fn sounds(&self) -> Result<Vec<(&'static Kind, Vec<f32>)>, Error> {
        let progress = Progress::new("embedding", "kinds of other sounds");
        let clip_seconds = self.images.config().clip_seconds;
        let of_kind = |(done, kind): (usize, &'static Kind)| {
            let rows = self.embed(
                kind.name,
                |_| (),
                self.config.sounds_per_kind,
                |index| {
                    let seed = seed::derive(self.seed, &["gate", kind.name, &index.to_string()]);
                    let mut rng = seed::generator(seed, &["length"]);
                    let part = rng.random_range(SHORTEST_SECONDS.min(clip_seconds)..=clip_seconds);
                    let seconds = if rng.random() { clip_seconds } else { part };
                    Ok(self.images.extractor().at_own_rate(&kind.render(seed, seconds), SAMPLE_RATE_HZ))
                },
            )?;
            progress.set(done + 1, KINDS.len());
            Ok((kind, rows))
        };
        KINDS.iter().enumerate().map(of_kind).collect()
    }

    /// Embeddings `[n, n_features]` of `n` waveforms at the extractor's rate, as one entry of the cache; `name` and `key`
    /// identify them.
    fn embed(
        &self,
        name: &str,
        key: impl Fn(&mut Sha256),
        n: usize,
        waveform: impl Fn(usize) -> Result<Vec<f32>, Error> + Sync,
    ) -> Result<Vec<f32>, Error> {
        interrupt::check()?;
        let mut hasher = Sha256::new();
        let record_key = self.images.config().record_key();
        let made =
            format!("gate {EXCERPTS_VERSION} {DECOYS_VERSION} {SOUNDS_VERSION} {n} of {name}, seed {}", self.seed);
        hash::add_parts(&mut hasher, [self.engine_key, &record_key, &made]);
        key(&mut hasher);
        let entry = Entry { key: hex(&hasher.finalize()), n_rows: n };
        let engine = CachedEngine { engine: self.engine, cache: Some(self.cache) };
        let rows = engine.embed(&[entry], |_| {
            let image = |index: usize| Ok(self.images.extractor().record_from_waveform(&waveform(index)?));
            let images = (0..n).into_par_iter().map(image).collect::<Result<Vec<_>, Error>>()?;
            Ok(Images::distinct(images))
        })?;
        Ok(rows.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_that_is_left_out_is_neither_a_sound_nor_mixed_over_a_cry() {
        let kind = |family: &str| KINDS.iter().find(|kind| kind.family == family);
        let sounds = ["music", "noise"].into_iter().zip([10.0, 20.0]);
        let examples = Examples {
            n_features: 1,
            train: vec![1.0, 2.0, 3.0],
            parts: vec![4.0, 5.0, 6.0],
            family_over_part: vec![None, Some("music"), Some("noise")],
            decoys: vec![7.0],
            sounds: sounds.filter_map(|(family, row)| Some((kind(family)?, vec![row]))).collect(),
            val: Vec::new(),
            tested: Rows::default(),
            tested_on: "test",
        };
        let rows = |others| {
            let first = |rows: &[f32]| rows[0];
            let cries: Vec<f32> = examples.cries(others).map(first).collect();
            (cries, examples.others(others).map(first).collect::<Vec<f32>>())
        };
        assert_eq!(rows(Others::All), (vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![10.0, 20.0, 7.0]));
        assert_eq!(rows(Others::Without("music")), (vec![1.0, 2.0, 3.0, 4.0, 6.0], vec![20.0, 7.0]));
        assert_eq!(rows(Others::Without("noise")), (vec![1.0, 2.0, 3.0, 4.0, 5.0], vec![10.0, 7.0]));
    }
}
