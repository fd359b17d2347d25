//! What tables hold: numbers of one type.

use safetensors::Dtype;

/// A number that a [`Table`](super::Table) holds; little-endian on disk.
pub trait Element: Sized {
    /// Its type in a safetensors file.
    const DTYPE: Dtype;
    /// Its length on disk.
    const BYTES: usize;

    /// The bytes of `values`.
    fn all_to_bytes(values: &[Self]) -> Vec<u8>;

    /// The values of `bytes`; an incomplete last one is dropped.
    fn all_from_bytes(bytes: &[u8]) -> Vec<Self>;
}

macro_rules! element {
    ($type:ty, $dtype:ident) => {
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
            const BYTES: usize = size_of::<$type>();

            fn all_to_bytes(values: &[Self]) -> Vec<u8> {
                values.iter().flat_map(|value| value.to_le_bytes()).collect()
            }

            fn all_from_bytes(bytes: &[u8]) -> Vec<Self> {
                bytes.as_chunks().0.iter().map(|bytes| Self::from_le_bytes(*bytes)).collect()
            }
        }
    };
}

element!(f32, F32);
element!(f64, F64);
element!(u16, U16);
