//! The terminal: a line for each trial, and a bar.

use std::sync::{Mutex, PoisonError};

use experiment::Epoch;

use super::watch::{Event, TrialOutcome, Watch};
use crate::terminal::progress::Progress;

/// Prints trials as they end.
#[derive(Default)]
pub struct Terminal(Mutex<Option<Search>>);

/// The search that is under way.
struct Search {
    progress: Progress,
    n_trials: usize,
    n_ended: usize,
}

impl Watch for Terminal {
    fn tell(&self, event: &Event) {
        let mut search = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::SearchStarted { n_trials } => {
                let progress = Progress::new("training", "trials");
                *search = Some(Search { progress, n_trials: *n_trials, n_ended: 0 });
            }
            Event::TrialEnded { trial, outcome, .. } => {
                let Some(search) = search.as_mut() else { return };
                search.n_ended += 1;
                search.progress.line(&describe(&trial.id, outcome));
                search.progress.set(search.n_ended, search.n_trials);
            }
            Event::RunStarted { .. } | Event::EpochEnded { .. } | Event::RunEnded { .. } => {}
        }
    }
}

/// The line that a person sees when a trial ends.
fn describe(id: &str, outcome: &TrialOutcome) -> String {
    match outcome {
        TrialOutcome::Trained { chosen: Epoch { epoch, val_macro_f1, val_loss, .. }, .. } => {
            format!("{id:<32} epoch {epoch:>3}  val macro-F1 {val_macro_f1:.4}  loss {val_loss:.4}")
        }
        TrialOutcome::Failed(message) => format!("FAILED     {message}"),
    }
}
