//! Which bytes of a file are its sound.

/// The bytes of a file that are its sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct Extent {
    /// Offset of the first, bytes.
    pub at: u64,
    /// Bytes that the file really has.
    pub n_bytes: u64,
    /// Whether the file ends before the end that its header announces.
    pub truncated: bool,
}

impl Extent {
    /// The bytes from `at` on, as many as `claimed` says; all to the end of the file, which has `length` bytes, if the claim
    /// only says that their number is unknown: 0 where a recorder did not return to its header, and one of a few large
    /// numbers in the output of programs that write to a pipe.
    pub fn new(at: u64, claimed: u64, length: u64) -> Self {
        let there = length.saturating_sub(at);
        let unknown = claimed == 0 || claimed > there && stands_for_unknown(claimed);
        Self { at, n_bytes: if unknown { there } else { claimed.min(there) }, truncated: !unknown && claimed > there }
    }
}

/// Numbers near the largest ones with 32 bits, with and without a sign, or with 64; and what SoX claims for AIFF.
fn stands_for_unknown(size: u64) -> bool {
    let ranges = [0x7eff_0000..=0x7f00_ffff, 0x7fff_0000..=0x8000_ffff, 0xffff_0000..=0xffff_ffff];
    ranges.iter().any(|range| range.contains(&size)) || size >= u64::MAX - 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_sizes_reach_to_the_end_of_the_file() {
        for (claimed, n_bytes, truncated) in [
            (10, 10, false),
            (56, 56, false),
            (57, 56, true),
            (0, 56, false),
            (u32::MAX.into(), 56, false),
            (u64::from(u32::MAX) - 36, 56, false),
            (0x7fff_f000, 56, false),
            (0x8000_0000, 56, false),
            (0x7f00_0008, 56, false),
            (0x7eff_ffff, 56, false),
            (u64::MAX - 0xffff, 56, false),
            (u64::MAX - 0x1_0000, 56, true),
            (u64::MAX, 56, false),
            (2_000_000_000, 56, true),
            (3_000_000_000, 56, true),
            (5_000_000_000, 56, true),
        ] {
            assert_eq!(Extent::new(44, claimed, 100), Extent { at: 44, n_bytes, truncated }, "{claimed}");
        }
        // Such a size may be true.
        let length = 0xffff_fff0 + 100;
        assert_eq!(Extent::new(44, 0xffff_fff0, length).n_bytes, 0xffff_fff0);
        assert_eq!(Extent::new(u64::MAX, 0, 100).n_bytes, 0);
    }
}
