//! Models in a store, a folder or a bucket: versions that never change, and aliases such as `production` that move between them.
//!
//! ```text
//! s3://bucket/models/cry/versions/<version>/manifest.json     files, lengths and SHA-256; its own SHA-256 is the version
//!                                           model.safetensors …
//!                        aliases/production.json              which version it is
//! ```
//! - [`Registry`] holds the versions of one model; [`ModelUrl`] names one of them, by version or by alias.
//! - [`Registry::push`] writes the files of a version first and its [`Manifest`] last, so that a version is there whole or not at all.
//! - [`Registry::move_alias`] writes only if nobody else moved the alias since it was read.
//!
//! ```
//! use registry::{Files, Registry};
//!
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("model.onnx"), "weights")?;
//! let url = format!("file://{}/models/cry", folder.path().display());
//! let registry = Registry::open(&url)?;
//! let version = registry.push(&Files::of_folder(folder.path(), &["model.onnx".into()])?)?;
//! registry.move_alias("production", &version, None)?;
//!
//! let alias = registry.alias("production")?.ok_or("there is none")?;
//! assert_eq!(registry.file(&registry.manifest(&alias.version)?, "model.onnx")?, b"weights");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alias;
mod error;
mod files;
mod manifest;
mod model_url;
mod registry;

pub use alias::Alias;
pub use error::Error;
pub use files::Files;
pub use manifest::{FileInfo, Manifest, Version};
pub use model_url::{ModelUrl, Named};
pub use registry::{Registry, Resolved};
