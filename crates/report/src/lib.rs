//! Pages made from results: the report of a run, the comparison of runs, the audit of a corpus, the model card.
//!
//! Every page is one file that needs no network. Nothing here trains or predicts.
//!
//! ```no_run
//! use std::path::Path;
//!
//! let run = Path::new("experiments/sweep-0123456789ab");
//! let report = experiment::Report::read(run)?;
//! report::page::render(&report, run)?; // writes report.html and report.md
//! # Ok::<(), report::Error>(())
//! ```

pub mod audit;
pub mod card;
mod chart;
pub mod comparison;
mod error;
#[cfg(test)]
mod example;
mod figures;
mod findings;
mod heat_map;
mod markdown;
mod media;
pub mod mistakes;
pub mod page;
mod templates;
mod text;

pub use error::Error;
