//! What `wail infer` prints to stderr: each file that cannot be read, and after all files the warnings, summed up, and the totals.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use crate::Error;
use crate::terminal::{inputs, stderr};

/// Counts files, seconds of sound and errors, and sums up warnings.
pub(super) struct Summary {
    started: Instant,
    n_files: usize,
    n_errors: usize,
    seconds: f64,
    /// By kind: their text without its numbers.
    warnings: BTreeMap<String, Warned>,
}

/// Files with the same kind of warning.
struct Warned {
    n_files: usize,
    first_file: String,
    /// The warning of the first one.
    text: String,
}

impl Summary {
    pub fn start() -> Self {
        Self { started: Instant::now(), n_files: 0, n_errors: 0, seconds: 0.0, warnings: BTreeMap::new() }
    }

    /// Adds a file of which `seconds` were classified.
    pub fn answered(&mut self, file: &Path, seconds: f64, warnings: &[String]) {
        self.n_files += 1;
        self.seconds += seconds;
        for text in warnings {
            let kind = text.replace(|c: char| c.is_ascii_digit() || c == '.', "");
            let none = || Warned { n_files: 0, first_file: file.display().to_string(), text: text.clone() };
            self.warnings.entry(kind).or_insert_with(none).n_files += 1;
        }
    }

    /// Adds a file that cannot be read, and prints the reason.
    pub fn failed(&mut self, file: &Path, reason: &str) {
        self.n_files += 1;
        self.n_errors += 1;
        stderr::line(format_args!("error: {}: {reason}", file.display()));
    }

    /// Prints the warnings and, for several files, the totals. Unreadable files give exit code 3.
    ///
    /// # Errors
    /// [`Error::Data`] if a file could not be read.
    pub fn finish(self) -> Result<(), Error> {
        self.warnings.values().for_each(|warned| stderr::line(warned.in_words()));
        if self.n_files > 1 {
            stderr::line(format_args!("summary    {}", self.totals(self.started.elapsed().as_secs_f64())));
        }
        inputs::all_read(self.n_errors, self.n_files)
    }

    fn totals(&self, elapsed_seconds: f64) -> String {
        let Self { n_files, n_errors, seconds, .. } = self;
        let per_second = *n_files as f64 / elapsed_seconds.max(1e-3);
        format!(
            "{n_files} files, {n_errors} with errors, {seconds:.0} s of sound, in {elapsed_seconds:.1} s ({per_second:.0} files/s)"
        )
    }
}

impl Warned {
    fn in_words(&self) -> String {
        let Self { n_files, first_file, text } = self;
        match n_files {
            1 => format!("{first_file}: {text}"),
            _ => format!("{n_files} files: {text} ({first_file} and {} like it)", n_files - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_that_differ_in_numbers_only_are_summed_up() {
        let mut summary = Summary::start();
        summary.answered(Path::new("a.wav"), 7.0, &["only the first 7 s were used".into()]);
        summary.answered(Path::new("b.wav"), 1.5, &["only 1.5 s of sound".into(), "very quiet".into()]);
        summary.answered(Path::new("c.wav"), 2.0, &["only 2 s of sound".into()]);
        summary.failed(Path::new("d.wav"), "damaged");
        let lines: Vec<String> = summary.warnings.values().map(Warned::in_words).collect();
        assert_eq!(
            lines,
            [
                "2 files: only 1.5 s of sound (b.wav and 1 like it)",
                "a.wav: only the first 7 s were used",
                "b.wav: very quiet"
            ]
        );
        assert_eq!(summary.totals(2.0), "4 files, 1 with errors, 10 s of sound, in 2.0 s (2 files/s)");
        assert_eq!(summary.finish().map_err(|error| error.to_string()), Err("1 of 4 files could not be read".into()));
    }
}
