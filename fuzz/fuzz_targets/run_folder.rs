//! The report in a run's folder.
#![no_main]

use experiment::Report;
use libfuzzer_sys::fuzz_target;
use readers::with_file;

fuzz_target!(|bytes: &[u8]| with_file("report.json", bytes, |path| {
    if let Some(Ok(report)) = path.parent().map(Report::read) {
        let _ = path.parent().map(|folder| report::page::render(&report, folder));
    }
}));
