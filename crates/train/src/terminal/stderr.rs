//! Standard error: messages for people. A command whose messages nobody reads any more continues without them.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes `text` and the end of a line.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
