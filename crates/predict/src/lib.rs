//! From a saved model and audio bytes to a prediction. Every program that predicts calls [`Classifier`].

mod classifier;
mod clips;
mod error;
pub mod in_the_box;
mod listener;
mod locate;
mod prediction;
mod quality;
mod timeline;

pub use classifier::{Classifier, Output};
pub use clips::{Clips, MAX_WINDOWS, Span, Windows};
pub use error::Error;
pub use listener::Listener;
pub use locate::{NEWEST, model_file};
pub use prediction::{Options, Prediction, Ranked};
pub use timeline::{Event, Timeline};
