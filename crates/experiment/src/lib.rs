//! What a run leaves on disk: its folder, its journal, its tables and the data of its report. Nothing here trains.
//!
//! - [`Identity`] is a hash of everything that decides a run's results; [`RunFolder`] names and writes its folder; [`journal`] says what is finished; [`tables`] are its CSV files.
//! - [`Report`] is `report.json`; [`TrialConfig`] and [`TrialResult`] are a trial; [`seed`] derives every random draw.
//!
//! ```
//! use experiment::Identity;
//! use experiment::journal::{Journal, JournalState, Record};
//!
//! let folder = std::env::temp_dir().join(format!("experiment-doc-{}", std::process::id()));
//! std::fs::create_dir_all(&folder)?;
//! let identity = Identity::new([("config", "epochs = 20"), ("corpus", "6b86b2")]);
//! let (journal, _) = Journal::open(&folder, &identity)?;
//! journal.append(&Record::Begin { epochs: 20 })?;
//! drop(journal); // releases the lock
//! let (_journal, records) = Journal::open(&folder, &identity)?;
//! assert!(JournalState::replay(records).trials.is_empty());
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cpu;
mod environment;
mod error;
pub mod folder;
mod frame;
pub mod hash;
mod identity;
pub mod journal;
mod leaks;
mod pretraining;
mod recorders;
mod report;
mod scored;
pub mod seed;
mod setting;
pub mod subgroups;
mod summaries;
pub mod tables;
mod trial;

pub use environment::Environment;
pub use error::Error;
pub use folder::RunFolder;
pub use frame::{Unreadable, frame, unframe};
pub use identity::Identity;
pub use leaks::Leaks;
pub use pretraining::PretrainingData;
pub use recorders::Recorders;
pub use report::{REPORT_VERSION, Report};
pub use scored::{Scored, TestedFold};
pub use setting::{Setting, TrialSettings};
pub use subgroups::{Subgroup, SubgroupTable};
pub use summaries::{
    BackboneSummary, BaselineSummary, CalibrationSummary, ConditionSummary, DataSummary, EventSummary, FailedTrial,
    FoldSummary, GateSummary, Mistake, TrialSummary,
};
pub use trial::{Epoch, TrialConfig, TrialResult, axis_names};
