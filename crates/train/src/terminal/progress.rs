//! Progress on stderr: a bar with the remaining time on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::stderr;

/// Progress of one step of known length.
pub struct Progress {
    bar: Option<ProgressBar>,
    what: String,
    tenth: AtomicUsize,
}

impl Progress {
    /// Starts a step; `unit` is what is counted, such as "recordings" or "bytes".
    pub fn new(what: &str, unit: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let counts =
                if unit == "bytes" { "{bytes}/{total_bytes}".into() } else { format!("{{pos}}/{{len}} {unit}") };
            let template = format!("{{msg:<22}} [{{bar:30}}] {counts}, {{eta}} left");
            let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            bar.set_style(style.progress_chars("=> "));
            bar.set_message(what.to_owned());
            bar
        });
        Self { bar, what: what.into(), tenth: AtomicUsize::new(0) }
    }

    /// Shows that `done` of `total` units are done. May be called from several threads.
    pub fn set(&self, done: usize, total: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            if done >= total {
                bar.finish();
            }
            return;
        }
        let tenth = (10 * done).checked_div(total).unwrap_or(10);
        if self.tenth.fetch_max(tenth, Ordering::Relaxed) < tenth {
            stderr::line(format_args!("{}: {done} of {total}", self.what));
        }
    }

    /// Prints a line above the bar.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => stderr::line(text),
        }
    }
}

/// Prints a warning in a frame.
pub fn warn(text: &str) {
    let rule = "!".repeat(100);
    stderr::line(format_args!("{rule}\n! WARNING: {}\n{rule}", text.replace('\n', "\n! ")));
}
