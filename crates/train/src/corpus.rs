//! The recordings of a run: located, checked, cleaned of duplicates, split, and compared with what training knows.

pub mod duplicates;
pub mod leaks;
pub mod locate;
pub mod plan;
pub mod prepared;
pub(crate) mod readable;
