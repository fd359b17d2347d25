//! The sounds of a pretraining: training recordings of the split, synthetic cries, and sounds that are not cries: synthetic
//! ones, decoys and real ones.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use dataset::sounds::{KINDS, SAMPLE_RATE_HZ, SOUNDS_VERSION};
use dataset::synth::{SynthConfig, write_corpus};
use dataset::{Corpus, Split, count, is, split_to_csv};
use experiment::{PretrainingData, seed};
use features::Extractor;
use rand::RngExt;
use rayon::prelude::*;

use super::config::{Objective, PretrainConfig};
use super::targets::Targets;
use super::teacher::Teacher;
use crate::Error;
use crate::corpus::locate::Located;
use crate::corpus::prepared::PreparedCorpus;
use crate::sound::decoy::{DECOYS_VERSION, decoy};
use crate::sound::excerpt::loudest_part;
use crate::terminal::progress::{Progress, warn};

/// Number of kinds: cry, each kind of synthetic sound, decoy, other real sound.
pub const N_KINDS: usize = OTHER + 1;

/// The kind of decoys.
const DECOY: usize = KINDS.len() + 1;

/// The kind of real sounds that are not cries.
const OTHER: usize = DECOY + 1;

/// Waveforms with their kinds, classes and origin.
pub struct Sounds {
    /// Waveforms of at most `[clip_samples]` at the configuration's rate: real recordings, synthetic cries, then other sounds.
    waveforms: Vec<Vec<f32>>,
    /// How many of them are real recordings.
    n_real: usize,
    /// How many are cries.
    n_cries: usize,
    /// Kind of each: 0 for a cry, from 1 on for the kinds of synthetic sounds, then for decoys, then for other real sounds.
    pub kinds: Vec<usize>,
    /// Class of each.
    pub classes: Vec<usize>,
    /// Number of classes: those of all corpora, the kinds of synthetic sounds, decoys, and the kinds of other real sounds.
    pub n_classes: usize,
    /// `train.csv`, whose recordings are used, and `val.csv` and `test.csv`, whose recordings are not.
    pub split: [(String, String); 3],
    /// What the backbone is trained on, for its file.
    pub pretraining: PretrainingData,
    /// What a teacher says of each; empty without one.
    pub(super) targets: Targets,
    /// SHA-256 of each file, or a description of each synthetic sound.
    hashes: Vec<String>,
    extractor: Extractor,
}

impl Sounds {
    /// Decodes the recordings of `located` and the sounds that are not cries, `others`, generates more of both, and embeds all of them
    /// with `teacher`.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no recordings, too few, or unreadable ones that the configuration does not skip; the errors
    /// of the corpus and of the teacher.
    pub fn find(
        config: &PretrainConfig,
        located: Located,
        others: &[Corpus],
        teacher: Option<&Teacher>,
    ) -> Result<Self, Error> {
        let mut sounds = Self::none(Extractor::new(&config.features).map_err(Error::Features)?);
        sounds.add_recordings(config, located)?;
        if config.synthetic_recordings > 0 {
            sounds.add_synthetic_cries(config)?;
        }
        sounds.n_cries = sounds.len();
        sounds.kinds = vec![0; sounds.n_cries];
        sounds.add_synthetic_sounds(config);
        if config.decoys {
            sounds.add_decoys(config);
        }
        for corpus in others {
            let all: Vec<usize> = (0..corpus.recordings.len()).collect();
            let n_added = sounds.add(corpus, &all, config.data.skip_unreadable)?.len();
            sounds.kinds.extend(vec![OTHER; n_added]);
        }
        if let Some(teacher) = teacher {
            let embeddings = teacher.embeddings(&sounds.waveforms, &sounds.hashes)?;
            sounds.targets = Targets::of(embeddings, sounds.n_real);
        }
        if sounds.len() < config.train.batch_size {
            return Err(Error::Data(format!(
                "there {} {} to train on, fewer than a batch: lower train.batch_size",
                is(sounds.len()),
                count(sounds.len(), "recording")
            )));
        }
        Ok(sounds)
    }

    fn none(extractor: Extractor) -> Self {
        Self {
            waveforms: Vec::new(),
            n_real: 0,
            n_cries: 0,
            kinds: Vec::new(),
            classes: Vec::new(),
            n_classes: 0,
            split: Default::default(),
            pretraining: PretrainingData::default(),
            targets: Targets::default(),
            hashes: Vec::new(),
            extractor,
        }
    }

    /// Adds the training recordings of the split, and notes which they are.
    fn add_recordings(&mut self, config: &PretrainConfig, located: Located) -> Result<(), Error> {
        let data = PreparedCorpus::new(located, &self.extractor, &config.data, config.seed)?;
        let is_training = |index: &usize| data.plan.model[*index] == Some(Split::Train);
        let training: Vec<usize> = (0..data.corpus.recordings.len()).filter(is_training).collect();
        let added = self.add(&data.corpus, &training, config.data.skip_unreadable)?;
        self.split = split_to_csv(&data.corpus, &data.plan.model);
        self.n_real = added.len();
        let recorders = added.iter().filter_map(|index| data.recorder(*index));
        self.pretraining = PretrainingData {
            recordings: sorted(self.hashes.iter().cloned()),
            recorders: sorted(recorders.map(String::from)),
            sounds_per_kind: config.sounds_per_kind,
        };
        Ok(())
    }

    /// Adds synthetic cries. They are drawn from a separate seed, so that they differ from the sweep's synthetic corpus.
    fn add_synthetic_cries(&mut self, config: &PretrainConfig) -> Result<(), Error> {
        let seed = seed::derive(config.seed, &["synthetic"]) >> 1;
        let settings = SynthConfig { seed, n_recordings: config.synthetic_recordings };
        let root = config.data.synthetic.join(format!("pretrain-{}-{}", config.seed, settings.n_recordings));
        write_corpus(&root, &settings)?;
        let corpus = Corpus::scan(&root)?;
        let all: Vec<usize> = (0..corpus.recordings.len()).collect();
        self.add(&corpus, &all, false)?;
        Ok(())
    }

    /// Number of sounds.
    pub fn len(&self) -> usize {
        self.waveforms.len()
    }

    /// Augmented images of the sounds `batch`, `[n][size * size]`; if views are compared, twice as many: first one of each,
    /// then another. `purpose` seeds this batch.
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
            // A sound that is not a cry is mixed with other such sounds only.
            let first = if *index < self.n_cries { 0 } else { self.n_cries };
            let other = &self.waveforms[rng.random_range(first..self.len())];
            config.augment.apply(&mut waveform, other, rate_hz, &mut rng);
            let mut image = self.extractor.image(&self.extractor.log_mel(&waveform));
            config.features.augment(&mut image, &mut rng);
            image
        };
        places.par_iter().enumerate().map(view).collect()
    }

    /// Adds `sounds_per_kind` synthetic sounds of each kind; each kind is a class.
    fn add_synthetic_sounds(&mut self, config: &PretrainConfig) {
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

    /// Adds a decoy of each real recording; all decoys are one class.
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

    /// Adds the recordings `indices` of `corpus`, whose classes are new ones; returns the indices of those that could be decoded.
    fn add(&mut self, corpus: &Corpus, indices: &[usize], skip_unreadable: bool) -> Result<Vec<usize>, Error> {
        let progress = Progress::new("decoding", "recordings");
        let done = AtomicUsize::new(0);
        let decode = |index: &usize| {
            let recording = &corpus.recordings[*index];
            let audio = corpus.decode(recording, &self.extractor);
            let audio = audio.map_err(|e| format!("{}: {e}", corpus.place(recording).display()));
            progress.set(done.fetch_add(1, Ordering::Relaxed) + 1, indices.len());
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
                        "{problem}\n  Repair or remove it, or skip it: --set data.skip_unreadable=true"
                    )));
                }
            }
        }
        self.n_classes += corpus.labels.len();
        Ok(read)
    }
}

/// The distinct texts, sorted.
fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.collect::<BTreeSet<String>>().into_iter().collect()
}
