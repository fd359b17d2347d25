//! The classifier over HTTP.
//!
//! - [`listen`] and [`router`]: connections and routes; [`api`]: handlers; [`upload`]: bodies; [`limits`]; [`lambda`];
//!   [`cli`].
//!
//! ```text
//! connection ─listen─▶ request ─router─▶ api ─upload─▶ recordings ─service─▶ answers
//! ```
//!
//! [`service::Service`] passes each recording through a bounded queue, to threads that decode and threads that run the model.
//! [`limits::Limits`] bound what all of this may use.
//!
//! The API describes itself as an OpenAPI document:
//!
//! ```
//! let document = serve::openapi::document();
//! let mut routes: Vec<&String> = document["paths"].as_object().into_iter().flat_map(|paths| paths.keys()).collect();
//! routes.sort();
//! let of_monitor = ["/v1/episodes", "/v1/episodes/{id}/clip", "/v1/episodes/{id}/review", "/v1/events", "/v1/monitor"];
//! let (ours, others): (Vec<&str>, Vec<&str>) = routes.into_iter().map(String::as_str).partition(|route| of_monitor.contains(route));
//! assert_eq!(ours, of_monitor);
//! assert_eq!(others, ["/health", "/livez", "/metrics", "/predict", "/readyz", "/v1/classify", "/v1/model"]);
//! ```

pub mod address;
pub mod api;
mod body;
mod check;
pub mod cli;
mod closing;
mod error;
mod fetch;
mod json;
pub mod lambda;
pub mod limits;
pub mod listen;
pub mod metrics;
pub mod model_args;
pub mod openapi;
pub mod pool;
pub mod problem;
mod reload;
mod resolve;
pub mod router;
pub mod service;
pub mod settings;
pub mod sound;
pub mod token;
pub mod upload;

pub use error::Error;
