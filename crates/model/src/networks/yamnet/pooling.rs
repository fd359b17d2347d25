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

/// The layer that weights the patches: YAMNet's "Baby cry, infant cry".
pub(super) const WEIGHTING: ClassLayer =
    ClassLayer { class: 20, name: "pooling", tensors: ["pooling.weight", "pooling.bias"] };
/// The layer whose highest logit is kept: YAMNet's "Crying, sobbing". It finds cries better than the other (docs/monitor.md).
pub(super) const CRYING: ClassLayer =
    ClassLayer { class: 19, name: "crying", tensors: ["crying.weight", "crying.bias"] };

/// Names of the tensors of both.
pub(crate) const NAMES: [[&str; 2]; 2] = [WEIGHTING.tensors, CRYING.tensors];

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
    /// cry" plus 0.001; then the highest logit of YAMNet's "Crying, sobbing" in any patch.
    Cry,
}

/// The layer of one class of YAMNet's classifier in saved models.
pub(super) struct ClassLayer {
    /// Index of the class.
    class: usize,
    name: &'static str,
    /// Names of its weight, `[1, n_inputs]`, and its bias, `[1]`.
    tensors: [&'static str; 2],
}

impl ClassLayer {
    /// Reads the layer's tensors with `get` if the file `has` them.
    ///
    /// # Errors
    /// Those of `get`.
    pub fn read(
        &self,
        has: impl Fn(&str) -> bool,
        get: impl Fn(&str) -> Result<HostTensor, Error>,
    ) -> Result<Option<[HostTensor; 2]>, Error> {
        let [weight, bias] = self.tensors;
        has(weight).then(|| Ok([get(weight)?, get(bias)?])).transpose()
    }
}

/// A linear layer from the embedding of a patch to the logit of one class.
#[derive(Clone, Debug, PartialEq)]
struct ClassLogit {
    weight: HostTensor,
    bias: HostTensor,
}

impl ClassLogit {
    fn of_class(classifier: &Classifier, layer: &ClassLayer) -> Result<Self, Error> {
        let ClassLayer { class, tensors: [weight_name, bias_name], .. } = layer;
        let no_class =
            || Error::Unsupported(format!("the classifier has no class {class}, which YAMNet's has for cries"));
        let (weight, bias) = classifier.class(*class).ok_or_else(no_class)?;
        Ok(Self {
            weight: HostTensor::new(weight_name, vec![1, weight.len()], weight.to_vec())?,
            bias: HostTensor::new(bias_name, vec![1], vec![bias])?,
        })
    }

    fn new([weight, bias]: [HostTensor; 2], n_inputs: usize) -> Result<Self, Error> {
        weight.check_shape(&[1, n_inputs])?;
        bias.check_shape(&[1])?;
        Ok(Self { weight, bias })
    }

    fn of(&self, patch: &[f32]) -> f32 {
        let bias = self.bias.data.first().copied().unwrap_or_default();
        patch.iter().zip(&self.weight.data).map(|(x, weight)| x * weight).sum::<f32>() + bias
    }

    fn to_module(&self, device: &Device) -> Linear {
        let n_inputs = self.weight.data.len();
        let mut linear = LinearConfig::new(n_inputs, 1).init(device);
        linear.weight = Param::from_data(TensorData::new(self.weight.data.clone(), [n_inputs, 1]), device);
        linear.bias = Some(Param::from_data(TensorData::new(self.bias.data.clone(), [1]), device));
        linear
    }

    fn tensors(&self) -> [TensorView<'_>; 2] {
        [self.weight.view(), self.bias.view()]
    }
}

/// The linear layers of [`Pooling::Cry`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CryPooling {
    /// Weights the patches.
    weighting: ClassLogit,
    /// Its highest logit is kept; models that were saved by version 0.2.0 lack it.
    crying: Option<ClassLogit>,
}

impl CryPooling {
    /// The layers of YAMNet's classes for cries.
    pub fn of_classifier(classifier: &Classifier) -> Result<Self, Error> {
        let [weighting, crying] = [WEIGHTING, CRYING].map(|layer| ClassLogit::of_class(classifier, &layer));
        Ok(Self { weighting: weighting?, crying: Some(crying?) })
    }

    /// Weight and bias of each layer, read from a file, for patch embeddings of `n_inputs` values.
    pub fn new(weighting: [HostTensor; 2], crying: Option<[HostTensor; 2]>, n_inputs: usize) -> Result<Self, Error> {
        let crying = crying.map(|tensors| ClassLogit::new(tensors, n_inputs)).transpose()?;
        Ok(Self { weighting: ClassLogit::new(weighting, n_inputs)?, crying })
    }

    pub fn tensors(&self) -> impl Iterator<Item = TensorView<'_>> {
        [&self.weighting].into_iter().chain(&self.crying).flat_map(ClassLogit::tensors)
    }

    /// Place in an embedding of the highest logit of "Crying, sobbing".
    pub fn cry_logit(&self) -> Option<usize> {
        self.crying.as_ref().map(|_| self.n_statistics())
    }

    /// Length of an embedding.
    pub fn n_outputs(&self) -> usize {
        self.n_statistics() + usize::from(self.crying.is_some())
    }

    /// Length of mean and standard deviation.
    fn n_statistics(&self) -> usize {
        2 * self.weighting.weight.data.len()
    }

    pub fn to_module(&self, device: &Device) -> CryPool {
        let weighting = self.weighting.to_module(device);
        CryPool { weighting, crying: self.crying.as_ref().map(|crying| crying.to_module(device)) }
    }

    /// Pools patch embeddings `[n_patches, n_inputs]` to `[n_outputs]`: mean, standard deviation, highest logit.
    pub fn pool(&self, patches: &[f32]) -> Vec<f32> {
        let n_inputs = self.weighting.weight.data.len();
        let score = |patch: &[f32]| 1.0 / (1.0 + (-self.weighting.of(patch)).exp()) + FLOOR;
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
        let highest =
            |crying: &ClassLogit| patches.chunks_exact(n_inputs).map(|patch| crying.of(patch)).reduce(f32::max);
        pooled.extend(self.crying.as_ref().and_then(highest));
        pooled
    }

    /// Adds the pooling to an ONNX graph, from the value named `x`, patch embeddings `[batch, n_patches, n_inputs]`, to the value
    /// named `embedding`, `[batch, n_outputs]`.
    pub fn to_onnx(&self, nodes: &mut Nodes, x: &str, n_patches: usize, embedding: &str) -> String {
        let patches = nodes.reshape(x, &[-1, self.weighting.weight.data.len() as i64], "pooling.each_patch");
        let score = nodes.linear(&patches, WEIGHTING.name, "pooling.logit");
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
        if self.crying.is_none() {
            return nodes.flatten(&statistics, embedding);
        }
        let statistics = nodes.flatten(&statistics, "pooling.flat");
        let logits = nodes.linear(&patches, CRYING.name, "crying.logit");
        let logits = nodes.reshape(&logits, &[-1, n_patches as i64], "crying.logits");
        let highest = nodes.max(&logits, 1, "crying.highest");
        nodes.join(&[&statistics, &highest], 1, embedding)
    }
}

/// [`CryPooling`] in burn.
#[derive(Module, Debug)]
pub(crate) struct CryPool {
    weighting: Linear,
    crying: Option<Linear>,
}

impl CryPool {
    /// Maps patch embeddings `[n, n_patches, n_inputs]` to `[n, n_outputs]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let weight = sigmoid(self.weighting.forward(x.clone())) + FLOOR; // [n, n_patches, 1]
        let highest = self.crying.as_ref().map(|crying| crying.forward(x.clone()).max_dim(1)); // [n, 1, 1]
        let mean_of = |x: Tensor<3>| (x * weight.clone()).mean_dim(1) / weight.clone().mean_dim(1);
        let mean = mean_of(x.clone()); // [n, 1, n_inputs]
        let variance = mean_of((x - mean.clone()).square());
        let numbers = [mean, variance.sqrt()].into_iter().chain(highest).collect();
        Tensor::cat(numbers, 2).squeeze_dim(1)
    }
}
