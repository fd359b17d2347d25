//! Training: preparing a corpus, embedding it, trials, the sweep, the gate, pretraining, and the command line of Wail.
//!
//! [`sweep::run`] is the main job. The folders follow its stages:
//!
//! | folder | stage |
//! | --- | --- |
//! | [`corpus`] | finds the recordings, drops duplicates, splits them, counts leaks |
//! | [`embed`] | runs the frozen backbone once per recording, whitens its embeddings |
//! | [`trial`] | trains one head with one setting of the grid |
//! | [`sweep`] | searches the grid, chooses a trial, writes the run |
//! | [`gate`] | trains and tests the gate that distinguishes cries from other sounds |
//! | [`pretrain`] | trains a backbone from scratch |
//! | [`tracking`] | tells the terminal, TensorBoard and MLflow what a run does |
//! | [`promotion`] | publishes models, and compares a candidate with the current one |
//!
//! ```
//! use train::config::{Config, Settings};
//!
//! let folder = std::env::temp_dir().join(format!("train-doc-{}", std::process::id()));
//! std::fs::create_dir_all(&folder)?;
//! let path = folder.join("sweep.toml");
//! std::fs::write(&path, "[train]\nepochs = 5\n")?;
//! let config = Config::load(&path, &["seed=7".into()])?;
//! assert_eq!((config.train.epochs, config.seed), (5, 7));
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// A closed pipe must not panic: print through `terminal::stdout` and `terminal::stderr`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod args;
pub mod backbone;
pub mod cli;
mod commands;
pub mod config;
pub mod corpus;
pub mod embed;
pub mod encoder_check;
mod episode_file;
mod error;
pub mod export;
pub mod gate;
mod home;
mod identity;
mod logistic;
pub mod pieces;
pub mod pretrain;
pub mod promotion;
mod shard_args;
mod sound;
pub mod sweep;
pub mod terminal;
pub mod tracking;
pub mod trial;

pub use error::Error;
