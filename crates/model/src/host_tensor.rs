//! A tensor in host memory, with the name that error messages use.

use crate::error::Error;
use crate::float::Float;

/// A `float32` tensor of a file, row-major. Its values are finite, and their count matches the shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HostTensor {
    /// The name in the file.
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl HostTensor {
    /// Checks that the values are finite and that their count matches `shape`.
    pub fn new(name: &str, shape: Vec<usize>, data: Vec<f32>) -> Result<HostTensor, Error> {
        // An empty tensor is useless here, and its other dimensions could be anything.
        if data.is_empty() {
            return Err(Error::tensor(name, format!("shape {shape:?} has no numbers")));
        }
        if n_elements(&shape) != Some(data.len()) {
            return Err(Error::tensor(name, format!("shape {shape:?} does not fit {} numbers", data.len())));
        }
        if let Some(index) = first_infinite(&data) {
            return Err(Error::tensor(name, format!("element {index} is {}, not a finite number", data[index])));
        }
        Ok(HostTensor { name: name.to_owned(), shape, data })
    }

    /// Reads little-endian numbers of type `float`; `float64` is rounded to `float32`.
    pub fn from_bytes(name: &str, shape: Vec<usize>, float: Float, bytes: &[u8]) -> Result<HostTensor, Error> {
        let data = float.decode(bytes).ok_or_else(|| Error::tensor(name, "its bytes end inside a number"))?;
        HostTensor::new(name, shape, data)
    }

    /// A borrowed view of this tensor.
    pub fn view(&self) -> TensorView<'_> {
        TensorView { name: self.name.clone(), shape: self.shape.clone(), data: Values::F32(&self.data) }
    }

    /// Fails unless the shape is `expected`.
    pub fn check_shape(&self, expected: &[usize]) -> Result<(), Error> {
        if self.shape == expected {
            return Ok(());
        }
        Err(Error::tensor(&self.name, format!("shape {:?}, expected {expected:?}", self.shape)))
    }
}

/// A borrowed tensor, which avoids a copy of a network's 45 MB of weights.
#[derive(Clone, Debug)]
pub(crate) struct TensorView<'a> {
    /// The name in a file.
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Values<'a>,
}

/// The values of a [`TensorView`].
#[derive(Clone, Debug)]
pub(crate) enum Values<'a> {
    F32(&'a [f32]),
    /// Bytes that are made on demand, such as those of a graph.
    U8(Vec<u8>),
}

impl TensorView<'_> {
    /// The values as little-endian bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.data {
            Values::F32(numbers) => numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Values::U8(bytes) => bytes.clone(),
        }
    }

    /// The type of a value, as safetensors names it.
    pub fn dtype(&self) -> &'static str {
        match self.data {
            Values::F32(_) => "F32",
            Values::U8(_) => "U8",
        }
    }
}

/// Index of the first value that is infinite or not a number. A look at all values comes first: the compiler uses vectors for it.
fn first_infinite(data: &[f32]) -> Option<usize> {
    let are_finite = data.iter().fold(true, |are_finite, x| are_finite & x.is_finite());
    if are_finite { None } else { data.iter().position(|x| !x.is_finite()) }
}

/// Number of elements of `shape`; `None` if it overflows.
fn n_elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n))
}
