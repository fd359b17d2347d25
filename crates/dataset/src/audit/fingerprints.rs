//! The fingerprints of a corpus: each recording is decoded once, and what that gave is cached.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use features::{Extractor, FEATURES_VERSION};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::copies::fingerprint::{FINGERPRINTS_VERSION, Landmark};
use super::copies::{COPIES_VERSION, Copy};
use super::facts::MAX_SECONDS;
use super::measure::Measurer;
use super::relatives;
use crate::table::{Key, Table};
use crate::{Corpus, Error, Recording};

/// The fingerprints of the recordings of a corpus, and which recordings can be decoded.
pub struct Fingerprints<'a> {
    corpus: &'a Corpus,
    cache: &'a Path,
    measurer: Measurer,
    of_files: Table<u16>,
    /// How many recordings were decoded now; the cache had the others.
    pub decoded: usize,
    /// Recordings that cannot be decoded, in path order.
    pub unreadable: Vec<Unreadable>,
    /// Path and warning, in path order. Only of recordings that were decoded now, not of those in the cache before.
    pub warnings: Vec<(String, String)>,
}

/// A recording that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Index in the corpus.
    pub index: usize,
    /// Path relative to the root of the corpus.
    pub path: String,
    /// Why it cannot be decoded.
    pub reason: String,
}

impl<'a> Fingerprints<'a> {
    /// Decodes the recordings whose fingerprints the folder `cache` lacks, at most 60 s of each. A recording that fails only after
    /// the clip of `extractor` is readable, but has no fingerprint. `progress` is called with (done, total) from several threads;
    /// if it breaks, the result is `None`.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Write`] if the cache cannot be read or written. Unreadable recordings are part of the result.
    pub fn take(
        corpus: &'a Corpus,
        cache: &'a Path,
        extractor: &Extractor,
        progress: &(dyn Fn(usize, usize) -> ControlFlow<()> + Sync),
    ) -> Result<Option<Self>, Error> {
        let measurer = Measurer::new()?;
        let of_files = Table::open(&cache.join("fingerprints"), &kind())?;
        let found = Mutex::new((Vec::new(), Vec::new()));
        let [done, n_decoded] = [(); 2].map(|()| AtomicUsize::new(0));
        let take = |(index, recording): (usize, &Recording)| -> Result<ControlFlow<()>, Error> {
            let key = recording.key();
            if !key.is_some_and(|key| of_files.contains(&key)) {
                n_decoded.fetch_add(1, Ordering::Relaxed);
                let decoded = decode(&measurer, corpus, recording, extractor);
                if let (Some(key), Ok(Decoded { landmarks: Some(landmarks), .. })) = (key, &decoded) {
                    of_files.put(&key, &numbers(landmarks))?;
                }
                let path = recording.path.clone();
                let (unreadable, warnings) = &mut *found.lock().unwrap_or_else(PoisonError::into_inner);
                match decoded {
                    Ok(decoded) => warnings.extend(decoded.warnings.into_iter().map(|warning| (path.clone(), warning))),
                    Err(reason) => unreadable.push(Unreadable { index, path, reason }),
                }
            }
            Ok(progress(done.fetch_add(1, Ordering::Relaxed) + 1, corpus.recordings.len()))
        };
        let all = corpus.recordings.par_iter().enumerate().map(take).try_for_each(|taken| match taken {
            Ok(ControlFlow::Continue(())) => Ok(()),
            Ok(ControlFlow::Break(())) => Err(None),
            Err(error) => Err(Some(error)),
        });
        of_files.flush()?;
        if let Err(stopped) = all {
            return stopped.map_or(Ok(None), Err);
        }
        let (mut unreadable, mut warnings) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        unreadable.sort_by_key(|unreadable: &Unreadable| unreadable.index);
        warnings.sort();
        Ok(Some(Self { corpus, cache, measurer, of_files, decoded: n_decoded.into_inner(), unreadable, warnings }))
    }

    /// The corpus.
    pub fn corpus(&self) -> &'a Corpus {
        self.corpus
    }

    /// The pairs with the same sound. They are cached for the same recordings in the same order, since comparing them takes longer
    /// than linearly in their number.
    pub(super) fn copies(&self) -> Result<Vec<Copy>, Error> {
        let recordings = &self.corpus.recordings;
        let of_corpora = Table::open(&self.cache.join("copies"), &format!("copies {COPIES_VERSION} by {}", kind()))?;
        let has_fingerprint = |key: &Key| self.of_files.contains(key);
        let mut hasher = Sha256::new();
        for recording in recordings {
            hasher.update(recording.key().filter(has_fingerprint).unwrap_or_default());
        }
        let key: Key = hasher.finalize().into();
        if let Some(copies) = of_corpora.get(&key) {
            return Ok(copies_of(&copies));
        }
        let landmarks: Vec<Vec<Landmark>> = recordings.par_iter().map(|recording| self.landmarks(recording)).collect();
        let lists: Vec<&[Landmark]> = landmarks.iter().map(Vec::as_slice).collect();
        let copies = relatives::copies(self.corpus, &lists, &self.measurer);
        let all = copies.iter().flat_map(|copy| [copy.a as f64, copy.b as f64, copy.correlation, copy.lag_seconds]);
        of_corpora.put(&key, &all.collect::<Vec<f64>>())?;
        of_corpora.flush()?;
        Ok(copies)
    }

    /// The fingerprint of a recording; it is computed again if its entry in the cache is damaged.
    fn landmarks(&self, recording: &Recording) -> Vec<Landmark> {
        let cached =
            recording.key().filter(|key| self.of_files.contains(key)).map(|key| match self.of_files.get(&key) {
                Some(numbers) => landmarks_of(&numbers),
                None => self.measurer.fingerprint(self.corpus, recording).map(|(found, _)| found).unwrap_or_default(),
            });
        cached.unwrap_or_default()
    }
}

/// What decoding a recording gave.
struct Decoded {
    /// `None` if only the clip can be decoded.
    landmarks: Option<Vec<Landmark>>,
    warnings: Vec<String>,
}

fn decode(
    measurer: &Measurer,
    corpus: &Corpus,
    recording: &Recording,
    extractor: &Extractor,
) -> Result<Decoded, String> {
    let in_words = |warnings: Vec<features::Warning>| warnings.iter().map(ToString::to_string).collect();
    let decoded = match measurer.fingerprint(corpus, recording) {
        Ok((landmarks, warnings)) => Decoded { landmarks: Some(landmarks), warnings: in_words(warnings) },
        Err(reason) => match corpus.decode(recording, extractor) {
            Ok(clip) => Decoded { landmarks: None, warnings: in_words(clip.warnings) },
            Err(_) => return Err(reason),
        },
    };
    // Without a digest, nothing about it can be cached.
    match recording.key() {
        Some(_) => Ok(decoded),
        None => Err(io::Error::other("it could not be read when the folder was listed").to_string()),
    }
}

/// Everything that decides the fingerprint of given bytes.
fn kind() -> String {
    format!("fingerprints {FINGERPRINTS_VERSION}: features {FEATURES_VERSION}, {MAX_SECONDS} s")
}

/// Landmarks as numbers, three for each.
fn numbers(landmarks: &[Landmark]) -> Vec<u16> {
    landmarks.iter().flat_map(|landmark| landmark.0).collect()
}

/// The reverse of [`numbers`].
fn landmarks_of(numbers: &[u16]) -> Vec<Landmark> {
    numbers.as_chunks().0.iter().copied().map(Landmark).collect()
}

fn copies_of(numbers: &[f64]) -> Vec<Copy> {
    let copy = |[a, b, correlation, lag_seconds]: &[f64; 4]| Copy {
        a: *a as usize,
        b: *b as usize,
        correlation: *correlation,
        lag_seconds: *lag_seconds,
    };
    numbers.as_chunks().0.iter().map(copy).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::audit::{RecorderRule, Relations};
    use features::FeatureConfig;

    fn write(path: &Path, sample: i16) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        (0..16_000).for_each(|i| writer.write_sample(sample * (i * i / 1000 % 7) as i16).unwrap());
        writer.finalize().unwrap();
    }

    fn extractor() -> Extractor {
        Extractor::new(&FeatureConfig::default()).unwrap()
    }

    fn take<'a>(corpus: &'a Corpus, cache: &'a Path) -> Fingerprints<'a> {
        Fingerprints::take(corpus, cache, &extractor(), &|_, _| ControlFlow::Continue(())).unwrap().unwrap()
    }

    #[test]
    fn recordings_that_vanish_or_appear_after_the_listing_are_reported_and_not_cached() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("tired")).unwrap();
        for (name, sample) in [("appears", 900), ("stays", 1000), ("vanishes", 1100)] {
            write(&root.path().join(format!("tired/{name}.wav")), sample);
        }
        let mut corpus = Corpus::scan(root.path()).unwrap();
        corpus.recordings[0].sha256 = String::new(); // as if the file had been unreadable
        std::fs::remove_file(root.path().join("tired/vanishes.wav")).unwrap();
        for _ in ["cold", "warm"] {
            let cache = root.path().join("cache");
            let taken = take(&corpus, &cache);
            let found: Vec<(usize, &str)> = taken.unreadable.iter().map(|u| (u.index, u.path.as_str())).collect();
            assert_eq!(found, [(0, "tired/appears.wav"), (2, "tired/vanishes.wav")]);
            assert!(taken.unreadable[0].reason.contains("when the folder was listed"));
        }
    }

    /// With a warm cache, other bytes at the same paths change nothing.
    #[test]
    fn a_warm_cache_decodes_nothing_and_gives_the_same_relations() {
        let [root, cache] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        std::fs::create_dir(root.path().join("tired")).unwrap();
        let path = |name: &str| root.path().join(format!("tired/{name}.wav"));
        [("a", 900), ("b", 2700)].iter().for_each(|(name, sample)| write(&path(name), *sample));
        std::fs::write(path("c"), "RIFF no more").unwrap();
        let corpus = Corpus::scan(root.path()).unwrap();
        let find = || {
            let fingerprints = take(&corpus, cache.path());
            let relations = Relations::find(&RecorderRule::FileName, &fingerprints).unwrap();
            let copies = fingerprints.copies().unwrap();
            (relations, copies, fingerprints.unreadable)
        };
        let cold = find();
        assert_eq!(cold.0.families, [0, 0, 1], "one sound at two levels");
        assert_eq!((cold.1.len(), cold.2.len()), (1, 1));
        assert!(cold.1[0].correlation > 0.99);
        ["a", "b"].iter().for_each(|name| std::fs::write(path(name), "no sound").unwrap());
        assert_eq!(find(), cold);
        std::fs::remove_dir_all(cache.path().join("copies")).unwrap();
        let candidates = find();
        assert!(candidates.1.is_empty() && candidates.2 == cold.2, "candidates are compared by their sounds");
        std::fs::remove_dir_all(cache.path().join("fingerprints")).unwrap();
        assert_eq!(find().2.len(), 3);
    }

    #[test]
    fn a_caller_that_breaks_gets_nothing_but_what_was_decoded_is_kept() {
        let [root, cache] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        std::fs::create_dir(root.path().join("tired")).unwrap();
        (1..9).for_each(|n| write(&root.path().join(format!("tired/{n}.wav")), n * 100));
        let corpus = Corpus::scan(root.path()).unwrap();
        let stopped = Fingerprints::take(&corpus, cache.path(), &extractor(), &|_, _| ControlFlow::Break(()));
        assert!(stopped.unwrap().is_none());
        let table = Table::<u16>::open(&cache.path().join("fingerprints"), &kind()).unwrap();
        assert!(corpus.recordings.iter().any(|recording| table.contains(&recording.key().unwrap())));
    }

    #[test]
    fn landmarks_are_read_back() {
        let landmarks = [Landmark([0xFFFF, 0x1F, 0xFFFF]), Landmark([0, 5, 0])];
        assert_eq!(landmarks_of(&numbers(&landmarks)), landmarks);
    }
}
