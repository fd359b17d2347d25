//! SIGINT and SIGTERM: the first asks the run to stop where it can go on, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Error;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens for the signals from now on; `what` is told to happen at the first.
///
/// # Errors
/// [`Error::Signals`] if the system does not allow it.
pub fn listen(what: &'static str) -> Result<(), Error> {
    ctrlc::set_handler(move || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Error::Interrupted.exit_code()));
        }
        eprintln!("{what}; once more to stop at once");
    })?;
    Ok(())
}

/// [`Error::Interrupted`] if a signal has come.
pub fn check() -> Result<(), Error> {
    if ASKED.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
}
