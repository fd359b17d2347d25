//! Decodes every recording once and finds which of them can be used.

use dataset::{Corpus, ImageStore};

use crate::Error;
use crate::terminal::progress::{Progress, warn};

/// Which recordings can be read.
pub(crate) struct Readable {
    /// Whether each recording can be used, `[n recordings]`.
    pub usable: Vec<bool>,
    /// Paths of the recordings that cannot be read.
    pub unreadable: Vec<String>,
}

/// Decodes every recording and fills the image cache. Unreadable recordings are listed; they are an error unless `skip` is set.
pub(crate) fn check(corpus: &Corpus, images: &ImageStore, skip: bool) -> Result<Readable, Error> {
    let progress = Progress::new("reading", "recordings");
    let checked = images.prepare(corpus, &|done, total| progress.set(done, total))?;
    for (path, warning) in &checked.warnings {
        progress.line(&format!("{path}: {warning}"));
    }
    let mut usable = vec![true; corpus.recordings.len()];
    if checked.unreadable.is_empty() {
        return Ok(Readable { usable, unreadable: Vec::new() });
    }
    let width = checked.unreadable.iter().map(|u| u.path.len()).max().unwrap_or(0);
    let table: Vec<String> = checked.unreadable.iter().map(|u| format!("  {:<width$}  {}", u.path, u.reason)).collect();
    let text = format!("{} recordings cannot be read:\n{}", table.len(), table.join("\n"));
    if !skip {
        return Err(Error::Data(format!(
            "{text}\n  Repair or remove them, or skip them: --set data.skip_unreadable=true"
        )));
    }
    warn(&text);
    for unreadable in &checked.unreadable {
        usable[unreadable.index] = false;
    }
    Ok(Readable { usable, unreadable: checked.unreadable.into_iter().map(|u| u.path).collect() })
}
