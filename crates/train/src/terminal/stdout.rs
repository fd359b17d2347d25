//! Standard output: the data that a command prints. A reader that closes its end, such as `head`, ends the program quietly.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use crate::Error;

/// Writes `text` and flushes it.
///
/// # Errors
/// [`Error::ClosedPipe`] if nobody reads any more, [`Error::Io`] for any other reason.
pub fn print(text: impl Display) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let printed = write!(out, "{text}").and_then(|()| out.flush());
    printed.map_err(|source| match source.kind() {
        ErrorKind::BrokenPipe => Error::ClosedPipe,
        _ => Error::Io { what: "standard output".into(), source },
    })
}

/// Writes `text` and the end of a line.
///
/// # Errors
/// As [`print`].
pub fn line(text: impl Display) -> Result<(), Error> {
    print(format_args!("{text}\n"))
}
