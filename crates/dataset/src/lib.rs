//! Folders and tables of recordings to labelled examples: manifest, splits, caches, audit, synthetic corpus.
//!
//! - [`Corpus::scan`] lists and hashes the recordings of a folder of class folders, [`Corpus::from_table`] those of a table.
//! - [`stratified_split`], [`grouped_split`], [`cross_validation`], [`leave_one_group_out`], [`split_from_csv`] and
//!   [`Corpus::folder_split`] assign recordings to training, validation and test.
//! - [`Fingerprints`](audit::Fingerprints) decodes each recording, once; [`Relations`](audit::Relations) finds copies by them.
//! - [`Table`] caches embeddings and the like in a few large files.
//! - [`audit`] reports what would make scores misleading.
//! - [`event_table`] reads a table of events in recordings, true or detected ones.
//! - [`synth`] writes a synthetic corpus of cries, [`sounds`] writes sounds that are not cries, [`nights`] writes hours of both;
//!   [`conditions`] are those under which a classifier is tested.
//! - [`croissant`] describes a corpus for catalogues and loaders of datasets.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use dataset::audit::{Fingerprints, RecorderRule, Relations};
//! use dataset::synth::{SynthConfig, write_corpus};
//! use dataset::{Corpus, Split, grouped_split};
//! use features::{Extractor, FeatureConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let root = folder.path().join("corpus");
//! write_corpus(&root, &SynthConfig { seed: 1, n_recordings: 40 })?;
//!
//! let corpus = Corpus::scan(&root)?;
//! let labels: Vec<usize> = corpus.recordings.iter().map(|recording| recording.label).collect();
//! let extractor = Extractor::new(&FeatureConfig::default())?;
//! let cache = folder.path().join("cache");
//! let fingerprints = Fingerprints::take(&corpus, &cache, &extractor, &|_, _| ControlFlow::Continue(()))?;
//! let Some(fingerprints) = fingerprints else { return Ok(()) };
//! let groups = Relations::find(&RecorderRule::FileName, &fingerprints)?.groups;
//! let split = grouped_split(&labels, &groups, 7);
//! assert_eq!((corpus.labels.len(), split.len()), (8, 40));
//! assert!(split.contains(&Split::Test));
//! # Ok(())
//! # }
//! ```

mod annotations;
mod audio_files;
pub mod audit;
mod class_folders;
pub mod conditions;
mod corpus;
mod counted;
mod croissant;
mod csv_table;
mod csv_text;
mod error;
mod event_table;
mod folder;
mod known_files;
pub mod nights;
mod passed_over;
mod recording;
mod recording_table;
mod several_corpora;
mod signal;
pub mod sounds;
mod split;
mod split_csv;
pub mod synth;
mod table;
mod table_corpus;
mod text_encoding;

pub use annotations::{AnnotationTable, Selection, annotation_table};
pub use audio_files::audio_files;
pub use corpus::Corpus;
pub use counted::{count, is};
pub use croissant::croissant;
pub use error::Error;
pub use event_table::{EventRow, event_table};
pub use passed_over::{PassedFiles, PassedOver};
pub use recording::{BABY, CORPUS, RECORDER, Recording, SPLIT};
pub use split::{
    SPLITS_VERSION, Split, cross_validation, grouped_folds, grouped_split, leave_one_group_out, stratified_split,
};
pub use split_csv::{split_from_csv, split_to_csv};
pub use table::{Element, Key, Table};
