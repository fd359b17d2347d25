//! Sounds for training, made from recordings.

pub(crate) mod decoy;
pub(crate) mod excerpt;
