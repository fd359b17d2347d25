//! float32 `.npy` files, for other tools to read.

use std::path::Path;

use experiment::folder;
use ndarray::ArrayViewD;
use ndarray_npy::WriteNpyExt;

use crate::Error;

/// Writes `values`, row-major, as an array of `shape`.
///
/// # Errors
/// [`Error::Run`] if the file cannot be written.
pub fn write(path: &Path, values: &[f32], shape: &[usize]) -> Result<(), Error> {
    let array = ArrayViewD::from_shape(shape, values).map_err(Error::encode(path.display().to_string()))?;
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes).map_err(Error::encode(path.display().to_string()))?;
    Ok(folder::write(path, &bytes)?)
}
