//! Headers of MPEG audio frames: ISO/IEC 11172-3 and 13818-3, layers I to III, and the sample rates of "MPEG 2.5".

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Whether it is version 1; the lower sample rates are version 2.
    pub is_version_1: bool,
    /// 1 to 3.
    pub layer: u8,
    pub sample_rate_hz: u32,
    /// 1 or 2.
    pub n_channels: usize,
    pub bit_rate: u32,
    /// Length of the whole frame, bytes.
    pub n_bytes: usize,
}

/// Longest frame, bytes.
pub(super) const MAX_FRAME_BYTES: usize = 2881;

/// Bit rates of version 1, kbit/s: layers I to III.
const BIT_RATES_1: [[u32; 14]; 3] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
];
/// Bit rates of version 2, kbit/s: layer I, layers II and III.
const BIT_RATES_2: [[u32; 14]; 2] = [
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

impl Header {
    /// The header that `bytes` start with. `None` if they start with something else, or with a frame of "free" bit rate.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let word = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
        let bits = |at: u32, n: u32| (word >> at & ((1 << n) - 1)) as usize;
        if bits(21, 11) != 0x7ff {
            return None;
        }
        let (is_version_1, halvings) = match bits(19, 2) {
            0 => (false, 2),
            2 => (false, 1),
            3 => (true, 0),
            _ => return None,
        };
        let layer = 4 - bits(17, 2);
        if layer == 4 {
            return None;
        }
        let rates = if is_version_1 { BIT_RATES_1[layer - 1] } else { BIT_RATES_2[usize::from(layer > 1)] };
        let bit_rate = 1000 * rates.get(bits(12, 4).checked_sub(1)?)?;
        let sample_rate_hz = [44_100, 48_000, 32_000].get(bits(10, 2))? >> halvings;
        let padding = bits(9, 1);
        let n_bytes = match layer {
            1 => 4 * ((12 * bit_rate / sample_rate_hz) as usize + padding),
            3 if !is_version_1 => (72 * bit_rate / sample_rate_hz) as usize + padding,
            _ => (144 * bit_rate / sample_rate_hz) as usize + padding,
        };
        let n_channels = if bits(6, 2) == 3 { 1 } else { 2 };
        Some(Self { is_version_1, layer: layer as u8, sample_rate_hz, n_channels, bit_rate, n_bytes })
    }

    /// Samples per channel in the frame.
    pub fn n_samples(&self) -> u64 {
        match self.layer {
            1 => 384,
            3 if !self.is_version_1 => 576,
            _ => 1152,
        }
    }

    /// Whether the standard allows the bit rate (ISO/IEC 11172-3, section 2.4.2.3): in layer II some are for mono alone, and
    /// some for stereo.
    pub fn has_standard_bit_rate(&self) -> bool {
        let excluded: &[u32] = match (self.layer, self.n_channels) {
            (2, 1) => &[224_000, 256_000, 320_000, 384_000],
            (2, _) => &[32_000, 48_000, 56_000, 80_000],
            _ => &[],
        };
        !excluded.contains(&self.bit_rate)
    }

    /// Whether frames with these headers can follow one another in a stream.
    pub fn continues(&self, other: &Self) -> bool {
        let kind = |header: &Self| (header.is_version_1, header.layer, header.sample_rate_hz);
        kind(self) == kind(other)
    }
}

/// What the Xing, Info or VBRI header says, which encoders write into an otherwise silent first frame.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Info {
    /// Frames of the stream without this one; `None` if it is not known.
    pub n_frames: Option<u64>,
    /// Samples that encoder and decoder put before the sound.
    pub delay: u64,
    /// Samples after the sound.
    pub padding: u64,
}

/// Samples by which a decoder of layer III delays the sound.
const DECODER_DELAY: u64 = 529;

impl Info {
    /// Reads the first frame. `None` if it holds sound.
    ///
    /// References: Xing's `dxhead.c`; "Mp3 Info Tag rev 1", gabriel.mp3-tech.org.
    pub fn read(frame: &[u8], header: &Header) -> Option<Self> {
        if header.layer != 3 {
            return None;
        }
        let count = |at: usize| Some(u64::from(u32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?)));
        let known = |n: u64| (n > 0).then_some(n);
        if frame.get(36..40) == Some(b"VBRI") {
            return Some(Self { n_frames: known(count(50)?), ..Self::default() });
        }
        let side_information = match (header.is_version_1, header.n_channels) {
            (true, 1) | (false, 2) => 17,
            (true, _) => 32,
            (false, _) => 9,
        };
        let tag = 4 + side_information;
        if !matches!(frame.get(tag..tag + 4)?, b"Xing" | b"Info") {
            return None;
        }
        let flags = count(tag + 4)?;
        let has = |bit: u32| flags >> bit & 1 == 1;
        let mut info = Self { n_frames: if has(0) { known(count(tag + 8)?) } else { None }, ..Self::default() };
        let fields = [(0, 4), (1, 4), (2, 100), (3, 4)];
        let encoder = tag + 8 + fields.iter().filter(|(bit, _)| has(*bit)).map(|(_, length)| length).sum::<usize>();
        if let Some(b"LAME" | b"Lavf" | b"Lavc") = frame.get(encoder..encoder + 4)
            && let Some(gaps) = count(encoder + 20)
        {
            // A byte, then 12 bits each.
            (info.delay, info.padding) = (gaps >> 12 & 0xfff, gaps & 0xfff);
            info.delay += DECODER_DELAY;
            info.padding = info.padding.saturating_sub(DECODER_DELAY);
        }
        Some(info)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_each_version_and_layer_are_read() {
        let header = |is_version_1, layer, sample_rate_hz, n_channels, bit_rate, n_bytes| {
            Some(Header { is_version_1, layer, sample_rate_hz, n_channels, bit_rate, n_bytes })
        };
        let cases: [([u8; 4], Option<Header>); 16] = [
            ([0xff, 0xfb, 0x90, 0x00], header(true, 3, 44_100, 2, 128_000, 417)), // 128 kbit/s
            ([0xff, 0xfa, 0x92, 0xc0], header(true, 3, 44_100, 1, 128_000, 418)), // padded, with a checksum
            ([0xff, 0xf3, 0x48, 0xc0], header(false, 3, 16_000, 1, 32_000, 144)), // 32 kbit/s
            ([0xff, 0xf3, 0x4a, 0xc0], header(false, 3, 16_000, 1, 32_000, 145)), // padded
            ([0xff, 0xe3, 0x18, 0xc0], header(false, 3, 8000, 1, 8000, 72)),      // 8 kbit/s
            ([0xff, 0xfd, 0xc4, 0x00], header(true, 2, 48_000, 2, 256_000, 768)), // 256 kbit/s
            ([0xff, 0xff, 0xe4, 0x00], header(true, 1, 48_000, 2, 448_000, 448)), // 448 kbit/s
            ([0xff, 0xff, 0xe6, 0x00], header(true, 1, 48_000, 2, 448_000, 452)), // padded by four bytes
            ([0xff, 0xf7, 0x14, 0x00], header(false, 1, 24_000, 2, 32_000, 64)),  // layer I of version 2
            ([0xff, 0xf5, 0x14, 0x00], header(false, 2, 24_000, 2, 8000, 48)),    // layer II of version 2
            ([0xff, 0xf9, 0x90, 0x00], None),                                     // reserved layer
            ([0xff, 0xfb, 0x9c, 0x00], None),                                     // reserved rate
            ([0xff, 0xfb, 0x00, 0x00], None),                                     // free bit rate
            ([0xff, 0xfb, 0xf0, 0x00], None),                                     // no bit rate
            ([0xff, 0xf1, 0x50, 0x80], None),                                     // AAC
            ([0xff, 0xeb, 0x90, 0x00], None),                                     // reserved version
        ];
        for (bytes, expected) in cases {
            assert_eq!(Header::read(&bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn layer_2_has_bit_rates_for_mono_and_for_stereo() {
        let mono_192 = Header::read(&[0xff, 0xfd, 0xa0, 0xc0]).unwrap();
        let mono_384 = Header::read(&[0xff, 0xfd, 0xe0, 0xc0]).unwrap();
        let stereo_384 = Header { n_channels: 2, ..mono_384 };
        let stereo_48 = Header { bit_rate: 48_000, ..stereo_384 };
        let standard = [mono_192, mono_384, stereo_384, stereo_48].map(|header| header.has_standard_bit_rate());
        assert_eq!(standard, [true, false, true, false]);
        assert_eq!((mono_192.bit_rate, mono_384.bit_rate), (192_000, 384_000));
    }

    #[test]
    fn the_info_header_counts_frames_and_gaps_and_zero_frames_are_unknown() {
        let mut frame = [0xff, 0xfb, 0x90, 0xc0].to_vec(); // mono
        frame.extend([0; 17]);
        frame.extend(*b"Info\0\0\0\x0f\0\0\x01\x02");
        frame.extend([0; 4 + 100 + 4]);
        frame.extend(*b"LAME3.100");
        frame.extend([0; 12]);
        frame.extend([0x24, 0x05, 0x30]); // 576 and 1328
        frame.resize(417, 0);
        let header = Header::read(&frame).unwrap();
        let expected = Info { n_frames: Some(258), delay: 576 + 529, padding: 1328 - 529 };
        assert_eq!(Info::read(&frame, &header), Some(expected));
        frame[29..33].fill(0);
        assert_eq!(Info::read(&frame, &header), Some(Info { n_frames: None, ..expected }));
        frame[21..25].copy_from_slice(b"sing");
        assert_eq!(Info::read(&frame, &header), None);
    }

    /// The tag follows 4 bytes of header and the side information: 17 or 32 bytes in version 1, 9 or 17 in version 2.
    #[test]
    fn the_info_header_is_found_behind_the_side_information_of_each_kind_of_frame() {
        for (start, tag) in [
            ([0xff, 0xfb, 0x90, 0xc0], 4 + 17),
            ([0xff, 0xfb, 0x90, 0x00], 4 + 32),
            ([0xff, 0xf3, 0x90, 0xc0], 4 + 9),
            ([0xff, 0xf3, 0x90, 0x00], 4 + 17),
        ] {
            let header = Header::read(&start).unwrap();
            for name in [b"Xing", b"Info"] {
                let mut frame = start.to_vec();
                frame.resize(tag, 0);
                frame.extend(name);
                frame.extend(*b"\0\0\0\x01\0\0\0\x07");
                frame.resize(400, 0);
                let expected = Info { n_frames: Some(7), ..Info::default() };
                assert_eq!(Info::read(&frame, &header), Some(expected), "{start:x?}");
                assert_eq!(Info::read(&frame, &Header { layer: 2, ..header }), None);
            }
        }
    }

    /// Frames, bytes, a table of 100 bytes and a quality, each only if its bit is set, then the encoder.
    #[test]
    fn the_gaps_are_found_behind_each_set_of_fields() {
        let header = Header::read(&[0xff, 0xfb, 0x90, 0xc0]).unwrap();
        for flags in 0..16_u32 {
            let present = |bit: u32, n_bytes: usize| if flags >> bit & 1 == 1 { vec![1; n_bytes] } else { vec![] };
            let fields = [present(0, 4), present(1, 4), present(2, 100), present(3, 4)].concat();
            for encoder in [b"LAME", b"Lavf", b"Lavc", b"Lamb"] {
                let mut frame = [0xff, 0xfb, 0x90, 0xc0].to_vec();
                frame.extend([0; 17]);
                frame.extend([b"Xing", &flags.to_be_bytes()[..], &fields, encoder, &[0; 17]].concat());
                frame.extend([0x45, 0x11, 0x23]); // 1105 and 291
                frame.resize(417, 0);
                let n_frames = (flags & 1 == 1).then_some(0x0101_0101);
                // The decoder's delay of 529 is more than the padding.
                let delay = if encoder == b"Lamb" { 0 } else { 0x451 + 529 };
                let expected = Info { n_frames, delay, padding: 0 };
                assert_eq!(Info::read(&frame, &header), Some(expected), "{flags:b}");
            }
        }
    }

    #[test]
    fn the_header_of_fraunhofer_counts_frames() {
        let header = Header::read(&[0xff, 0xfb, 0x90, 0x00]).unwrap();
        let mut frame = [0; 417];
        // Version, delay, quality, bytes, then frames.
        frame[36..54].copy_from_slice(b"VBRI\0\x01\x04\x51\0\x4b\0\x01\0\0\0\0\x02\x03");
        assert_eq!(Info::read(&frame, &header), Some(Info { n_frames: Some(0x203), ..Info::default() }));
        assert_eq!(Info::read(&frame[..52], &header), None);
    }

    #[test]
    fn frames_of_each_kind_have_their_number_of_samples() {
        for (start, n) in [
            ([0xff, 0xff, 0x14, 0], 384),
            ([0xff, 0xf7, 0x14, 0], 384),
            ([0xff, 0xfd, 0x14, 0], 1152),
            ([0xff, 0xf5, 0x14, 0], 1152),
            ([0xff, 0xfb, 0x14, 0], 1152),
            ([0xff, 0xf3, 0x14, 0], 576),
        ] {
            assert_eq!(Header::read(&start).unwrap().n_samples(), n, "{start:x?}");
        }
    }
}
