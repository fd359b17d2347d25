//! Pools YAMNet's embeddings of a recording's patches into one embedding of the recording.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::classifier::Classifier;
use crate::error::Error;
use crate::host_tensor::{HostTensor, TensorView};
use crate::onnx::nodes::Nodes;

/// Tensor names of the layer that weights the patches.
const NAME: &str = "pooling";
pub(crate) const WEIGHT: &str = "pooling.weight";
pub(crate) const BIAS: &str = "pooling.bias";

/// Index of "Baby cry, infant cry" among YAMNet's classes.
const CRY_CLASS: usize = 20;

/// Added to every weight, so that a recording without cries weights its patches equally.
const FLOOR: f32 = 1e-3;

/// How the embeddings of patches are combined into one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// Their mean and standard deviation, twice as many numbers, each patch weighted by YAMNet's own score for "Baby cry, infant
    /// cry" plus 0.001.
    Cry,
}

/// The linear layer that weights patches for [`Pooling::Cry`]: `pooling.weight` `[1, n_inputs]`, `pooling.bias` `[1]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CryPooling {
    weight: HostTensor,
    bias: HostTensor,
}

impl CryPooling {
    /// The weights of the class "Baby cry, infant cry".
    pub fn of_class(classifier: &Classifier) -> Result<Self, Error> {
        let no_class = || Error::Unsupported(format!("the classifier has no class {CRY_CLASS}, YAMNet's \"Baby cry\""));
        let (weight, bias) = classifier.class(CRY_CLASS).ok_or_else(no_class)?;
        Ok(Self {
            weight: HostTensor::new(WEIGHT, vec![1, weight.len()], weight.to_vec())?,
            bias: HostTensor::new(BIAS, vec![1], vec![bias])?,
        })
    }

    /// Reads the layer from a file, for patch embeddings of `n_inputs` values.
    pub fn new([weight, bias]: [HostTensor; 2], n_inputs: usize) -> Result<Self, Error> {
        weight.check_shape(&[1, n_inputs])?;
        bias.check_shape(&[1])?;
        Ok(Self { weight, bias })
    }

    pub fn tensors(&self) -> [TensorView<'_>; 2] {
        [self.weight.view(), self.bias.view()]
    }

    pub fn to_module(&self, device: &Device) -> CryPool {
        let n_inputs = self.weight.data.len();
        let mut cry = LinearConfig::new(n_inputs, 1).init(device);
        cry.weight = Param::from_data(TensorData::new(self.weight.data.clone(), [n_inputs, 1]), device);
        cry.bias = Some(Param::from_data(TensorData::new(self.bias.data.clone(), [1]), device));
        CryPool { cry }
    }

    /// Pools patch embeddings `[n_patches, n_inputs]` to `[2 * n_inputs]`: mean, then standard deviation.
    pub fn pool(&self, patches: &[f32]) -> Vec<f32> {
        let n_inputs = self.weight.data.len();
        let bias = self.bias.data.first().copied().unwrap_or_default();
        let score = |patch: &[f32]| {
            let logit = patch.iter().zip(&self.weight.data).map(|(x, weight)| x * weight).sum::<f32>() + bias;
            1.0 / (1.0 + (-logit).exp()) + FLOOR
        };
        let weights: Vec<f32> = patches.chunks_exact(n_inputs).map(score).collect();
        let total: f32 = weights.iter().sum();
        let mean_of = |value: &dyn Fn(usize, f32) -> f32| {
            let mut means = vec![0.0; n_inputs];
            for (patch, weight) in patches.chunks_exact(n_inputs).zip(&weights) {
                for (input, (mean, x)) in means.iter_mut().zip(patch).enumerate() {
                    *mean += value(input, *x) * (weight / total);
                }
            }
            means
        };
        let mut pooled = mean_of(&|_, x| x);
        let variances = mean_of(&|input, x| (x - pooled[input]) * (x - pooled[input]));
        pooled.extend(variances.into_iter().map(f32::sqrt));
        pooled
    }

    /// Adds the pooling to an ONNX graph, from the value named `x`, patch embeddings `[batch, n_patches, n_inputs]`, to the value
    /// named `embedding`, `[batch, 2 * n_inputs]`.
    pub fn to_onnx(&self, nodes: &mut Nodes, x: &str, n_patches: usize, embedding: &str) -> String {
        let patches = nodes.reshape(x, &[-1, self.weight.data.len() as i64], "pooling.each_patch");
        let score = nodes.linear(&patches, NAME, "pooling.logit");
        let score = nodes.add("Sigmoid", &[&score], "pooling.score", vec![]);
        let floor = nodes.number("pooling.floor", FLOOR);
        let weight = nodes.add("Add", &[&score, &floor], "pooling.floored", vec![]);
        let weight = nodes.reshape(&weight, &[-1, n_patches as i64, 1], "pooling.weights");
        let mean_weight = nodes.mean(&weight, 1, true, "pooling.mean_weight");
        let mean_of = |nodes: &mut Nodes, x: &str, name: &str| {
            let product = nodes.add("Mul", &[x, &weight], &format!("{name}.products"), vec![]);
            let mean = nodes.mean(&product, 1, true, &format!("{name}.mean_product"));
            nodes.add("Div", &[&mean, &mean_weight], name, vec![])
        };
        let mean = mean_of(nodes, x, "pooling.mean");
        let off = nodes.add("Sub", &[x, &mean], "pooling.off", vec![]);
        let square = nodes.add("Mul", &[&off, &off], "pooling.square", vec![]);
        let variance = mean_of(nodes, &square, "pooling.variance");
        let deviation = nodes.add("Sqrt", &[&variance], "pooling.deviation", vec![]);
        let statistics = nodes.join(&[&mean, &deviation], 2, "pooling.statistics");
        nodes.flatten(&statistics, embedding)
    }
}

/// [`CryPooling`] in burn.
#[derive(Module, Debug)]
pub(crate) struct CryPool {
    cry: Linear,
}

impl CryPool {
    /// Maps patch embeddings `[n, n_patches, n_inputs]` to `[n, 2 * n_inputs]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let weight = sigmoid(self.cry.forward(x.clone())) + FLOOR; // [n, n_patches, 1]
        let mean_of = |x: Tensor<3>| (x * weight.clone()).mean_dim(1) / weight.clone().mean_dim(1);
        let mean = mean_of(x.clone()); // [n, 1, n_inputs]
        let variance = mean_of((x - mean.clone()).square());
        Tensor::cat(vec![mean, variance.sqrt()], 2).squeeze_dim(1)
    }
}
