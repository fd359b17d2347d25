//! Decodes every recording once and finds which of them can be used.

use std::ops::ControlFlow;
use std::path::Path;

use dataset::audit::{Fingerprints, Unreadable};
use dataset::{Corpus, count};
use features::Extractor;

use crate::Error;
use crate::terminal::progress::{Progress, warn};
use crate::terminal::{interrupt, stderr};

/// Takes the fingerprints of the recordings. Prints how many were decoded now, and the warnings about them.
///
/// # Errors
/// [`Error::Dataset`] if the cache cannot be read or written, [`Error::Interrupted`] on a signal.
pub(crate) fn fingerprints<'a>(
    corpus: &'a Corpus,
    cache: &'a Path,
    extractor: &Extractor,
) -> Result<Fingerprints<'a>, Error> {
    let progress = Progress::new("reading", "recordings");
    let go_on = |done, total| {
        progress.set(done, total);
        if interrupt::check().is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let taken = Fingerprints::take(corpus, cache, extractor, &go_on)?.ok_or(Error::Interrupted)?;
    stderr::line(format_args!("decoded    {} of {}", taken.decoded, count(corpus.recordings.len(), "recording")));
    for (path, warning) in &taken.warnings {
        progress.line(&format!("{path}: {warning}"));
    }
    Ok(taken)
}

/// Whether each of `n` recordings can be used, `[n]`. Unreadable recordings are listed; they are an error unless `skip` is set.
///
/// # Errors
/// [`Error::Data`].
pub(crate) fn check(n: usize, unreadable: &[Unreadable], skip: bool) -> Result<Vec<bool>, Error> {
    let mut usable = vec![true; n];
    if unreadable.is_empty() {
        return Ok(usable);
    }
    let width = unreadable.iter().map(|u| u.path.len()).max().unwrap_or(0);
    let table: Vec<String> = unreadable.iter().map(|u| format!("  {:<width$}  {}", u.path, u.reason)).collect();
    let text = format!("{} cannot be read:\n{}", count(table.len(), "recording"), table.join("\n"));
    if !skip {
        return Err(Error::Data(format!(
            "{text}\n  Repair or remove them, or skip them: --set data.skip_unreadable=true"
        )));
    }
    warn(&text);
    for unreadable in unreadable {
        usable[unreadable.index] = false;
    }
    Ok(usable)
}
