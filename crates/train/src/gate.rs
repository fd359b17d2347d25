//! The gate before the classes: trained on cries against seeded sounds that are none.
//!
//! A linear layer on the embedding, by logistic regression with L2 on standardised embeddings, both sides of equal weight. Recordings
//! and sounds of any length meet the model, so both sides are heard whole and in parts; a cry over noise is a cry, and a recording with
//! its cry taken out, a decoy, is none. What it is worth is measured on recordings that took no part in training and on families of
//! sounds, such as all music, by a gate that never met the family.

mod logistic;

use std::collections::BTreeSet;

use dataset::sounds::{KINDS, Kind, SAMPLE_RATE_HZ, SOUNDS_VERSION};
use dataset::{Corpus, FloatCache, ImageStore, hex};
use features::Extractor;
use metrics::{Detection, Family, threshold_at_recall};
use model::{BackboneWeights, Compute, Engine, Gate, GateInfo, Trainable};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::GateConfig;
use crate::decoy::{DECOYS_VERSION, decoy};
use crate::embeddings::Pass;
use crate::plan::Places;
use crate::pretrain::sounds::Heard;
use crate::progress::Progress;
use crate::search::Search;
use crate::{Error, interrupt, parts, seed};
use logistic::{Example, fit};

/// Changes whenever the same recordings and sounds are heard in other parts than before: caches hash it.
const PARTS_VERSION: u32 = 2;

/// Shortest part that is heard of a recording or of a sound, s.
const SHORTEST_SECONDS: f64 = 1.5;

/// Sound over a cry, in dB below it: from hardly heard to nearly as loud.
const BELOW_DB: std::ops::Range<f64> = 3.0..30.0;

/// A trained gate.
pub struct TrainedGate {
    /// Its numbers.
    pub gate: Gate,
    /// Its threshold.
    pub info: GateInfo,
    /// What it is worth.
    pub summary: GateSummary,
}

/// What a gate is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateSummary {
    /// A recording whose score is below this is answered with "not a cry": 95 % of the validation recordings reach it. 0 to 1.
    pub threshold: f64,
    /// Made sounds that are no cries that it was trained on, besides decoys.
    pub n_sounds: usize,
    /// Which recordings it was tested on: `test`, or `val` where the split has no test.
    pub tested_on: String,
    /// Share of them that reach the threshold, 0 to 1.
    pub recall: f64,
    /// Share of sounds that reach it, each scored by a gate that never met its family; mean of the families.
    pub false_alarm_rate: f64,
    /// How well they are told from sounds, each family by a gate that never met it.
    pub detection: Detection,
    /// Whether the backbone's pretraining heard sounds of all families: they are new to the gate alone, and the scores too good.
    #[serde(default)]
    pub known_to_backbone: bool,
}

/// Embeddings of recordings or sounds, one after the other.
struct Rows {
    rows: Vec<f32>,
    n: usize,
}

/// What training a gate needs.
pub struct GateTraining<'a> {
    /// Its settings.
    pub config: &'a GateConfig,
    /// The recordings, and the groups of those that are not independent.
    pub corpus: &'a Corpus,
    /// See `corpus`.
    pub groups: &'a [usize],
    /// Their images.
    pub images: &'a ImageStore,
    /// The backbone as it is saved.
    pub engine: &'a dyn Engine,
    /// What made its embeddings: engine, device, hash of the weights.
    pub engine_key: &'a str,
    /// Where they are kept.
    pub cache: &'a FloatCache,
    /// What the backbone was made from.
    pub heard: &'a Heard,
    /// The run's seed.
    pub seed: u64,
}

impl GateTraining<'_> {
    /// Trains and tests a gate with one split.
    ///
    /// # Errors
    /// [`Error::Data`] if a recording has become unreadable, [`Error::Failed`] if the device gives no result or the cache cannot be
    /// written, [`Error::Interrupted`] on a signal.
    pub fn run(&self, places: &Places) -> Result<TrainedGate, Error> {
        let key = format!("{} before None", self.engine_key);
        let pass = Pass {
            corpus: self.corpus,
            images: self.images,
            frozen: self.engine,
            frozen_key: &key,
            cache: Some(self.cache),
            seed: self.seed,
            augmented_views: 0,
        };
        let whole = pass.run(places)?;
        let extractor = self.images.extractor();
        let train = &whole.train.recordings;
        let parts = self.made_of(train, "part", |cry, rng| part(extractor, cry, rng))?;
        let decoys = match self.config.decoys {
            true => self.made_of(train, "decoy", |cry, rng| part_of_decoy(extractor, cry, rng))?,
            false => Rows { rows: Vec::new(), n: 0 },
        };
        let sounds: Vec<(&Kind, Rows)> = self.sounds()?;
        let n = self.engine.n_outputs();

        let cries = || whole.train.rows.chunks_exact(n).chain(parts.rows.chunks_exact(n));
        let fit_without = |family: Option<&str>| -> Result<Gate, Error> {
            let others = sounds.iter().filter(|(kind, _)| Some(kind.family) != family);
            let others = others.flat_map(|(_, rows)| rows.rows.chunks_exact(n)).chain(decoys.rows.chunks_exact(n));
            let others: Vec<&[f32]> = others.collect();
            let cries = cries().map(|row| Example { row, is_cry: true });
            let examples: Vec<Example> =
                cries.chain(others.into_iter().map(|row| Example { row, is_cry: false })).collect();
            let (weight, bias) = fit(&examples, self.config.ridge)?;
            Gate::new(weight, bias).map_err(|e| Error::Failed(e.to_string()))
        };
        let (tested_on, tested) = match whole.test.recordings.is_empty() {
            true => ("val", &whole.val),
            false => ("test", &whole.test),
        };
        let scores = |gate: &Gate, rows: &[f32]| gate.scores(rows).into_iter().map(f64::from).collect::<Vec<f64>>();
        let threshold = |gate: &Gate| threshold_at_recall(&scores(gate, &whole.val.rows));

        let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.family).collect();
        let held_out: Vec<(Family, f64)> = names
            .into_par_iter()
            .map(|name| {
                let gate = fit_without(Some(name))?;
                let of_family = sounds.iter().filter(|(kind, _)| kind.family == name);
                let negatives: Vec<f64> = of_family.flat_map(|(_, rows)| scores(&gate, &rows.rows)).collect();
                let threshold = threshold(&gate);
                let alarms =
                    negatives.iter().filter(|score| **score >= threshold).count() as f64 / negatives.len() as f64;
                Ok((Family { name: name.into(), positives: scores(&gate, &tested.rows), negatives }, alarms))
            })
            .collect::<Result<_, Error>>()?;
        interrupt::check()?;
        let (families, alarms): (Vec<Family>, Vec<f64>) = held_out.into_iter().unzip();
        let groups: Vec<usize> = tested.recordings.iter().map(|index| self.groups[*index]).collect();
        let gate = fit_without(None)?;
        let threshold = threshold(&gate);
        let reached = scores(&gate, &tested.rows).iter().filter(|score| **score >= threshold).count();
        let summary = GateSummary {
            threshold,
            n_sounds: sounds.iter().map(|(_, rows)| rows.n).sum(),
            tested_on: tested_on.into(),
            recall: reached as f64 / tested.recordings.len().max(1) as f64,
            false_alarm_rate: alarms.iter().sum::<f64>() / alarms.len() as f64,
            detection: Detection::new(&families, &groups, seed::derive(self.seed, &["gate", "evaluation"]))?,
            known_to_backbone: self.heard.sounds_per_kind > 0,
        };
        Ok(TrainedGate { gate, info: GateInfo { threshold: threshold as f32 }, summary })
    }

    /// Embeddings of what `make` makes of each of these recordings' waveforms, with draws of its own; `name` says what that is.
    fn made_of(
        &self,
        recordings: &[usize],
        name: &str,
        make: impl Fn(&[f32], &mut ChaCha8Rng) -> Vec<f32> + Sync,
    ) -> Result<Rows, Error> {
        let key =
            |hasher: &mut Sha256| recordings.iter().for_each(|i| hasher.update(&self.corpus.recordings[*i].sha256));
        self.cached(name, key, recordings.len(), |index| {
            let recording = &self.corpus.recordings[recordings[index]];
            let path = self.corpus.root.join(&recording.path);
            let extractor = self.images.extractor();
            let audio = extractor.decode_file(&path).map_err(|e| Error::Data(format!("{}: {e}", path.display())))?;
            let mut rng = seed::generator(self.seed, &["gate", name, &recording.sha256]);
            Ok(make(&extractor.unpadded_waveform(&audio), &mut rng))
        })
    }

    /// Embeddings of the sounds of each kind, in the order of the kinds.
    fn sounds(&self) -> Result<Vec<(&'static Kind, Rows)>, Error> {
        let progress = Progress::new("listening", "kinds of sounds that are no cries");
        let clip_seconds = self.images.config().clip_seconds;
        let of_kind = |(done, kind): (usize, &'static Kind)| {
            let rows = self.cached(
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

    /// Embeddings of `n` waveforms at the extractor's rate, from the cache or from the backbone. `name` and `key` say what they are.
    fn cached(
        &self,
        name: &str,
        key: impl Fn(&mut Sha256),
        n: usize,
        waveform: impl Fn(usize) -> Result<Vec<f32>, Error> + Sync,
    ) -> Result<Rows, Error> {
        interrupt::check()?;
        let mut hasher = Sha256::new();
        let image_key = self.images.config().image_key();
        let made = format!("gate {PARTS_VERSION} {DECOYS_VERSION} {SOUNDS_VERSION} {n} of {name}, seed {}", self.seed);
        parts::add(&mut hasher, [self.engine_key, &image_key, &made]);
        key(&mut hasher);
        let key = hex(&hasher.finalize());
        let length = n * self.engine.n_outputs();
        if let Some(rows) = self.cache.get(&key, length) {
            return Ok(Rows { rows, n });
        }
        let images: Vec<Vec<f32>> = (0..n)
            .into_par_iter()
            .map(|index| Ok(self.images.extractor().image_from_waveform(&waveform(index)?)))
            .collect::<Result<_, Error>>()?;
        let rows = self.engine.embed(&images.concat());
        let rows = rows.map_err(|e| Error::Failed(format!("the backbone gave no embedding: {e}")))?;
        self.cache.put(&key, &rows)?;
        Ok(Rows { rows, n })
    }
}

/// Trains the gate of the model that `search` found, whose backbone has `weights` and has `heard`, with the split `places`.
///
/// # Errors
/// As [`GateTraining::run`].
pub fn train(
    search: &Search,
    compute: &Compute,
    weights: &BackboneWeights,
    heard: &Heard,
    places: &Places,
) -> Result<TrainedGate, Error> {
    let config = search.config;
    let trained = match config.backbone.train {
        Trainable::None => None,
        _ => Some(compute.engine(weights, config.features.image_shape()).map_err(|e| Error::Failed(e.to_string()))?),
    };
    let engine_key = match trained {
        None => search.weights_key.to_owned(),
        Some(_) => format!("{} on {} {}", compute.engine_name(), compute.device_name(), weights.fingerprint()),
    };
    let training = GateTraining {
        config: &config.gate,
        corpus: search.corpus,
        groups: search.groups,
        images: search.images,
        engine: trained.as_deref().unwrap_or(search.whole),
        engine_key: &engine_key,
        cache: &FloatCache::new(&config.data.cache.join("embeddings")),
        heard,
        seed: config.seed,
    };
    training.run(places)
}

/// A part of at least [`SHORTEST_SECONDS`] of a waveform at `rate_hz`, the loudest of three draws of one length, so that it is not a pause.
pub(crate) fn loudest_part<'a, R: Rng>(waveform: &'a [f32], rate_hz: u32, rng: &mut R) -> &'a [f32] {
    let rate_hz = f64::from(rate_hz);
    let seconds = waveform.len() as f64 / rate_hz;
    let length = (rng.random_range(SHORTEST_SECONDS.min(seconds)..=seconds) * rate_hz) as usize;
    let starts = [(); 3].map(|()| rng.random_range(0..=waveform.len() - length));
    let draws = starts.map(|start| &waveform[start..start + length]);
    draws.into_iter().max_by(|a, b| power(a).total_cmp(&power(b))).unwrap_or(waveform)
}

/// Sum of squares.
fn power(samples: &[f32]) -> f64 {
    samples.iter().map(|x| f64::from(*x).powi(2)).sum()
}

/// A [`loudest_part`] of a cry; in half of the cases with a sound over it that is none.
fn part(extractor: &Extractor, waveform: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
    let rate_hz = extractor.config().waveform_rate_hz();
    let mut cry = loudest_part(waveform, rate_hz, rng).to_vec();
    if rng.random() {
        let kind = &KINDS[rng.random_range(0..KINDS.len())];
        let seconds = cry.len() as f64 / f64::from(rate_hz);
        let sound = extractor.at_own_rate(&kind.render(rng.random(), seconds), SAMPLE_RATE_HZ);
        let below = 10_f64.powf(-rng.random_range(BELOW_DB) / 20.0);
        let gain = below * (power(&cry) / power(&sound).max(1e-12)).sqrt();
        cry.iter_mut().zip(sound).for_each(|(sample, other)| *sample += gain as f32 * other);
    }
    cry
}

/// A [`loudest_part`] of a decoy of a cry.
fn part_of_decoy(extractor: &Extractor, waveform: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
    let rate_hz = extractor.config().waveform_rate_hz();
    let decoy = decoy(waveform, rate_hz, rng);
    loudest_part(&decoy, rate_hz, rng).to_vec()
}
