//! Pages made from results: the report of a run, the comparison of runs, the audit of a corpus, the model card.
//!
//! - [`page`]: a run's report; [`comparison`]: several runs; [`audit`]: a corpus; [`card`]: a model; [`mistakes`]: the
//!   most confident mistakes and their media.
//!
//! Every page is one file that needs no network. Nothing here trains or predicts.
//!
//! ```
//! use dataset::audit::{RecorderRule, audit};
//! use dataset::synth::{SynthConfig, write_corpus};
//!
//! let folder = tempfile::tempdir()?;
//! let root = folder.path().join("corpus");
//! write_corpus(&root, &SynthConfig { seed: 1, n_recordings: 40 })?;
//!
//! let corpus = dataset::Corpus::scan(&root)?;
//! let found = audit(&corpus, None, &RecorderRule::FileName, 7)?;
//! let page = report::audit::write(&found, &corpus, &folder.path().join("audit"))?;
//! assert!(std::fs::read_to_string(page)?.starts_with("<!doctype html>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod audit;
pub mod card;
mod chart;
pub mod comparison;
mod error;
mod events;
#[cfg(test)]
mod example;
mod figures;
mod findings;
mod heat_map;
mod markdown;
mod media;
pub mod mistakes;
pub mod page;
mod robustness;
mod templates;
mod text;

pub use error::Error;
