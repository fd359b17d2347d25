//! The built-in model on the CPU, and sounds to ask it, for tests.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use model::{Compute, DeviceName, EngineName};

use crate::{Classifier, Options};

/// Options without a condition.
pub const OPTIONS: Options = Options { top_k: 1, min_confidence: None, coverage: None };

/// The built-in model.
pub fn built_in() -> Classifier {
    let compute = Compute::new(DeviceName::Cpu, EngineName::Auto).unwrap();
    Classifier::find(None, Path::new(""), &compute).unwrap()
}

/// A 16-bit WAV file of mono samples at 8 kHz.
pub fn wav(samples: impl IntoIterator<Item = i16>) -> Vec<u8> {
    let samples: Vec<u8> = samples.into_iter().flat_map(i16::to_le_bytes).collect();
    let n_bytes = samples.len() as u32;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + n_bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    wav.extend(n_bytes.to_le_bytes());
    wav.extend(samples);
    wav
}
