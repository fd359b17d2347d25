//! The recordings of a run: located, checked, cleaned of duplicates, split, and searched for leaks.

pub(crate) mod bucket;
pub mod duplicates;
mod group_names;
pub mod leaks;
pub mod locate;
pub mod plan;
pub mod prepared;
pub(crate) mod readable;
mod scarce_classes;
