//! Files of sound, made here.

pub mod ebml;
pub mod wav;
