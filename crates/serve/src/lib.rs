//! The classifier over HTTP.
//!
//! ```text
//! connection ─listen─▶ request ─router─▶ api ─upload─▶ recordings ─service─▶ answers
//! ```
//!
//! [`service::Service`] takes each recording through a bounded queue, threads that decode and threads that run the model. Everything
//! around it keeps one client from harming the others: [`limits`] says how much each may take.

pub mod address;
pub mod api;
mod body;
pub mod cli;
mod error;
mod fetch;
mod json;
pub mod lambda;
pub mod limits;
pub mod listen;
pub mod metrics;
pub mod openapi;
pub mod pool;
pub mod problem;
pub mod router;
pub mod service;
pub mod token;
pub mod upload;

pub use error::Error;
