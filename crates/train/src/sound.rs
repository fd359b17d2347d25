//! Sounds for training that are cut from or made of recordings.

pub(crate) mod decoy;
pub(crate) mod excerpt;
