//! A convolution of an encoder: its specification, and its weights with batch norm folded in.

use std::sync::Arc;

use crate::error::Error;
use crate::host_tensor::{HostTensor, TensorView, Values};

/// One convolution: square kernel, equal strides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConvSpec {
    /// The authors' name of the convolution, such as `layer1.0.conv1` or `layer2.depthwise_conv`.
    pub name: String,
    /// The authors' name of the batch norm that follows.
    pub norm: String,
    /// Input channels per output channel, and output channels.
    pub channels: [usize; 2],
    pub kernel: usize,
    pub stride: usize,
    /// Rows of zeros before the first and after the last row; columns likewise.
    pub padding: [usize; 2],
    /// Whether the convolution is depthwise: each output channel has its own single input channel.
    pub depthwise: bool,
    /// Whether a file may hold three input channels instead of one. They are summed, because the three inputs would be equal.
    pub sums_channels: bool,
    /// Whether TensorFlow's "same" padding may replace `padding`: for the sizes that occur here, both are equal.
    pub may_pad_same: bool,
}

impl ConvSpec {
    /// Number of channel groups.
    pub fn groups(&self) -> usize {
        if self.depthwise { self.channels[1] } else { 1 }
    }
}

/// A convolution with batch norm folded in, as the encoder runs it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conv {
    /// The specification, with the channel counts of these weights rather than those of the full width.
    pub spec: ConvSpec,
    /// `[outputs, inputs, kernel, kernel]`, row-major; shared with the engines that have not packed it yet
    pub weight: Arc<Vec<f32>>,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

impl Conv {
    /// The convolution for the crate `engine`.
    pub fn for_engine(&self, relu: bool) -> ::engine::Conv<'_> {
        let ConvSpec { kernel, stride, padding, depthwise, .. } = self.spec;
        ::engine::Conv { weight: &self.weight, bias: &self.bias, kernel, stride, padding, depthwise, relu }
    }

    /// Weight and bias, by the authors' names.
    pub fn tensors(&self) -> [TensorView<'_>; 2] {
        let ([inputs, outputs], kernel) = (self.spec.channels, self.spec.kernel);
        let view = |kind: &str, shape: &[usize], data| TensorView {
            name: format!("{}.{kind}", self.spec.name),
            shape: shape.to_vec(),
            data: Values::F32(data),
        };
        [
            view("weight", &[outputs, inputs, kernel, kernel], self.weight.as_slice()),
            view("bias", &[outputs], self.bias.as_slice()),
        ]
    }

    /// Replaces weight and bias with the tensors that `get` returns for their names; the shapes must match.
    pub fn replace(&mut self, mut get: impl FnMut(&str) -> Result<HostTensor, Error>) -> Result<(), Error> {
        let ([inputs, outputs], kernel) = (self.spec.channels, self.spec.kernel);
        let weight = get(&format!("{}.weight", self.spec.name))?;
        weight.check_shape(&[outputs, inputs, kernel, kernel])?;
        let bias = get(&format!("{}.bias", self.spec.name))?;
        bias.check_shape(&[outputs])?;
        (self.weight, self.bias) = (Arc::new(weight.data), bias.data);
        Ok(())
    }

    /// Fails unless the convolution has `expected` input channels.
    pub fn expect_inputs(&self, expected: usize) -> Result<(), Error> {
        self.expect(self.spec.channels[0], "input", expected)
    }

    /// Fails unless the convolution has `expected` output channels.
    pub fn expect_outputs(&self, expected: usize) -> Result<(), Error> {
        self.expect(self.spec.channels[1], "output", expected)
    }

    fn expect(&self, found: usize, side: &str, expected: usize) -> Result<(), Error> {
        if found == expected {
            return Ok(());
        }
        let problem = format!("{side} channels: {found}, expected {expected}");
        Err(Error::tensor(&format!("{}.weight", self.spec.name), problem))
    }
}
