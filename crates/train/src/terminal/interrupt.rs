//! SIGINT and SIGTERM: the first asks the command to stop where it can resume, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Error;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Handles the signals from now on; the first one prints `what`.
///
/// # Errors
/// [`Error::Signals`] if the system does not allow it.
pub fn listen(what: &'static str) -> Result<(), Error> {
    ctrlc::set_handler(move || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Error::Interrupted.exit_code()));
        }
        eprintln!("{what}; press Ctrl-C again to stop at once");
    })?;
    Ok(())
}

/// Fails with [`Error::Interrupted`] if a signal arrived.
pub fn check() -> Result<(), Error> {
    if ASKED.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
}
