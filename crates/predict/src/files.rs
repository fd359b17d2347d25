//! Classifying many files: decoded in parallel, classified in batches, answered in order.

use std::path::Path;

use rayon::prelude::*;

use crate::{Classifier, Clips, Error, Options, Prediction};

/// Files per batch, two batches of the engine. The next ones are decoded meanwhile, so twice as many clips are in memory.
const FILES_AT_ONCE: usize = 16;

/// The answer to one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileAnswer {
    /// The prediction for its first clip.
    pub prediction: Prediction,
    /// Length of the sound that was classified, s.
    pub seconds: f64,
}

impl Classifier {
    /// Classifies `files` in parallel and in batches. Passes each file and its answer to `sink`, in the order of `files`, as soon as
    /// its batch is done. Memory does not grow with the number of files. An answer is that of [`Classifier::classify_file`], up to
    /// rounding.
    ///
    /// # Errors
    /// [`Error::Coverage`] for a coverage that the model does not have, [`Error::Model`] if the device fails, and the errors of `sink`. A
    /// file that is not a usable recording ends nothing: `sink` receives its error.
    pub fn classify_files<P: AsRef<Path> + Sync, E: From<Error>>(
        &self,
        files: &[P],
        options: &Options,
        mut sink: impl FnMut(&P, Result<FileAnswer, features::Error>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.check(options)?;
        let mut batches = files.chunks(FILES_AT_ONCE).peekable();
        let mut clips = self.cut_files(batches.peek().copied().unwrap_or_default());
        while let Some(batch) = batches.next() {
            let images: Vec<f32> = clips.iter().flatten().flat_map(|clips| &clips.images).copied().collect();
            let next = batches.peek().copied().unwrap_or_default();
            let (outputs, next_clips) = rayon::join(|| self.outputs(&images), || self.cut_files(next));
            let mut outputs = outputs?.into_iter();
            for (file, clips) in batch.iter().zip(std::mem::replace(&mut clips, next_clips)) {
                let answer = match clips.and_then(|clips| Ok((outputs.next().ok_or(features::Error::Empty)?, clips))) {
                    Ok((output, Clips { seconds, warnings, .. })) => {
                        Ok(FileAnswer { prediction: self.decide(&output, options, warnings)?, seconds })
                    }
                    Err(error) => Err(error),
                };
                sink(file, answer)?;
            }
        }
        Ok(())
    }

    /// The first clip of each file.
    fn cut_files<P: AsRef<Path> + Sync>(&self, files: &[P]) -> Vec<Result<Clips, features::Error>> {
        let cut = |file: &P| Ok(Clips::cut(self.extractor(), &self.extractor().decode_file(file.as_ref())?, None));
        files.par_iter().map(cut).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::built_in::{OPTIONS, built_in, wav};

    /// A tone of `frequency_hz` at 8 kHz, `seconds` long, as a 16-bit WAV file.
    fn tone(frequency_hz: f32, seconds: f32) -> Vec<u8> {
        let n_samples = (8000.0 * seconds) as u32;
        let phase = |i: u32| i as f32 / 8000.0 * frequency_hz * std::f32::consts::TAU;
        wav((0..n_samples).map(|i| (phase(i).sin() * 9000.0) as i16))
    }

    #[test]
    fn many_files_are_answered_in_order_and_like_each_alone() {
        let folder = tempfile::tempdir().unwrap();
        let classifier = built_in();
        // More than two batches, some without a single usable file.
        let files: Vec<PathBuf> = (0..2 * FILES_AT_ONCE + 5).map(|i| folder.path().join(format!("{i}.wav"))).collect();
        for (i, file) in files.iter().enumerate() {
            let is_bad = i == 3 || (FILES_AT_ONCE..2 * FILES_AT_ONCE).contains(&i);
            let bytes = if is_bad { b"RIFF".to_vec() } else { tone(200.0 + 40.0 * i as f32, 1.0 + 0.2 * i as f32) };
            std::fs::write(file, bytes).unwrap();
        }
        let mut answers = Vec::new();
        let mut sink = |file: &PathBuf, answer| {
            answers.push((file.clone(), answer));
            Ok::<(), Error>(())
        };
        classifier.classify_files(&files, &OPTIONS, &mut sink).unwrap();
        assert_eq!(answers.iter().map(|(file, _)| file).collect::<Vec<_>>(), files.iter().collect::<Vec<_>>());
        for (i, (file, answer)) in answers.into_iter().enumerate() {
            let alone = classifier.classify_file(&file, &OPTIONS);
            match (answer, alone) {
                (Ok(answer), Ok(alone)) => {
                    let FileAnswer { prediction, seconds } = answer;
                    assert!((seconds - (1.0 + 0.2 * i as f64).min(7.0)).abs() < 1e-3, "{i}: {seconds}");
                    assert_eq!((&prediction.label, &prediction.warnings), (&alone.label, &alone.warnings), "{i}");
                    for (label, probability) in &alone.all_probs {
                        assert!((prediction.all_probs[label] - probability).abs() < 1e-5, "{i}: {label}");
                    }
                    assert!((prediction.cry_score.unwrap() - alone.cry_score.unwrap()).abs() < 1e-5, "{i}");
                }
                (Err(error), Err(alone)) => assert_eq!(error.to_string(), alone.to_string(), "{i}"),
                (answer, alone) => panic!("{i}: {answer:?}, alone {alone:?}"),
            }
        }
    }

    #[test]
    fn an_error_of_the_sink_ends_the_work() {
        let classifier = built_in();
        let mut n_calls = 0;
        let stop = |_: &&str, _| {
            n_calls += 1;
            Err(Error::NoModel("stop".into()))
        };
        assert!(classifier.classify_files(&["no such file", "nor this one"], &OPTIONS, stop).is_err());
        assert_eq!(n_calls, 1);
        let unknown = Options { coverage: Some(0.5), ..OPTIONS };
        let never = |_: &&str, _| -> Result<(), Error> { panic!("the options are checked first") };
        let error = classifier.classify_files(&["no such file"], &unknown, never).unwrap_err();
        assert!(matches!(error, Error::Coverage { coverage: 0.5, .. }), "{error}");
    }
}
