//! Tags around sound: ID3 (id3.org), APE.

/// Bytes of a tag's header that [`length`] looks at.
pub(super) const HEADER_BYTES: usize = 32;

/// Length in bytes of the tag that `bytes` start with; `None` if they start with something else.
pub(super) fn length(bytes: &[u8]) -> Option<u64> {
    match bytes {
        [b'I', b'D', b'3', _, _, flags, size @ ..] if size.len() >= 4 => {
            // Seven bits a byte; a footer repeats the header of 10 bytes.
            let size =
                size[..4].iter().try_fold(0, |sum, byte| (*byte < 0x80).then(|| (sum << 7) + u64::from(*byte)))?;
            Some(10 + size + if flags & 0x10 != 0 { 10 } else { 0 })
        }
        [b'T', b'A', b'G', ..] => Some(128),
        _ if bytes.starts_with(b"APETAGEX") => {
            let field = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
            // The size leaves out the header; what starts with a footer is that footer alone.
            let is_header = field(20)? & 1 << 29 != 0;
            Some(32 + if is_header { u64::from(field(12)?) } else { 0 })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_their_length() {
        let ape = |flags: u32| {
            let mut tag = b"APETAGEX\xd0\x07\0\0".to_vec();
            tag.extend(1000_u32.to_le_bytes());
            tag.extend([3, 0, 0, 0]);
            tag.extend(flags.to_le_bytes());
            tag.extend([0; 8]);
            tag
        };
        let (header, footer) = (ape(5 << 29), ape(1 << 31));
        let cases: [(&[u8], Option<u64>); 9] = [
            (b"ID3\x04\0\0\0\0\x02\x01.", Some(10 + 257)),
            (b"ID3\x04\0\x10\0\0\x02\x01", Some(20 + 257)),
            (b"ID3\x04\0\0\0\0\x82\x01", None),
            (b"ID3\x04\0\0\0\0\x02\x80", None),
            (b"ID3\x04\0\0\0\0", None),
            (b"TAGtitle", Some(128)),
            (&header, Some(32 + 1000)),
            (&footer, Some(32)),
            (b"OggS", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(length(bytes), expected, "{bytes:?}");
        }
    }
}
