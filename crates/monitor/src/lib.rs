//! Listening to microphones and cameras all night.
//!
//! ```text
//! command ─process─▶ PCM ─source─▶ windows ─predict─▶ episodes ─shared─▶ history, clips, reviews
//!                                                                  └──▶ subscriptions: HTTP, MQTT, webhooks
//! ```
//!
//! - [`Config`]: `monitor.toml`; [`Monitor`]: what it starts, a thread for each source.
//! - [`Event`]: what happens, for everyone who holds a [`Subscription`]; [`Recorded`]: an episode in the history.
//! - [`mqtt`] and [`webhook`] tell others.
//!
//! Listens to ten seconds of silence:
//!
//! ```
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use model::{Compute, DeviceName, EngineName};
//! use monitor::{Config, Event, Monitor};
//! use predict::Classifier;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("monitor.toml");
//! let source = r#"
//! [[source]]
//! name = "nursery"
//! command = ["sh", "-c", "head -c 320000 /dev/zero; exec sleep 60"]
//! "#;
//! std::fs::write(&file, source)?;
//!
//! let compute = Compute::new(DeviceName::Cpu, EngineName::Auto)?;
//! let classifier = Arc::new(Classifier::find(None, Path::new("experiments"), &compute)?);
//! let monitor = Monitor::start(Config::read(&file)?, move || Arc::clone(&classifier))?;
//! let mut events = monitor.subscribe();
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let level = runtime.block_on(async {
//!     loop {
//!         match events.next().await {
//!             Some(Event::Level(level)) => break Some(level),
//!             Some(_) => {}
//!             None => break None,
//!         }
//!     }
//! });
//! assert_eq!(level.and_then(|level| level.cry_score), Some(0.0)); // digital silence always scores 0
//! monitor.stop();
//! assert!(folder.path().join("wail-monitor/history.jsonl").exists());
//! # Ok(())
//! # }
//! ```

mod backoff;
mod clips;
mod config;
mod error;
mod event;
mod history;
mod monitor;
pub mod mqtt;
mod notice;
mod reviews;
mod secret_file;
mod shared;
mod source;
mod subscription;
mod time;
pub mod webhook;

pub use config::{ClipConfig, Config, SourceConfig};
pub use error::Error;
pub use event::{Event, Level, Recorded, Review, SourceState, SourceStatus, Verdict};
pub use monitor::{Filter, Monitor};
pub use subscription::Subscription;
