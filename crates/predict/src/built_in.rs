//! The built-in model on the CPU, for tests.
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
