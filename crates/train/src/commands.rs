//! The sub-commands, one file each: parse, resolve, call one library function, print.

pub mod audit;
pub mod completions;
pub mod config;
pub mod embed;
pub mod encoders;
mod episode_args;
pub mod evaluate;
pub mod export;
pub mod features;
pub mod infer;
pub mod man;
pub mod merge;
mod model_args;
pub mod plan;
pub mod prepare;
pub mod pretrain;
pub mod promote;
pub mod pull;
pub mod push;
pub mod report;
pub mod submit;
pub mod sweep;
pub mod synth;
pub mod table;
pub mod track;
pub mod weights;
