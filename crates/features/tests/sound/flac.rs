//! Silent FLAC files made in memory (RFC 9639): a frame of the largest size takes 14 bytes.

/// Largest number of samples in a frame.
const BLOCK: u16 = u16::MAX;

/// A mono 16-bit file of at least `n_samples` zeros, rounded up to whole frames.
pub fn silence(rate_hz: u32, n_samples: u64) -> Vec<u8> {
    assert_eq!(rate_hz, 8000, "the frame headers encode this rate");
    let mut bytes = b"fLaC\x80\0\0\x22".to_vec();
    bytes.extend(BLOCK.to_be_bytes());
    bytes.extend(BLOCK.to_be_bytes());
    bytes.extend([0; 6]); // frame sizes: unknown
    // 20 bits of rate, 3 of channels - 1, 5 of bits - 1, 36 of samples.
    let packed = (u64::from(rate_hz) << 44) | (15 << 36) | n_samples;
    bytes.extend(packed.to_be_bytes());
    bytes.extend([0; 16]); // MD5 of the samples: unknown
    for frame in 0..n_samples.div_ceil(BLOCK.into()) as u32 {
        let start = bytes.len();
        // Fixed block size in 16 bits; 8 kHz; mono, 16 bit.
        bytes.extend([0xff, 0xf8, 0x74, 0x08]);
        let number = char::from_u32(frame).expect("below the surrogates");
        bytes.extend(number.encode_utf8(&mut [0; 4]).bytes());
        bytes.extend((BLOCK - 1).to_be_bytes());
        bytes.push(checksum(&bytes[start..], 8, 0x07) as u8);
        bytes.extend([0, 0, 0]); // one constant subframe: 0
        bytes.extend(checksum(&bytes[start..], 16, 0x8005).to_be_bytes());
    }
    bytes
}

/// Cyclic redundancy check of `width` bits.
fn checksum(bytes: &[u8], width: u32, polynomial: u16) -> u16 {
    let top = 1 << (width - 1);
    let mask = u16::MAX >> (16 - width);
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << (width - 8)), |crc, _| {
            let next = (crc << 1) & mask;
            if crc & top == 0 { next } else { next ^ polynomial }
        })
    })
}
