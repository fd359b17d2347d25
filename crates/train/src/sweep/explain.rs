//! Which parts of a recording each of the most confident mistakes depends on.

use std::time::Instant;

use experiment::{Mistake, TestedFold};
use metrics::argmax;

use super::open::OpenRun;
use super::prepare::Prepared;
use super::splits::Found;
use crate::Error;

/// Explains each of `mistakes` by the model that made it.
pub(super) fn explain(
    prepared: &Prepared,
    run: &OpenRun,
    found: &Found,
    mistakes: &mut [Mistake],
) -> Result<(), Error> {
    let started = Instant::now();
    let corpus = &prepared.data.corpus;
    for mistake in mistakes {
        let is_of = |fold: &TestedFold| {
            let mut answers = fold.scored.recordings.iter().zip(&fold.scored.probabilities);
            answers.any(|(recording, row)| {
                corpus.recordings[*recording].path == mistake.path && row[argmax(row)] == mistake.probability
            })
        };
        let index = found.test.iter().position(is_of);
        let tested = index.and_then(|index| found.tested.get(index));
        let (Some(tested), Some(recording)) = (tested, corpus.find(&mistake.path)) else { continue };
        let audio = corpus.decode(recording, &tested.encoding.extractor);
        let audio = audio.map_err(|source| Error::Recording { path: corpus.place(recording), source })?;
        mistake.explanation = Some(tested.classifier(prepared, run)?.explain(&audio)?);
    }
    Ok(run.writer.folder.log("mistakes explained", started.elapsed().as_secs_f64())?)
}
