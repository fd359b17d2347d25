//! End-to-end tests, which drive the real program in a fresh folder. They are one program, since each one is compiled and linked anew.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod caches;
mod corpora;
mod encoders;
mod end_to_end;
mod evaluate;
mod files;
mod formats;
mod heads;
mod identity;
mod listening;
mod nights;
mod outside;
mod pieces;
mod pretrain;
mod run_files;
mod search;
mod shards;
mod submit;
mod tables;
mod temporal;
