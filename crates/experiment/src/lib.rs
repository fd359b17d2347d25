//! What a run leaves on disk: its folder, its journal, its tables and the data of its report. Nothing here trains.
//!
//! - [`RunFolder`] names and writes a run's folder; [`journal`] says what is finished; [`tables`] are its CSV files.
//! - [`Report`] is `report.json`; [`TrialConfig`] and [`TrialResult`] are a trial; [`seed`] derives every random draw.
//!
//! ```
//! use experiment::journal::{Journal, JournalState, Record};
//!
//! let folder = std::env::temp_dir().join(format!("experiment-doc-{}", std::process::id()));
//! std::fs::create_dir_all(&folder)?;
//! let (journal, _) = Journal::open(&folder)?;
//! journal.append(&Record::Begin { epochs: 20 })?;
//! drop(journal); // releases the lock
//! let (_journal, records) = Journal::open(&folder)?;
//! assert!(JournalState::replay(records).trials.is_empty());
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod environment;
mod error;
pub mod folder;
mod frame;
pub mod hash;
pub mod journal;
mod leaks;
mod pretraining;
mod report;
mod scored;
pub mod seed;
mod summaries;
pub mod tables;
mod trial;

pub use environment::Environment;
pub use error::Error;
pub use folder::RunFolder;
pub use frame::{frame, unframe};
pub use leaks::Leaks;
pub use pretraining::PretrainingData;
pub use report::{REPORT_VERSION, Report};
pub use scored::Scored;
pub use summaries::{
    BackboneSummary, CalibrationSummary, DataSummary, FailedTrial, FoldSummary, GateSummary, Mistake, TrialSummary,
};
pub use trial::{Epoch, TrialConfig, TrialResult};
