//! One file for each sub-command: its arguments, and the library call behind it.

pub mod audit;
pub mod embed;
pub mod export;
pub mod features;
pub mod infer;
pub mod pretrain;
pub mod report;
pub mod sweep;
pub mod synth;
pub mod weights;
