//! float32 `.npy` files, for other tools to read.

use std::path::Path;

use ndarray::ArrayViewD;
use ndarray_npy::WriteNpyExt;

use crate::Error;
use crate::run_folder;

/// Writes `values`, row-major, as an array of `shape`.
///
/// # Errors
/// [`Error::Failed`] if the file cannot be written.
pub fn write(path: &Path, values: &[f32], shape: &[usize]) -> Result<(), Error> {
    let fail = |why: String| Error::Failed(format!("{}: {why}", path.display()));
    let array = ArrayViewD::from_shape(shape, values).map_err(|e| fail(e.to_string()))?;
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes).map_err(|e| fail(e.to_string()))?;
    run_folder::write(path, &bytes)
}
