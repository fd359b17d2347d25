//! Folders of recordings to labelled examples: walk, manifest, splits, caches, audit, synthetic corpus.
//!
//! [`Corpus::scan`] lists the recordings of a folder of class folders; [`stratified_split`] or [`split_from_csv`] says
//! which takes part in what; [`ImageStore`] turns each into its image, once. [`synth`] makes a corpus where there is none,
//! [`sounds`] makes what is no cry, and [`audit`] says what is wrong with a corpus.

pub mod audit;
mod corpus;
mod error;
mod float_cache;
mod folder;
mod image_store;
mod signal;
pub mod sounds;
mod split;
pub mod synth;

pub use corpus::{Corpus, Recording, audio_files, hex};
pub use error::Error;
pub use float_cache::FloatCache;
pub use image_store::{Checked, ImageStore, Unreadable};
pub use split::{
    Split, cross_validation, grouped_folds, grouped_split, leave_one_group_out, split_from_csv, split_to_csv,
    stratified_split,
};
