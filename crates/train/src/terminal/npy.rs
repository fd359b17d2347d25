//! Writes float32 `.npy` files for other tools.

use crate::Error;
use crate::pieces::{Share, Target};

/// Magic, length and header together are padded to a multiple of this many bytes.
const ALIGNMENT: usize = 64;

/// Writes `values`, the rows of `share`, row-major, of an array whose whole shape is `shape`, to `target`.
///
/// # Errors
/// [`Error::Run`] if the file cannot be written.
pub fn write(target: &Target, share: &Share, values: &[f32], shape: &[usize]) -> Result<(), Error> {
    let mut bytes = if share.is_first { header(shape) } else { Vec::new() };
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    target.write(&bytes)
}

/// The bytes before the values of an array of `shape`, in version 1.0 of the format: see
/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
fn header(shape: &[usize]) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    // A Python tuple of one element has a trailing comma.
    let comma = if sizes.len() == 1 { "," } else { "" };
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{comma})}}", sizes.join(", "));
    let before = b"\x93NUMPY\x01\x00";
    let width = (before.len() + 2 + header.len() + 1).next_multiple_of(ALIGNMENT) - before.len() - 2 - 1;
    let header = format!("{header:<width$}\n");
    let mut bytes = before.to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_a_python_dictionary_padded_to_64_bytes() {
        for (shape, text) in [(&[1, 3][..], "(1, 3)"), (&[1][..], "(1,)")] {
            let bytes = header(shape);
            let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {text}}}");
            assert_eq!(bytes[..10], *b"\x93NUMPY\x01\x00\x76\x00");
            assert_eq!(bytes[10..], *format!("{header:<117}\n").as_bytes());
        }
    }
}
