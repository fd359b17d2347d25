//! Signals that ask a command to stop: SIGINT, SIGTERM, SIGHUP, and SIGUSR1, which batch systems send before a job's time is up.
//! The first asks the command to stop where it can resume, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use super::stderr;
use crate::Error;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Handles the signals from now on; the first one prints `what`.
///
/// # Errors
/// [`Error::Signals`] if the system does not allow it.
pub fn listen(what: &'static str) -> Result<(), Error> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1]).map_err(Error::Signals)?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if ASKED.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(Error::Interrupted.exit_code()));
            }
            stderr::line(format_args!("{what}; press Ctrl-C again to stop at once"));
        }
    });
    Ok(())
}

/// Fails with [`Error::Interrupted`] if a signal arrived.
pub fn check() -> Result<(), Error> {
    if ASKED.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
}
