//! A convolution of an encoder: its description, and its weights as the encoder runs it.

use crate::error::Error;
use crate::host_tensor::{HostTensor, TensorView};

/// One convolution: square kernel, equal strides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConvSpec {
    /// Its authors' name of the convolution, such as `layer1.0.conv1` or `layer2.depthwise_conv`.
    pub name: String,
    /// Their name of the batch norm that follows.
    pub norm: String,
    /// Input channels of each output, and output channels.
    pub channels: [usize; 2],
    pub kernel: usize,
    pub stride: usize,
    /// Zeros before the first and after the last row, and columns likewise.
    pub padding: [usize; 2],
    /// Whether each output has only its own input channel.
    pub depthwise: bool,
    /// Whether a file may have three input channels in place of one; they are summed, as the inputs here would be equal.
    pub sums_channels: bool,
    /// Whether TensorFlow's padding "same" stands for `padding`, which it equals for the sizes that come up.
    pub may_pad_same: bool,
}

impl ConvSpec {
    /// Groups of channels.
    pub fn groups(&self) -> usize {
        if self.depthwise { self.channels[1] } else { 1 }
    }
}

/// A convolution as the encoder runs it, with batch norm folded in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conv {
    /// With the channels of these weights, not those of the full width.
    pub spec: ConvSpec,
    /// `[outputs, inputs, kernel, kernel]`, row-major
    pub weight: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

impl Conv {
    /// Weight and bias by their authors' names.
    pub fn tensors(&self) -> [TensorView<'_>; 2] {
        let ([inputs, outputs], kernel) = (self.spec.channels, self.spec.kernel);
        let view = |kind: &str, shape: &[usize], data| TensorView {
            name: format!("{}.{kind}", self.spec.name),
            shape: shape.to_vec(),
            data,
        };
        [
            view("weight", &[outputs, inputs, kernel, kernel], self.weight.as_slice()),
            view("bias", &[outputs], self.bias.as_slice()),
        ]
    }

    /// Replaces weight and bias by what `get` gives for their names, of the same shapes.
    pub fn replace(&mut self, mut get: impl FnMut(&str) -> Result<HostTensor, Error>) -> Result<(), Error> {
        let ([inputs, outputs], kernel) = (self.spec.channels, self.spec.kernel);
        let weight = get(&format!("{}.weight", self.spec.name))?;
        weight.check_shape(&[outputs, inputs, kernel, kernel])?;
        let bias = get(&format!("{}.bias", self.spec.name))?;
        bias.check_shape(&[outputs])?;
        (self.weight, self.bias) = (weight.data, bias.data);
        Ok(())
    }

    /// An error unless it has so many input channels.
    pub fn expect_inputs(&self, expected: usize) -> Result<(), Error> {
        self.expect(self.spec.channels[0], "input", expected)
    }

    /// An error unless it has so many output channels.
    pub fn expect_outputs(&self, expected: usize) -> Result<(), Error> {
        self.expect(self.spec.channels[1], "output", expected)
    }

    fn expect(&self, found: usize, side: &str, expected: usize) -> Result<(), Error> {
        if found == expected {
            return Ok(());
        }
        let problem = format!("{found} {side} channels, expected {expected}");
        Err(Error::tensor(&format!("{}.weight", self.spec.name), problem))
    }
}
