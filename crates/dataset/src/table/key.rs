//! What identifies an entry of a table.

/// What identifies an entry: a SHA-256 digest, such as that of a recording.
pub type Key = [u8; 32];
