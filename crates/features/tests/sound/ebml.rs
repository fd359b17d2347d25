//! Matroska files made in memory (RFC 8794 and RFC 9559).

/// An element whose size takes 8 bytes.
pub fn element(id: u32, content: &[u8]) -> Vec<u8> {
    let size = (1 << 56 | content.len() as u64).to_be_bytes();
    [&id.to_be_bytes()[id.leading_zeros() as usize / 8..], &size, content].concat()
}

/// An element that leaves its size open.
pub fn open_element(id: u32, content: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[id.leading_zeros() as usize / 8..], &[0xff], content].concat()
}

/// What the element `Audio` of a track says.
pub fn audio(rate_hz: f32, channels: u8, bits: u8) -> Vec<u8> {
    let fields = [element(0xb5, &rate_hz.to_be_bytes()), element(0x9f, &[channels]), element(0x6264, &[bits])];
    element(0xe1, &fields.concat())
}

/// A track of audio with the elements `more`.
pub fn track(number: u8, codec: &str, more: &[Vec<u8>]) -> Vec<u8> {
    track_of_kind(2, number, codec, more)
}

/// A track; a `kind` of 1 is video, of 2 audio.
pub fn track_of_kind(kind: u8, number: u8, codec: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let fields = [element(0xd7, &[number]), element(0x83, &[kind]), element(0x86, codec.as_bytes()), more.concat()];
    element(0xae, &fields.concat())
}

/// The block of a frame, or of several: `flags` says how they are laced.
pub fn block(track: u8, flags: u8, frames: &[u8]) -> Vec<u8> {
    [&[0x80 | track, 0, 0, flags], frames].concat()
}

/// A cluster of blocks of one frame each of track 1.
pub fn cluster(frames: &[&[u8]]) -> Vec<u8> {
    let blocks: Vec<Vec<u8>> = frames.iter().map(|frame| element(0xa3, &block(1, 0, frame))).collect();
    element(0x1f43_b675, &blocks.concat())
}

/// A file of one segment.
pub fn file(tracks: &[Vec<u8>], clusters: &[Vec<u8>]) -> Vec<u8> {
    [element(0x1a45_dfa3, &element(0x4282, b"matroska")), segment(tracks, clusters)].concat()
}

pub fn segment(tracks: &[Vec<u8>], clusters: &[Vec<u8>]) -> Vec<u8> {
    element(0x1853_8067, &[element(0x1654_ae6b, &tracks.concat()), clusters.concat()].concat())
}

/// The frames of the blocks in a file of one track, whose blocks hold one frame each.
pub fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let id_bytes = first.leading_zeros() as usize + 1;
        let size_bytes = rest[id_bytes].leading_zeros() as usize + 1;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        let size = number(&rest[id_bytes..][..size_bytes]) & ((1 << (7 * size_bytes)) - 1);
        let content = &rest[id_bytes + size_bytes..];
        match number(&rest[..id_bytes]) {
            // A segment, a cluster and a group of blocks: their content follows.
            0x1853_8067 | 0x1f43_b675 | 0xa0 => rest = content,
            id => {
                if matches!(id, 0xa1 | 0xa3) {
                    found.push(content[4..size].to_vec());
                }
                rest = &content[size..];
            }
        }
    }
    found
}
