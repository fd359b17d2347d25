//! Drives the real `serve` binary in fresh folders, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod api;
mod client;
mod limits;
mod start;
