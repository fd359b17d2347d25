//! The answers of a classifier to a list of files.

use std::path::PathBuf;

use predict::{Classifier, Options, Prediction};

use crate::Error;

/// The prediction for each of `files`.
///
/// # Errors
/// [`Error::Recording`] for the first file that cannot be decoded, [`Error::Predict`].
pub fn answers(classifier: &Classifier, files: &[PathBuf]) -> Result<Vec<Prediction>, Error> {
    let options = Options { top_k: 1, min_confidence: None, coverage: None };
    let mut answers = Vec::with_capacity(files.len());
    classifier.classify_files(files, &options, |path, answer| {
        let answer = answer.map_err(|source| Error::Recording { path: path.clone(), source })?;
        answers.push(answer.prediction);
        Ok::<(), Error>(())
    })?;
    Ok(answers)
}
