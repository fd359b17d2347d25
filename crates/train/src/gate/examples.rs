//! The examples of a gate: embeddings of cries and of other sounds.

use dataset::Split;
use dataset::sounds::{KINDS, Kind, SAMPLE_RATE_HZ};
use experiment::seed;
use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::embedded_excerpts::Excerpts;
use super::inputs::GateInputs;
use crate::Error;
use crate::corpus::plan::Places;
use crate::embed::cached::{CachedEngine, Entry, Images};
use crate::embed::embeddings::{EmbeddingPass, Rows};
use crate::sound::excerpt::SHORTEST_SECONDS;
use crate::terminal::interrupt;
use crate::terminal::progress::Progress;

/// Most recordings of a split that a gate learns from or is tested on. Its few hundred weights need no more, and time and memory do not
/// grow with larger corpora.
const MOST_CRIES: usize = 20_000;

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
    /// Validation cries.
    pub val: Rows,
    /// The recordings that the gate is tested on: test, or validation if there is no test.
    pub tested: Rows,
    /// Name of the split of `tested`: `test` or `val`.
    pub tested_on: &'static str,
}

impl Examples {
    /// Embeds the recordings that `places` names, at most [`MOST_CRIES`] of each split, excerpts and decoys of the training
    /// recordings, and synthetic sounds.
    pub fn embed(inputs: &GateInputs, places: &Places) -> Result<Self, Error> {
        let pass = EmbeddingPass {
            corpus: inputs.corpus,
            extractor: inputs.extractor,
            frozen: inputs.engine,
            frozen_key: format!("{} before None", inputs.engine_key),
            tables: Some(inputs.tables),
            seed: inputs.seed,
            augmented_views: 0,
        };
        let whole = pass.run(&drawn(places, inputs.seed))?;
        let Excerpts { parts, family_over_part, decoys } = Excerpts::embed(inputs, &whole.train.recordings)?;
        let sounds = sounds(inputs)?;
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
            val: whole.val,
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

/// `places` with at most [`MOST_CRIES`] recordings of each split, drawn from `seed`.
fn drawn(places: &Places, seed: u64) -> Places {
    let mut drawn = places.clone();
    for split in Split::ALL {
        let mut of_split: Vec<usize> = (0..places.len()).filter(|index| places[*index] == Some(split)).collect();
        if of_split.len() > MOST_CRIES {
            of_split.shuffle(&mut seed::generator(seed, &["gate", "recordings", split.name()]));
            of_split.drain(MOST_CRIES..).for_each(|index| drawn[index] = None);
        }
    }
    drawn
}

/// Embeddings of the synthetic sounds of each kind, in the order of the kinds.
fn sounds(inputs: &GateInputs) -> Result<Vec<(&'static Kind, Vec<f32>)>, Error> {
    let progress = Progress::new("embedding", "kinds of other sounds");
    let clip_seconds = inputs.extractor.config().clip_seconds;
    let n = inputs.config.sounds_per_kind;
    let table = inputs.table(&format!("{n} sounds of each kind"))?;
    let of_kind = |(done, kind): (usize, &'static Kind)| -> Result<(&'static Kind, Vec<f32>), Error> {
        interrupt::check()?;
        let entry = Entry { table: Some(&table), key: Sha256::digest(kind.name).into(), n_rows: n };
        let rows = CachedEngine { engine: inputs.engine }.embed(&[entry], |_| {
            let image = |index: usize| {
                let seed = seed::derive(inputs.seed, &["gate", kind.name, &index.to_string()]);
                let mut rng = seed::generator(seed, &["length"]);
                let part = rng.random_range(SHORTEST_SECONDS.min(clip_seconds)..=clip_seconds);
                let seconds = if rng.random() { clip_seconds } else { part };
                let waveform = inputs.extractor.at_own_rate(&kind.render(seed, seconds), SAMPLE_RATE_HZ);
                inputs.extractor.record_from_waveform(&waveform)
            };
            Ok(Images::distinct((0..n).into_par_iter().map(image).collect()))
        })?;
        progress.set(done + 1, KINDS.len());
        Ok((kind, rows.concat()))
    };
    let sounds = KINDS.iter().enumerate().map(of_kind).collect::<Result<_, Error>>()?;
    table.flush()?;
    Ok(sounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_a_number_of_recordings_of_each_split_are_drawn() {
        let n = 3 * MOST_CRIES;
        let place = |index: usize| if index.is_multiple_of(3) { Split::Val } else { Split::Train };
        let places: Places = (0..n).map(|index| (index > 4).then(|| place(index))).collect();
        let count = |places: &Places, split| places.iter().filter(|place| **place == Some(split)).count();
        let found = drawn(&places, 1);
        assert_eq!((count(&found, Split::Train), count(&found, Split::Val)), (MOST_CRIES, MOST_CRIES - 2));
        assert!(found.iter().zip(&places).all(|(found, place)| found.is_none() || found == place));
        assert_eq!(found, drawn(&places, 1));
        let half = |places: &Places| count(&places[..n / 2].to_vec(), Split::Train);
        assert_ne!(half(&found), half(&drawn(&places, 2)));
        // Six standard deviations: a third of 40,000 is left out, half of them in each half.
        assert!(half(&found).abs_diff(MOST_CRIES / 2) < 430, "{}", half(&found));
    }

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
            val: Rows::default(),
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
