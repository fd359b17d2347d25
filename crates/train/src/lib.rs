//! Sweep, trials, report, and the command line of Wail.
//!
//! [`sweep::run`] is the main job, top to bottom: [`data`] finds the recordings, [`backbone`] the weights,
//! [`embeddings`] runs the frozen backbone once, [`whitening`] evens its numbers out, [`trial`] trains one head, [`gate`] learns what is no cry,
//! [`report`] says what came out.

pub mod audit;
pub mod backbone;
pub mod cli;
mod commands;
pub mod config;
pub mod data;
mod decoy;
pub mod embeddings;
mod error;
pub mod export;
pub mod gate;
mod inputs;
pub mod interrupt;
pub mod journal;
mod media;
mod npy;
mod parts;
pub mod plan;
pub mod pretrain;
pub mod progress;
pub mod remedies;
pub mod report;
mod results;
pub mod run_folder;
pub mod sampler;
pub mod search;
pub mod seed;
pub mod states;
mod svg;
pub mod sweep;
pub mod tail;
pub mod trial;
pub mod weights;
pub mod whitening;

pub use error::Error;
