//! Elements of Matroska files: EBML (RFC 8794), and the lacing of blocks (RFC 9559, section 10).

/// Identifiers of the elements that are read.
pub(super) mod id {
    pub const EBML: u64 = 0x1a45_dfa3;
    pub const SEGMENT: u64 = 0x1853_8067;
    pub const TRACKS: u64 = 0x1654_ae6b;
    pub const TRACK_ENTRY: u64 = 0xae;
    pub const TRACK_NUMBER: u64 = 0xd7;
    pub const TRACK_TYPE: u64 = 0x83;
    pub const CODEC_ID: u64 = 0x86;
    pub const CODEC_PRIVATE: u64 = 0x63a2;
    pub const CODEC_DELAY: u64 = 0x56aa;
    pub const AUDIO: u64 = 0xe1;
    pub const SAMPLING_FREQUENCY: u64 = 0xb5;
    pub const CHANNELS: u64 = 0x9f;
    pub const BIT_DEPTH: u64 = 0x6264;
    pub const CONTENT_ENCODINGS: u64 = 0x6d80;
    pub const CONTENT_ENCODING: u64 = 0x6240;
    pub const CONTENT_COMPRESSION: u64 = 0x5034;
    pub const CONTENT_COMPRESSION_ALGORITHM: u64 = 0x4254;
    pub const CONTENT_COMPRESSION_SETTINGS: u64 = 0x4255;
    pub const CLUSTER: u64 = 0x1f43_b675;
    pub const SIMPLE_BLOCK: u64 = 0xa3;
    pub const BLOCK_GROUP: u64 = 0xa0;
    pub const BLOCK: u64 = 0xa1;
    pub const DISCARD_PADDING: u64 = 0x75a2;
}

/// Longest header of an element: 4 bytes of identifier and 8 of size.
pub(super) const MAX_HEADER_BYTES: usize = 12;

/// An element, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub id: u64,
    /// Bytes of its content; `None` if the header leaves it open.
    pub size: Option<u64>,
}

/// Whether an element with this identifier can stand in a segment or a cluster, or beside a segment.
pub(super) fn is_known(id: u64) -> bool {
    const SEEK_HEAD: u64 = 0x114d_9b74;
    const INFO: u64 = 0x1549_a966;
    const CUES: u64 = 0x1c53_bb6b;
    const ATTACHMENTS: u64 = 0x1941_a469;
    const CHAPTERS: u64 = 0x1043_a770;
    const TAGS: u64 = 0x1254_c367;
    const TIMESTAMP: u64 = 0xe7;
    const SILENT_TRACKS: u64 = 0x5854;
    const POSITION: u64 = 0xa7;
    const PREVIOUS_SIZE: u64 = 0xab;
    const ENCRYPTED_BLOCK: u64 = 0xaf;
    const VOID: u64 = 0xec;
    const CHECKSUM: u64 = 0xbf;
    let in_segment = [id::EBML, SEEK_HEAD, INFO, CUES, ATTACHMENTS, CHAPTERS, TAGS];
    let in_cluster = [TIMESTAMP, SILENT_TRACKS, POSITION, PREVIOUS_SIZE, ENCRYPTED_BLOCK, VOID, CHECKSUM];
    in_segment.contains(&id) || in_cluster.contains(&id)
}

/// A number of variable length at the start of `bytes`: with its marker, without it, and its length in bytes.
fn number(bytes: &[u8]) -> Option<(u64, u64, usize)> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    let with_marker = unsigned(bytes.get(..length).filter(|_| length <= 8)?);
    Some((with_marker, with_marker & !(1 << (7 * length)), length))
}

/// The header at the start of `bytes`, and its length.
pub(super) fn header(bytes: &[u8]) -> Option<(Element, usize)> {
    let (id, _, id_bytes) = number(bytes).filter(|(.., length)| *length <= 4)?;
    let (_, size, size_bytes) = number(&bytes[id_bytes..])?;
    let open = size == (1 << (7 * size_bytes)) - 1;
    Some((Element { id, size: (!open).then_some(size) }, id_bytes + size_bytes))
}

/// The elements in the content of another one: identifier and content. Ends at the first damaged one.
pub(super) fn elements(mut content: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let (Element { id, size }, n) = header(content)?;
        let size = usize::try_from(size?).ok()?;
        let (element, rest) = content.get(n..)?.split_at_checked(size)?;
        content = rest;
        Some((id, element))
    })
}

/// The content of an element as an unsigned number, of which the last 8 bytes count.
pub(super) fn unsigned(content: &[u8]) -> u64 {
    content.iter().fold(0, |number, byte| (number << 8) + u64::from(*byte))
}

/// The content of an element as a signed number.
pub(super) fn signed(content: &[u8]) -> i64 {
    let unused = 64 - 8 * content.len().min(8) as u32;
    (unsigned(content) as i64).checked_shl(unused).unwrap_or_default() >> unused.min(63)
}

/// The content of an element as a float; 0 if it has another length than 4 or 8 bytes.
pub(super) fn float(content: &[u8]) -> f64 {
    match content.len() {
        4 => f32::from_bits(unsigned(content) as u32).into(),
        8 => f64::from_bits(unsigned(content)),
        _ => 0.0,
    }
}

/// The frames of a block of track `track`. `None` for a block of another track, or a damaged one.
pub(super) fn frames(block: &[u8], track: u64) -> Option<Vec<&[u8]>> {
    let (_, number_of_track, n) = number(block)?;
    if number_of_track != track {
        return None;
    }
    // Two bytes of time.
    let flags = block.get(n + 2)?;
    let content = &block[n + 3..];
    let lacing = flags >> 1 & 3;
    if lacing == 0 {
        return Some(vec![content]);
    }
    let (n_frames, mut rest) = content.split_first().map(|(n, rest)| (usize::from(*n) + 1, rest))?;
    let mut sizes = Vec::with_capacity(n_frames);
    for i in 0..n_frames - 1 {
        let size = match lacing {
            1 => xiph_size(&mut rest)?,
            2 => rest.len() / n_frames,
            _ => ebml_size(&mut rest, (i > 0).then(|| sizes[i - 1]))?,
        };
        sizes.push(size);
    }
    let mut frames = Vec::with_capacity(n_frames);
    for size in sizes {
        let (frame, others) = rest.split_at_checked(size)?;
        frames.push(frame);
        rest = others;
    }
    frames.push(rest);
    Some(frames)
}

/// A size as Xiph writes it: bytes of 255 and one below.
pub(super) fn xiph_size(bytes: &mut &[u8]) -> Option<usize> {
    let mut size = 0;
    loop {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        size += usize::from(*first);
        if *first < 255 {
            return Some(size);
        }
    }
}

/// A size in EBML lacing: the first as it is, the others as the difference to the one before.
fn ebml_size(bytes: &mut &[u8], before: Option<usize>) -> Option<usize> {
    let (_, value, n) = number(bytes)?;
    *bytes = &bytes[n..];
    match before {
        None => usize::try_from(value).ok(),
        Some(before) => {
            let difference = i64::try_from(value).ok()? - ((1 << (7 * n - 1)) - 1);
            usize::try_from(i64::try_from(before).ok()?.checked_add(difference)?).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_give_identifier_and_size() {
        let found = |id, size, n| Some((Element { id, size }, n));
        let cases = [
            (vec![0xa3, 0x85, 1], found(id::SIMPLE_BLOCK, Some(5), 2)),
            (vec![0x1f, 0x43, 0xb6, 0x75, 0x40, 0x02], found(id::CLUSTER, Some(2), 6)),
            (vec![0x18, 0x53, 0x80, 0x67, 1, 255, 255, 255, 255, 255, 255, 255], found(id::SEGMENT, None, 12)),
            (vec![0x1f, 0x43, 0xb6, 0x75, 0xff], found(id::CLUSTER, None, 5)),
            (vec![0, 0x85], None),
            (vec![0xa3], None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(header(&bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn numbers_are_read() {
        assert_eq!((unsigned(&[1, 2]), signed(&[0xff, 0xfe]), signed(&[0x7f]), signed(&[])), (258, -2, 127, 0));
        assert_eq!(
            (float(&48_000_f32.to_be_bytes()), float(&8000_f64.to_be_bytes()), float(&[1])),
            (48_000.0, 8000.0, 0.0)
        );
    }

    #[test]
    fn blocks_of_each_lacing_give_their_frames() {
        let expected: Option<Vec<&[u8]>> = Some(vec![b"a", b"bb", b"ccc"]);
        let block = |flags: u8, sizes: &[u8]| [&[0x81, 0, 0, flags], sizes, b"abbccc"].concat();
        assert_eq!(frames(&block(0, &[]), 1), Some(vec![b"abbccc".as_slice()]));
        assert_eq!(frames(&block(2, &[2, 1, 2]), 1), expected);
        assert_eq!(frames(&block(6, &[2, 0x81, 0xc0]), 1), expected);
        assert_eq!(frames(&block(4, &[2]), 1), Some(vec![b"ab".as_slice(), b"bc", b"cc"]));
        assert_eq!(frames(&block(2, &[2, 200, 2]), 1), None, "a frame beyond the end");
        assert_eq!(frames(&block(0, &[]), 2), None, "another track");
        assert_eq!(xiph_size(&mut [255, 255, 3].as_slice()), Some(513));
        // Sizes of 2, 1 less and, in two bytes, 50 more; the last frame has the rest.
        let [high, low] = (0x4000_u16 + 0x1fff + 50).to_be_bytes();
        let block = [&[0x81, 0, 0, 6, 3, 0x82, 0x80 | 62, high, low][..], &[7; 99]].concat();
        let sizes = frames(&block, 1).map(|frames| frames.iter().map(|frame| frame.len()).collect());
        assert_eq!(sizes, Some(vec![2, 1, 51, 45]));
    }
}
