//! What a pretraining may hear: the training recordings of the split, synthetic cries, and what is no cry: seeded sounds and decoys.

use dataset::audit::{RecorderRule, Relations};
use dataset::sounds::{KINDS, SAMPLE_RATE_HZ, SOUNDS_VERSION};
use dataset::synth::{SynthConfig, write_corpus};
use dataset::{Corpus, Split, hex, split_to_csv};
use features::Extractor;
use model::Compute;
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::config::{Objective, PretrainConfig};
use super::teacher;
use crate::data::Data;
use crate::decoy::{DECOYS_VERSION, decoy};
use crate::gate::loudest_part;
use crate::plan::Plan;
use crate::progress::{Progress, warn};
use crate::{Error, remedies, seed};

/// Cries, the kinds of made sounds, and decoys.
pub const N_KINDS: usize = DECOY + 1;

/// The kind that decoys are.
const DECOY: usize = KINDS.len() + 1;

/// Waveforms, and what is known of them.
pub struct Sounds {
    /// Waveforms of at most `[clip_samples]` at the configuration's rate: cries, then what is none.
    waveforms: Vec<Vec<f32>>,
    /// How many of them are real recordings; they come first.
    n_real: usize,
    /// How many are cries.
    n_cries: usize,
    /// 0 for a cry, from 1 on for the kinds of made sounds, then for decoys.
    pub kinds: Vec<usize>,
    /// Class of each.
    pub classes: Vec<usize>,
    /// Classes of all corpora together, the kinds of made sounds, and decoys.
    pub n_classes: usize,
    /// `train.csv`, the real recordings that are heard, and `val.csv` and `test.csv`, which are not.
    pub split: [(String, String); 3],
    /// Which of the real ones are heard, and how many sounds that are no cries.
    pub heard: Heard,
    /// What the teacher makes of each, brought to mean 0 and standard deviation 1; nothing without a teacher.
    pub targets: Vec<Vec<f32>>,
    /// SHA-256 of every file, or what tells a made sound, in the order of `waveforms`.
    hashes: Vec<String>,
    extractor: Extractor,
}

/// What a backbone has heard, so that a later run knows whether it is tested on any of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// SHA-256 of each file, sorted.
    pub recordings: Vec<String>,
    /// Their recorders, as far as they are known, sorted.
    pub recorders: Vec<String>,
    /// How many made sounds of each kind that is no cry.
    #[serde(default)]
    pub sounds_per_kind: usize,
}

impl Sounds {
    /// Finds and decodes them.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no recordings, too few, or unreadable ones that the configuration does not skip.
    pub fn find(config: &PretrainConfig, compute: &Compute) -> Result<Self, Error> {
        let extractor = Extractor::new(&config.features).map_err(|e| Error::Failed(e.to_string()))?;
        let mut sounds = Self {
            waveforms: Vec::new(),
            n_real: 0,
            n_cries: 0,
            kinds: Vec::new(),
            classes: Vec::new(),
            n_classes: 0,
            split: Default::default(),
            heard: Heard::default(),
            targets: Vec::new(),
            hashes: Vec::new(),
            extractor,
        };
        let Data { corpus, .. } = Data::find(&config.data, false)?;
        let rule =
            RecorderRule::new(config.data.recorder_pattern.as_deref(), config.data.recorder_csv.as_deref(), &corpus)?;
        let relations = Relations::find(&corpus, &rule)?;
        let mut usable = vec![true; corpus.recordings.len()];
        remedies::drop(&config.data, &corpus, &relations, &mut usable);
        let plan = Plan::new(&config.data.split, config.seed, &corpus, &relations.groups, &usable)?;
        let may_be_heard = |index: &usize| plan.model[*index] == Some(Split::Train);
        let heard: Vec<usize> = (0..corpus.recordings.len()).filter(may_be_heard).collect();
        sounds.split = split_to_csv(&corpus, &plan.model);
        let kept = sounds.add(&corpus, &heard, config.data.skip_unreadable)?;
        sounds.n_real = kept.len();
        let recorders = kept.iter().filter_map(|index| rule.recorder(&corpus.recordings[*index]));
        sounds.heard.sounds_per_kind = config.sounds_per_kind;
        sounds.heard.recorders = recorders.map(String::from).collect();
        sounds.heard.recorders.sort();
        sounds.heard.recorders.dedup();
        sounds.heard.recordings = sounds.hashes.clone();
        sounds.heard.recordings.sort();
        sounds.heard.recordings.dedup();
        if config.synthetic_recordings > 0 {
            // Of a seed of its own: the stand-in of the main job stays unheard.
            let seed = seed::derive(config.seed, &["synthetic"]) >> 1;
            let settings = SynthConfig { seed, n_recordings: config.synthetic_recordings };
            let root = config.data.synthetic.join(format!("pretrain-{}-{}", config.seed, settings.n_recordings));
            write_corpus(&root, &settings)?;
            let corpus = Corpus::scan(&root)?;
            let all: Vec<usize> = (0..corpus.recordings.len()).collect();
            sounds.add(&corpus, &all, false)?;
        }
        sounds.n_cries = sounds.n_heard();
        sounds.kinds = vec![0; sounds.n_cries];
        sounds.add_made(config);
        if config.decoys {
            sounds.add_decoys(config);
        }
        if let Objective::Distil { teacher } = &config.objective {
            sounds.targets = teacher::targets(teacher, config, compute, &sounds.waveforms, &sounds.hashes)?;
        }
        if sounds.n_heard() < config.train.batch_size {
            return Err(Error::Data(format!(
                "{} recordings may be heard, fewer than a batch: lower train.batch_size",
                sounds.n_heard()
            )));
        }
        Ok(sounds)
    }

    /// How many are heard.
    pub fn n_heard(&self) -> usize {
        self.waveforms.len()
    }

    /// SHA-256 over their files and classes, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        for (hash, class) in self.hashes.iter().zip(&self.classes) {
            hasher.update(format!("{hash} {class}\n"));
        }
        self.targets.iter().flatten().for_each(|number| hasher.update(number.to_le_bytes()));
        hex(&hasher.finalize())
    }

    /// Augmented images `[size * size]` of the recordings `batch`, for comparing views twice as many: first one of each, then
    /// another. `purpose` tells this batch from others.
    pub fn views(&self, batch: &[usize], config: &PretrainConfig, purpose: &[&str]) -> Vec<Vec<f32>> {
        let n_views = match config.objective {
            Objective::Supervised | Objective::Distil { .. } => 1,
            Objective::Contrastive { .. } => 2,
        };
        let places: Vec<(usize, usize)> =
            (0..n_views).flat_map(|v| batch.iter().map(move |index| (v, *index))).collect();
        let view = |(place, (_, index)): (usize, &(usize, usize))| {
            let mut rng = seed::generator(config.seed, &[purpose, &["view", &place.to_string()]].concat());
            let rate_hz = config.features.waveform_rate_hz();
            let whole = &self.waveforms[*index];
            let mut waveform =
                if rng.random() { whole.clone() } else { loudest_part(whole, rate_hz, &mut rng).to_vec() };
            waveform.resize(config.features.clip_samples(), 0.0);
            // What is no cry stays none.
            let first = if *index < self.n_cries { 0 } else { self.n_cries };
            let other = &self.waveforms[rng.random_range(first..self.n_heard())];
            config.augment.apply(&mut waveform, other, rate_hz, &mut rng);
            let mut image = self.extractor.image(&self.extractor.log_mel(&waveform));
            config.features.augment(&mut image, &mut rng);
            image
        };
        places.par_iter().enumerate().map(view).collect()
    }

    /// Makes `sounds_per_kind` sounds of each kind, a class each.
    fn add_made(&mut self, config: &PretrainConfig) {
        let made: Vec<(usize, u64)> = (0..KINDS.len() * config.sounds_per_kind)
            .map(|index| {
                let (kind, number) = (index / config.sounds_per_kind, index % config.sounds_per_kind);
                (kind, seed::derive(config.seed, &["sounds", KINDS[kind].name, &number.to_string()]))
            })
            .collect();
        let render = |(kind, seed): &(usize, u64)| {
            let sound = KINDS[*kind].render(*seed, config.features.clip_seconds);
            self.extractor.at_own_rate(&sound, SAMPLE_RATE_HZ)
        };
        let waveforms: Vec<Vec<f32>> = made.par_iter().map(render).collect();
        self.waveforms.extend(waveforms);
        for (kind, seed) in made {
            self.kinds.push(1 + kind);
            self.classes.push(self.n_classes + kind);
            self.hashes.push(format!("{} {SOUNDS_VERSION}, seed {seed}", KINDS[kind].name));
        }
        if config.sounds_per_kind > 0 {
            self.n_classes += KINDS.len();
        }
    }

    /// Makes a decoy of each real recording, one class all of them.
    fn add_decoys(&mut self, config: &PretrainConfig) {
        let n_real = self.n_real;
        let make = |(waveform, hash): (&Vec<f32>, &String)| {
            let mut rng = seed::generator(config.seed, &["decoy", hash]);
            decoy(waveform, config.features.waveform_rate_hz(), &mut rng)
        };
        let real = self.waveforms[..n_real].par_iter().zip(&self.hashes[..n_real]);
        let decoys: Vec<Vec<f32>> = real.map(make).collect();
        self.waveforms.extend(decoys);
        for index in 0..n_real {
            self.kinds.push(DECOY);
            self.classes.push(self.n_classes);
            self.hashes.push(format!("decoy {DECOYS_VERSION} of {}, seed {}", self.hashes[index], config.seed));
        }
        self.n_classes += 1;
    }

    /// Decodes the recordings `indices` of `corpus`, whose classes are others than those before; gives those that could be read.
    fn add(&mut self, corpus: &Corpus, indices: &[usize], skip_unreadable: bool) -> Result<Vec<usize>, Error> {
        let progress = Progress::new("decoding", "recordings");
        let done = std::sync::atomic::AtomicUsize::new(0);
        let decode = |index: &usize| {
            let path = corpus.root.join(&corpus.recordings[*index].path);
            let audio = self.extractor.decode_file(&path).map_err(|e| format!("{}: {e}", path.display()));
            progress.set(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, indices.len());
            audio.map(|audio| self.extractor.unpadded_waveform(&audio))
        };
        let decoded: Vec<Result<Vec<f32>, String>> = indices.par_iter().map(decode).collect();
        let mut read = Vec::new();
        for (index, waveform) in indices.iter().zip(decoded) {
            match waveform {
                Ok(waveform) => {
                    self.waveforms.push(waveform);
                    self.classes.push(self.n_classes + corpus.recordings[*index].label);
                    self.hashes.push(corpus.recordings[*index].sha256.clone());
                    read.push(*index);
                }
                Err(problem) if skip_unreadable => warn(&problem),
                Err(problem) => {
                    return Err(Error::Data(format!(
                        "{problem}\n  Mend or remove it, or go on without it: --set data.skip_unreadable=true"
                    )));
                }
            }
        }
        self.n_classes += corpus.labels.len();
        Ok(read)
    }
}
