//! The floating-point types of weight files.

use half::{bf16, f16};
use rayon::prelude::*;

/// As many numbers or fewer are decoded by one thread.
const STEP: usize = 1 << 16;

/// A floating-point type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Float {
    F16,
    /// `bfloat16`: the upper half of a `float32`.
    Bf16,
    F32,
    F64,
}

impl Float {
    /// Bytes of a number.
    pub fn width(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Little-endian numbers as `float32`, exactly except for `float64`, which is rounded. `None` if the bytes end inside a
    /// number.
    pub fn decode(self, bytes: &[u8]) -> Option<Vec<f32>> {
        match self {
            Self::F16 => numbers(bytes, |number| f16::from_le_bytes(number).to_f32()),
            Self::Bf16 => numbers(bytes, |number| bf16::from_le_bytes(number).to_f32()),
            Self::F32 => numbers(bytes, f32::from_le_bytes),
            Self::F64 => numbers(bytes, |number| f64::from_le_bytes(number) as f32),
        }
    }
}

fn numbers<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f32 + Sync) -> Option<Vec<f32>> {
    let (numbers, rest) = bytes.as_chunks();
    rest.is_empty().then(|| match numbers.len() > STEP {
        false => numbers.iter().map(|&number| decode(number)).collect(),
        true => numbers.par_iter().with_min_len(STEP).map(|&number| decode(number)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The patterns are those of IEEE 754 and of bfloat16: 1, -2, 2/3 and the smallest subnormal number.
    #[test]
    fn every_type_is_decoded() {
        let bytes = |numbers: [u16; 4]| numbers.map(u16::to_le_bytes).as_flattened().to_vec();
        let halves = bytes([0x3c00, 0xc000, 0x3955, 0x0001]);
        assert_eq!(Float::F16.decode(&halves), Some(vec![1.0, -2.0, 0.666_503_9, 5.960_464_5e-8]));
        let brains = bytes([0x3f80, 0xc000, 0x3f2b, 0x0001]);
        assert_eq!(Float::Bf16.decode(&brains), Some(vec![1.0, -2.0, 0.667_968_75, f32::from_bits(1 << 16)]));
        assert_eq!(Float::F32.decode(&[1.5_f32.to_le_bytes(), 0.1_f32.to_le_bytes()].concat()), Some(vec![1.5, 0.1]));
        assert_eq!(Float::F64.decode(&0.1_f64.to_le_bytes()), Some(vec![0.1]));
        for float in [Float::F16, Float::Bf16, Float::F32, Float::F64] {
            assert_eq!(float.decode(&[0; 9]), None, "{float:?}");
            assert_eq!(float.decode(&[0; 16]).map(|numbers| numbers.len()), Some(16 / float.width()), "{float:?}");
        }
    }

    #[test]
    fn many_numbers_keep_their_order() {
        let numbers: Vec<f32> = (0..3 * STEP as u32 + 1).map(|n| n as f32).collect();
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(Float::F32.decode(&bytes), Some(numbers));
    }
}
