//! What a pretraining may hear: the training recordings of the split, and synthetic cries.

use dataset::audit::{RecorderRule, Relations};
use dataset::synth::{SynthConfig, write_corpus};
use dataset::{Corpus, Split, hex, split_to_csv};
use features::Extractor;
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::config::{Objective, PretrainConfig};
use super::teacher;
use crate::data::Data;
use crate::plan::Plan;
use crate::progress::{Progress, warn};
use crate::{Error, remedies, seed};

/// Waveforms, and what is known of them.
pub struct Sounds {
    /// Waveforms `[clip_samples]` at the configuration's rate.
    waveforms: Vec<Vec<f32>>,
    /// Class of each.
    pub classes: Vec<usize>,
    /// Classes of all corpora together.
    pub n_classes: usize,
    /// `train.csv`, the real recordings that are heard, and `val.csv` and `test.csv`, which are not.
    pub split: [(String, String); 3],
    /// Which of the real ones are heard.
    pub heard: Heard,
    /// What the teacher makes of each, brought to mean 0 and standard deviation 1; nothing without a teacher.
    pub targets: Vec<Vec<f32>>,
    /// SHA-256 of every file, in the order of `waveforms`.
    hashes: Vec<String>,
    extractor: Extractor,
}

/// Which recordings a backbone has heard, so that a later run knows whether it is tested on any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// SHA-256 of each file, sorted.
    pub recordings: Vec<String>,
    /// Their recorders, as far as they are known, sorted.
    pub recorders: Vec<String>,
}

impl Sounds {
    /// Finds and decodes them.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no recordings, too few, or unreadable ones that the configuration does not skip.
    pub fn find(config: &PretrainConfig) -> Result<Self, Error> {
        let extractor = Extractor::new(&config.features).map_err(|e| Error::Failed(e.to_string()))?;
        let mut sounds = Self {
            waveforms: Vec::new(),
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
        let recorders = kept.iter().filter_map(|index| rule.recorder(&corpus.recordings[*index]));
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
        if let Objective::Distil { teacher } = &config.objective {
            sounds.targets = teacher::targets(teacher, &sounds.hashes)?;
        }
        if sounds.n_recordings() < config.train.batch_size {
            return Err(Error::Data(format!(
                "{} recordings may be heard, fewer than a batch: lower train.batch_size",
                sounds.n_recordings()
            )));
        }
        Ok(sounds)
    }

    /// How many are heard.
    pub fn n_recordings(&self) -> usize {
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
            let mut waveform = self.waveforms[*index].clone();
            let other = &self.waveforms[rng.random_range(0..self.n_recordings())];
            config.augment.apply(&mut waveform, other, config.features.sample_rate_hz, &mut rng);
            let mut image = self.extractor.image(&self.extractor.log_mel(&waveform));
            config.features.augment(&mut image, &mut rng);
            image
        };
        places.par_iter().enumerate().map(view).collect()
    }

    /// Decodes the recordings `indices` of `corpus`, whose classes are others than those before; gives those that could be read.
    fn add(&mut self, corpus: &Corpus, indices: &[usize], skip_unreadable: bool) -> Result<Vec<usize>, Error> {
        let progress = Progress::new("decoding", "recordings");
        let done = std::sync::atomic::AtomicUsize::new(0);
        let decode = |index: &usize| {
            let path = corpus.root.join(&corpus.recordings[*index].path);
            let audio = self.extractor.decode_file(&path).map_err(|e| format!("{}: {e}", path.display()));
            progress.set(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, indices.len());
            audio.map(|audio| self.extractor.waveform(&audio))
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
