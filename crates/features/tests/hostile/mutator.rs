//! Damaged copies of intact files, as fuzzers make them. Equal generators give equal copies.

use rand::{Rng, RngExt};

/// Edge cases for a size, count, rate or offset.
const NUMBERS: [u64; 14] = [
    0,
    1,
    7,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x10_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Damage here finds more than damage to the sound, which is most of a file.
const HEADER_BYTES: usize = 256;

/// Longest piece that is inserted, removed or repeated.
const PIECE_BYTES: usize = 1024;

/// A copy of `good` with one to four kinds of damage; some insert pieces of `other`.
pub fn mutate(good: &[u8], other: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        if bytes.len() < 16 {
            break;
        }
        match rng.random_range(0..8) {
            0 => flip(&mut bytes, rng),
            1 => bytes.truncate(rng.random_range(0..good.len()).min(bytes.len())),
            2 => put_number(&mut bytes, rng.random_range(0..HEADER_BYTES), rng),
            3 | 4 => put_size(&mut bytes, rng),
            5 => {
                let (from, at) = (piece(other, rng), rng.random_range(0..=bytes.len()));
                bytes.splice(at..at, other[from].iter().copied());
            }
            6 => {
                let gone = piece(&bytes, rng);
                bytes.drain(gone);
            }
            _ => {
                let repeated = piece(&bytes, rng);
                let copy = bytes[repeated.clone()].to_vec();
                bytes.splice(repeated.end..repeated.end, copy);
            }
        }
    }
    // A reader rejects a page with a wrong checksum before it reads the rest.
    if bytes.starts_with(b"OggS") && rng.random_ratio(3, 4) {
        repair_ogg_checksums(&mut bytes);
    }
    bytes
}

/// Changes one to eight bytes; in half of the cases all are in the header.
fn flip(bytes: &mut [u8], rng: &mut impl Rng) {
    let reach = if rng.random() { bytes.len() } else { bytes.len().min(HEADER_BYTES) };
    for _ in 0..rng.random_range(1..=8) {
        let at = rng.random_range(0..reach);
        bytes[at] = if rng.random() { rng.random() } else { bytes[at] ^ (1 << rng.random_range(0..8)) };
    }
}

/// Writes one of [`NUMBERS`] in 1, 2, 4 or 8 bytes, in either byte order.
fn put_number(bytes: &mut [u8], at: usize, rng: &mut impl Rng) {
    let width = 1 << rng.random_range(0..=3);
    let number = NUMBERS[rng.random_range(0..NUMBERS.len())].to_le_bytes();
    let mut number = number[..width].to_vec();
    if rng.random() {
        number.reverse();
    }
    for (byte, new) in bytes.iter_mut().skip(at).zip(number) {
        *byte = new;
    }
}

/// Writes a number next to a four-letter code: RIFF and CAF have the size after it, MP4 before it.
fn put_size(bytes: &mut [u8], rng: &mut impl Rng) {
    let is_code = |code: &[u8]| code.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b' ');
    let codes: Vec<usize> = (0..bytes.len() - 4).filter(|at| is_code(&bytes[*at..at + 4])).collect();
    let Some(code) = codes.get(rng.random_range(0..codes.len().max(1))).copied() else { return };
    let at = if rng.random() { code + 4 } else { code.saturating_sub(4) };
    put_number(bytes, at + rng.random_range(0..4), rng);
}

fn piece(bytes: &[u8], rng: &mut impl Rng) -> std::ops::Range<usize> {
    let start = rng.random_range(0..bytes.len());
    start..(start + rng.random_range(1..=PIECE_BYTES)).min(bytes.len())
}

/// Gives each complete page the checksum of its content (RFC 3533, section 6).
fn repair_ogg_checksums(bytes: &mut [u8]) {
    const CHECKSUM: std::ops::Range<usize> = 22..26;
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(4).position(|window| window == b"OggS") {
        at += found;
        let Some(n_segments) = bytes.get(at + 26).map(|n| usize::from(*n)) else { return };
        let Some(segments) = bytes.get(at + 27..at + 27 + n_segments) else { return };
        let length = 27 + n_segments + segments.iter().map(|n| usize::from(*n)).sum::<usize>();
        let Some(page) = bytes.get_mut(at..at + length) else { return };
        page[CHECKSUM].fill(0);
        let checksum = ogg_checksum(page);
        page[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        at += length;
    }
}

/// CRC-32 with polynomial 0x04c11db7, neither reflected nor inverted.
fn ogg_checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| (crc << 1) ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    })
}

#[test]
fn intact_pages_keep_their_checksums() {
    let good = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../features/tests/fixtures/vorbis.ogg")).unwrap();
    let mut repaired = good.clone();
    repair_ogg_checksums(&mut repaired);
    assert!(repaired == good);
}
