//! SHA-256 digests (FIPS 180-4) in hexadecimal.

use std::io::{self, ErrorKind, Read};

use sha2::{Digest, Sha256};

/// Bytes read at once.
const CHUNK_BYTES: usize = 1 << 16;

/// Lower-case hexadecimal digits of `bytes`, two per byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that `digits` spell, two hexadecimal digits each; `None` if these are not `N` bytes.
pub fn from_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let mut bytes = [0; N];
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(bytes)
}

/// SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of everything that `reader` yields, as 64 lower-case hexadecimal digits, and the number of bytes read.
/// Memory use does not grow with the length.
///
/// # Errors
/// Any error of `reader` except [`ErrorKind::Interrupted`], which is retried.
pub fn sha256_hex_of(mut reader: impl Read) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut n_bytes = 0;
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok((hex(&hasher.finalize()), n_bytes)),
            Ok(n) => {
                hasher.update(&chunk[..n]);
                n_bytes += n as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn digests_match_sha256sum() {
        let expected = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
        assert_eq!(sha256_hex(b"1"), expected);
        assert_eq!(sha256_hex_of(&b"1"[..]).unwrap(), (expected.to_owned(), 1));
    }

    #[test]
    fn digits_are_read_back_and_others_are_refused() {
        assert_eq!(from_hex(&hex(&[0, 9, 0xAF, 0xFF])), Some([0, 9, 0xAF, 0xFF]));
        for wrong in ["", "0", "000", "00000", "+0", "0g", "é"] {
            assert_eq!(from_hex::<1>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_reader_longer_than_one_chunk_gives_the_digest_of_its_bytes() {
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * CHUNK_BYTES + 7).collect();
        assert_eq!(sha256_hex_of(&bytes[..]).unwrap(), (sha256_hex(&bytes), bytes.len() as u64));
    }
}
