//! The audit of a corpus as an HTML page, as JSON and as a summary. [`dataset::audit`] finds the problems.

mod page;
mod player;

use std::path::{Path, PathBuf};

use dataset::audit::Audit;
use dataset::{Corpus, count};
use experiment::folder;

use crate::Error;

/// Name of an audit's page.
pub const PAGE_FILE: &str = "audit.html";

/// Writes `audit.json` and `audit.html` into `dir`, creates the folder if necessary, and returns the path of the page.
///
/// # Errors
/// [`Error::Run`] if a file cannot be written.
pub fn write(audit: &Audit, corpus: &Corpus, dir: &Path) -> Result<PathBuf, Error> {
    folder::write(&dir.join("audit.json"), &serde_json::to_vec_pretty(audit)?)?;
    let page = dir.join(PAGE_FILE);
    folder::write(&page, page::page(audit, corpus)?.as_bytes())?;
    Ok(page)
}

/// The findings as text, a few lines each, the most severe first.
pub fn summary(audit: &Audit) -> String {
    let mut text = format!(
        "{}: {}, {}, {} (same recorder or same sound)\n",
        audit.corpus,
        count(audit.recordings.len(), "recording"),
        count(audit.classes.len(), "class"),
        count(audit.n_groups(), "group")
    );
    if !audit.passed_over.is_empty() {
        text += &format!("passed over: {}\n", audit.passed_over.summary());
    }
    if audit.findings.is_empty() {
        text += "no findings\n";
    }
    for finding in &audit.findings {
        let (severity, kind) = (finding.severity.name(), finding.kind.name());
        text += &format!("\n{severity}: {kind}\n  {}\n  -> {}\n", finding.message, finding.advice);
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::audit::{RecorderRule, audit};
    use dataset::synth::{SynthConfig, write_corpus};

    #[test]
    #[allow(clippy::unwrap_used)]
    fn the_page_is_self_contained_and_escapes_names() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("corpus");
        write_corpus(&dir, &SynthConfig { seed: 1, n_recordings: 40 }).unwrap();
        let odd = dir.join("<b>&\"'");
        std::fs::create_dir(&odd).unwrap();
        std::fs::write(odd.join("<img src=x onerror=alert(1)>.wav"), "no sound").unwrap();
        std::fs::create_dir(dir.join("<i>empty")).unwrap();
        let corpus = Corpus::scan(&dir).unwrap();
        let audit = audit(&corpus, None, &RecorderRule::FileName, 1).unwrap();
        let page = std::fs::read_to_string(write(&audit, &corpus, folder.path()).unwrap()).unwrap();
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;") && page.contains("1 folder (&lt;i&gt;empty)"));
        for forbidden in ["<img src=x", "<i>empty", "<b>&", "<script", "http://", "https://"] {
            let page = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert_eq!(page.matches("<audio").count(), 8, "one player for each class with a readable recording");
        assert!(page.len() < 3_000_000, "{} bytes", page.len());
        let again = std::fs::read_to_string(write(&audit, &corpus, folder.path()).unwrap()).unwrap();
        assert_eq!(page, again);
        let summary = summary(&audit).replace(&audit.corpus, "corpus");
        insta::assert_snapshot!(summary);
    }
}
