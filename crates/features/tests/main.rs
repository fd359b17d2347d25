//! Tests of the public interface, in one program; those that bound a process' memory are alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod compressed;
mod containers;
mod damage;
mod decode;
mod extremes;
mod levels;
mod log_mel;
mod matroska;
mod parity;
mod segments;
mod sound;
mod yamnet;
