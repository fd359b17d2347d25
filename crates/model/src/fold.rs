//! Batch norm folded into the convolution before it.

use crate::conv::{Conv, ConvSpec};
use crate::error::Error;
use crate::host_tensor::HostTensor;

/// A convolution as stored in a file.
#[derive(Debug)]
pub(crate) struct RawConv {
    pub spec: ConvSpec,
    /// `[outputs, inputs, kernel, kernel]`
    pub weight: HostTensor,
    /// `[outputs]`
    pub bias: Option<HostTensor>,
    pub norm: Option<BatchNorm>,
}

/// Batch norm at inference: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, each
/// `[outputs]`.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    pub gamma: HostTensor,
    pub beta: HostTensor,
    pub mean: HostTensor,
    pub variance: HostTensor,
    pub epsilon: f64,
}

impl RawConv {
    /// Folds batch norm in `f64` and rounds once. Where the specification allows it, three input channels are summed into
    /// one: the three channels of the intended images are equal, so the result is the same at a third of the cost.
    pub fn fold(self) -> Result<Conv, Error> {
        let RawConv { mut spec, weight, bias, norm } = self;
        let kernel = spec.kernel;
        let [outputs, inputs] = match weight.shape[..] {
            [outputs, inputs, height, width] if [height, width] == [kernel; 2] => [outputs, inputs],
            _ => {
                let problem = format!(
                    "shape {:?}, expected [outputs, inputs, {kernel}, {kernel}] for {}",
                    weight.shape, spec.name
                );
                return Err(Error::tensor(&weight.name, problem));
            }
        };
        let is_stem = spec.sums_channels;
        if is_stem && inputs != 1 && inputs != 3 {
            return Err(Error::tensor(&weight.name, format!("{inputs} input channels, expected 3 (or 1)")));
        }
        if let Some(bias) = &bias {
            bias.check_shape(&[outputs])?;
        }

        spec.channels = [if is_stem { 1 } else { inputs }, outputs];
        if norm.is_none() && !(is_stem && inputs == 3) {
            let bias = bias.map_or_else(|| vec![0.0; outputs], |bias| bias.data);
            return Ok(Conv { spec, weight: weight.data.into(), bias });
        }
        let (scale, shift) = match &norm {
            Some(norm) => norm.scale_and_shift(outputs)?,
            None => (vec![1.0; outputs], vec![0.0; outputs]),
        };
        let area = kernel * kernel;
        let mut folded = Vec::with_capacity(weight.data.len());
        for (filter, scale) in weight.data.chunks_exact(inputs * area).zip(&scale) {
            if is_stem {
                let sum = |pixel| filter.iter().skip(pixel).step_by(area).map(|&x| f64::from(x)).sum::<f64>();
                folded.extend((0..area).map(|pixel| (sum(pixel) * scale) as f32));
            } else {
                folded.extend(filter.iter().map(|&x| (f64::from(x) * scale) as f32));
            }
        }
        let bias_of = |output: usize| bias.as_ref().map_or(0.0, |bias| f64::from(bias.data[output]));
        let folded_bias: Vec<f32> = (0..outputs).map(|o| (bias_of(o) * scale[o] + shift[o]) as f32).collect();
        if !folded.iter().chain(&folded_bias).all(|x| x.is_finite()) {
            return Err(Error::tensor(&weight.name, "folding batch norm into it overflows float32"));
        }
        Ok(Conv { spec, weight: folded.into(), bias: folded_bias })
    }
}

impl BatchNorm {
    /// Scale and shift of each output channel.
    fn scale_and_shift(&self, outputs: usize) -> Result<(Vec<f64>, Vec<f64>), Error> {
        for tensor in [&self.gamma, &self.beta, &self.mean, &self.variance] {
            tensor.check_shape(&[outputs])?;
        }
        if let Some(index) = self.variance.data.iter().position(|&v| v < 0.0 || f64::from(v) + self.epsilon <= 0.0) {
            let problem = format!("element {index} is {}: not a valid variance", self.variance.data[index]);
            return Err(Error::tensor(&self.variance.name, problem));
        }
        let value = |tensor: &HostTensor, i: usize| f64::from(tensor.data[i]);
        let scale: Vec<f64> =
            (0..outputs).map(|i| value(&self.gamma, i) / (value(&self.variance, i) + self.epsilon).sqrt()).collect();
        let shift = (0..outputs).map(|i| value(&self.beta, i) - value(&self.mean, i) * scale[i]).collect();
        Ok((scale, shift))
    }
}
