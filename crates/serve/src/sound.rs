//! A recording as a client sent it.

use crate::body::Held;

/// Maximum length of a file name that is sent back, characters.
const MAX_NAME: usize = 200;
/// Maximum length of a file extension that is passed to the decoder as a hint, bytes.
const MAX_EXTENSION: usize = 8;

/// A recording as a client sent it.
#[derive(Debug)]
pub struct Sound {
    /// File name that the client gave. For display only, never used as a path.
    pub name: Option<String>,
    /// Content of the sound file.
    pub bytes: Held,
    /// File extension, a hint for the decoder.
    pub extension: Option<String>,
}

impl Sound {
    /// A recording without a name.
    pub fn unnamed(bytes: Held) -> Self {
        Self { name: None, bytes, extension: None }
    }

    /// A recording that the client named `name`.
    pub fn named(name: &str, bytes: Held) -> Self {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        let is_plain = |extension: &String| {
            extension.len() <= MAX_EXTENSION && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        Self { name: Some(name.chars().take(MAX_NAME).collect()), bytes, extension: extension.filter(is_plain) }
    }
}
