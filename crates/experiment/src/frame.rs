//! Framed records: length and checksum, then a CBOR body, so that a torn or damaged record is recognised.
//!
//! ```text
//! length of the body (u32, little endian), first 8 bytes of the body's SHA-256, body (CBOR)
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::Error;

const CHECKSUM_BYTES: usize = 8;

/// Encodes `body` as a framed record.
///
/// # Errors
/// [`Error::Encode`] if the body has no CBOR form or is longer than 4 GiB.
pub fn frame(body: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    ciborium::into_writer(body, &mut bytes).map_err(Error::encode)?;
    let length = u32::try_from(bytes.len()).map_err(Error::encode)?;
    Ok([&length.to_le_bytes()[..], &Sha256::digest(&bytes)[..CHECKSUM_BYTES], &bytes].concat())
}

/// Why a framed record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is torn or damaged.
    Torn,
    /// It is whole, but this program does not know its contents, for this reason: another version wrote it.
    Unknown(String),
}

/// Decodes the framed record at the start of `bytes` and returns it with its length in bytes.
///
/// # Errors
/// [`Unreadable`].
pub fn unframe<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), Unreadable> {
    let body = body(bytes).ok_or(Unreadable::Torn)?;
    let record = ciborium::from_reader(body).map_err(|error| Unreadable::Unknown(error.to_string()))?;
    Ok((record, 4 + CHECKSUM_BYTES + body.len()))
}

/// The body of the framed record at the start of `bytes`; `None` if it is torn or damaged.
fn body(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<CHECKSUM_BYTES>()?;
    let body = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (Sha256::digest(body)[..CHECKSUM_BYTES] == checksum[..]).then_some(body)
}
