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

/// Decodes the framed record at the start of `bytes` and returns it with its length in bytes; `None` if it is torn or damaged.
pub fn unframe<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<CHECKSUM_BYTES>()?;
    let body = rest.get(..u32::from_le_bytes(*length) as usize)?;
    if Sha256::digest(body)[..CHECKSUM_BYTES] != checksum[..] {
        return None;
    }
    Some((ciborium::from_reader(body).ok()?, 4 + CHECKSUM_BYTES + body.len()))
}
