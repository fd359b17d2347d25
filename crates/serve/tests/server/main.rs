//! Runs the `wail-serve` binary in fresh folders and talks to it over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod api;
mod client;
mod limits;
mod monitor;
mod start;
