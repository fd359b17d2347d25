//! Embeddings of an excerpt of each training recording and of a decoy of it.

use std::sync::OnceLock;

use dataset::sounds::KINDS;
use dataset::{Key, Table};
use experiment::seed;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::excerpts::{kind_over_cry, part_of_cry, part_of_decoy};
use super::inputs::GateInputs;
use crate::Error;
use crate::embed::cached::{CachedEngine, Entry, Images};
use crate::terminal::interrupt;
use crate::terminal::progress::Progress;

/// Recordings that are decoded and embedded together: enough to fill batches, few enough to fit in memory.
const CHUNK: usize = 16;

/// Embeddings of excerpts of `n` recordings, in their order.
#[derive(Default)]
pub(super) struct Excerpts {
    /// One excerpt of each recording, `[n, n_features]`.
    pub parts: Vec<f32>,
    /// Family of the sound that is mixed over each excerpt, `[n]`; `None` if there is none.
    pub family_over_part: Vec<Option<&'static str>>,
    /// One excerpt of a decoy of each recording, `[n, n_features]`, or none if decoys are off.
    pub decoys: Vec<f32>,
}

impl Excerpts {
    /// Embeds excerpts of `recordings`, indices into the corpus.
    ///
    /// # Errors
    /// [`Error::Recording`] if one can no longer be read, [`Error::Dataset`] if the cache cannot be read or written,
    /// [`Error::Device`] if the device gives no result, [`Error::Interrupted`] on a signal.
    pub fn embed(inputs: &GateInputs, recordings: &[usize]) -> Result<Self, Error> {
        let tables = Tables::open(inputs)?;
        let progress = Progress::new("embedding", "excerpts of cries");
        let mut excerpts = Self::default();
        for chunk in recordings.chunks(CHUNK) {
            interrupt::check()?;
            let cries = Cries { inputs, recordings: chunk, waveforms: chunk.iter().map(|_| OnceLock::new()).collect() };
            excerpts.parts.extend(cries.embed("part", &tables.parts, part_of_cry)?);
            if let Some(decoys) = &tables.decoys {
                excerpts.decoys.extend(cries.embed("decoy", decoys, part_of_decoy)?);
            }
            excerpts.family_over_part.extend(cries.families_over_parts(&tables.kinds)?);
            progress.set(excerpts.family_over_part.len(), recordings.len());
        }
        tables.flush()?;
        Ok(excerpts)
    }
}

/// Where excerpts are cached.
struct Tables {
    parts: Table<f32>,
    /// `None` if decoys are off.
    decoys: Option<Table<f32>>,
    /// Index of the kind over each excerpt. It depends on the length of the recording, so it is kept, too.
    kinds: Table<u16>,
}

impl Tables {
    fn open(inputs: &GateInputs) -> Result<Self, Error> {
        Ok(Self {
            parts: inputs.table("excerpts of cries")?,
            decoys: inputs.has_decoys().then(|| inputs.table("excerpts of decoys")).transpose()?,
            kinds: Table::open(inputs.tables, &format!("kinds over excerpts; {}", inputs.made()))?,
        })
    }

    fn flush(&self) -> Result<(), Error> {
        self.parts.flush()?;
        self.decoys.iter().try_for_each(Table::flush)?;
        Ok(self.kinds.flush()?)
    }
}

/// A few recordings, each decoded at most once.
struct Cries<'a> {
    inputs: &'a GateInputs<'a>,
    /// Indices into the corpus.
    recordings: &'a [usize],
    waveforms: Vec<OnceLock<Vec<f32>>>,
}

impl Cries<'_> {
    /// Embeddings of the excerpt `name` of each recording, which `make` cuts from its waveform with its own random generator.
    fn embed(
        &self,
        name: &str,
        table: &Table<f32>,
        make: impl Fn(&features::Extractor, &[f32], &mut ChaCha8Rng) -> Vec<f32> + Sync,
    ) -> Result<Vec<f32>, Error> {
        let entry = |index| Entry { table: Some(table), key: self.key(index), n_rows: 1 };
        let entries: Vec<Entry> = (0..self.recordings.len()).map(entry).collect();
        let extractor = self.inputs.extractor;
        let rows = CachedEngine { engine: self.inputs.engine }.embed(&entries, |index| {
            let excerpt = make(extractor, self.waveform(index)?, &mut self.generator(index, name));
            Ok(Images::distinct(vec![extractor.record_from_waveform(&excerpt)]))
        })?;
        Ok(rows.concat())
    }

    /// Family of the sound that is mixed over the excerpt "part" of each recording.
    fn families_over_parts(&self, kinds: &Table<u16>) -> Result<Vec<Option<&'static str>>, Error> {
        let family = |index: usize| -> Result<Option<&'static str>, Error> {
            let key = self.key(index);
            let kind = match kinds.get(&key).as_deref() {
                Some([kind]) => usize::from(*kind),
                _ => {
                    let mut rng = self.generator(index, "part");
                    let kind = kind_over_cry(self.inputs.extractor, self.waveform(index)?, &mut rng);
                    let place = kind.and_then(|kind| KINDS.iter().position(|other| other.name == kind.name));
                    let place = place.unwrap_or(KINDS.len());
                    kinds.put(&key, &[place as u16])?;
                    place
                }
            };
            Ok(KINDS.get(kind).map(|kind| kind.family))
        };
        (0..self.recordings.len()).into_par_iter().map(family).collect()
    }

    /// The generator for the excerpt `name` of a recording.
    fn generator(&self, index: usize, name: &str) -> ChaCha8Rng {
        let recording = &self.inputs.corpus.recordings[self.recordings[index]];
        seed::generator(self.inputs.seed, &["gate", name, &recording.sha256])
    }

    fn key(&self, index: usize) -> Key {
        self.inputs.key(self.recordings[index])
    }

    fn waveform(&self, index: usize) -> Result<&[f32], Error> {
        let waveform = &self.waveforms[index];
        if let Some(known) = waveform.get() {
            return Ok(known);
        }
        let decoded = self.inputs.waveform(self.recordings[index])?;
        Ok(waveform.get_or_init(|| decoded))
    }
}
