//! From a saved model and audio bytes to a prediction. Every program that predicts calls [`Classifier`].
//!
//! - [`Classifier`]: a recording to a [`Prediction`], or many files at once; [`model_file`] finds its model,
//!   [`in_the_box`] is the built-in one.
//! - [`Explainer`]: which parts of a recording an answer depends on.
//! - [`Listener`]: long recordings and streams, window by window; [`Episodes`] joins their windows to episodes of crying.
//!
//! Classifies half a second of silence with the built-in model:
//!
//! ```
//! use std::path::Path;
//!
//! use model::{Compute, DeviceName, EngineName};
//! use predict::{Classifier, Options};
//!
//! // A WAV file: 16-bit mono at 8 kHz.
//! let mut wav = b"RIFF".to_vec();
//! wav.extend((36 + 8000_u32).to_le_bytes());
//! wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
//! wav.extend(8000_u32.to_le_bytes());
//! wav.extend([0; 8000]);
//!
//! let compute = Compute::new(DeviceName::Cpu, EngineName::Auto)?;
//! let classifier = Classifier::find(None, Path::new("experiments"), &compute)?;
//! let options = Options { top_k: 3, min_confidence: None, coverage: None };
//! let answer = classifier.classify(&wav, Some("wav"), &options)?;
//! assert!(classifier.labels().contains(&answer.label));
//! assert_eq!(answer.top_k.len(), 3);
//! assert_eq!((answer.cry_score, answer.not_a_cry), (Some(0.0), Some(true))); // digital silence always scores 0
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod built_in;
mod classifier;
mod clips;
mod episodes;
mod error;
mod explainer;
mod files;
pub mod in_the_box;
mod labels;
mod listener;
mod locate;
mod prediction;
mod quality;
mod tested;

pub use classifier::{CARD_FILE, Classifier, Output};
pub use clips::{Clips, MAX_WINDOWS, Span, Windows};
pub use episodes::{Change, Episode, Episodes, Window};
pub use error::Error;
pub use explainer::Explainer;
pub use features::OcclusionMap;
pub use files::FileAnswer;
pub use labels::Labels;
pub use listener::Listener;
pub use locate::{MODEL_FILES, NEWEST, model_file};
pub use prediction::{Options, Prediction, Ranked};
pub use tested::Tested;
