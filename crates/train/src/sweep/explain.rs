//! Which parts of a recording each of the most confident mistakes depends on.

use std::time::Instant;

use experiment::Mistake;

use super::open::OpenRun;
use super::prepare::Prepared;
use super::splits::Found;
use crate::Error;

/// Explains each of `mistakes` by the model that made it. Each comes with its index among the answers of all folds.
pub(super) fn explain(
    prepared: &Prepared,
    run: &OpenRun,
    found: &Found,
    mistakes: &mut [(usize, Mistake)],
) -> Result<(), Error> {
    let started = Instant::now();
    let corpus = &prepared.data.corpus;
    let mut first = 0;
    for (fold, tested) in found.test.iter().zip(&found.tested) {
        let answers = first..first + fold.scored.recordings.len();
        first = answers.end;
        let mut of_fold = mistakes.iter_mut().filter(|(index, _)| answers.contains(index)).peekable();
        if of_fold.peek().is_none() {
            continue;
        }
        let classifier = tested.classifier(prepared, run)?;
        for (index, mistake) in of_fold {
            let recording = &corpus.recordings[fold.scored.recordings[*index - answers.start]];
            let audio = corpus.decode(recording, &tested.encoding.extractor);
            let audio = audio.map_err(|source| Error::Recording { path: corpus.place(recording), source })?;
            mistake.explanation = Some(classifier.explain(&audio)?);
        }
    }
    Ok(run.writer.folder.log("mistakes explained", started.elapsed().as_secs_f64())?)
}
