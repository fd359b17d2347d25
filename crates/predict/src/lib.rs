//! A saved model and audio bytes to a prediction: the one classifier that everything that predicts calls.

mod classifier;
mod error;
mod prediction;

pub use classifier::Classifier;
pub use error::Error;
pub use prediction::{Options, Prediction, Ranked};
