//! Writes float32 `.npy` files for other tools.

use std::path::Path;

use experiment::folder;

use crate::Error;

/// Magic, length and header together are padded to a multiple of this many bytes.
const ALIGNMENT: usize = 64;

/// Writes `values`, row-major, as an array of `shape` in version 1.0 of the format: see
/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
///
/// # Errors
/// [`Error::Run`] if the file cannot be written.
pub fn write(path: &Path, values: &[f32], shape: &[usize]) -> Result<(), Error> {
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
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    Ok(folder::write(path, &bytes)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_a_python_dictionary_padded_to_64_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        for (values, shape, text) in [(&[1.0, 2.0, 3.0][..], &[1, 3][..], "(1, 3)"), (&[4.0][..], &[1][..], "(1,)")] {
            write(&path, values, shape).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {text}}}");
            assert_eq!(bytes[..10], *b"\x93NUMPY\x01\x00\x76\x00");
            assert_eq!(std::str::from_utf8(&bytes[10..128]).unwrap(), format!("{header:<117}\n"));
            assert_eq!(bytes[128..], *values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
        }
    }
}
