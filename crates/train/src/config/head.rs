//! The head and its grid: which keys a kind has, their defaults and their checks.

use std::collections::HashSet;

use model::HeadKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::Problem;

/// The head, from embedding to logits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeadChoice {
    /// Kind of the head. It decides which keys `[sweep]` has, and some defaults of `[train]`.
    pub kind: HeadKind,
    /// gru, lstm: whether a second layer runs from the last frame to the first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bidirectional: bool,
}

/// The grid; each combination is a trial. A kind of head has the keys that name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepConfig {
    /// All but logistic: initial learning rates of the head, each above 0 and at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learning_rate: Vec<f64>,
    /// mlp: sizes of the head's inner layer, each 1 to 65536.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inner: Vec<usize>,
    /// attention, gru, lstm: units of the layer on each frame or sizes of the hidden state, each 1 to 4096. Default with them:
    /// `[32, 128]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<usize>,
    /// All but logistic: dropout before the first layer, each 0 to below 1. Heads over frames drop a feature of a recording from all
    /// of its frames.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropout: Vec<f64>,
    /// logistic: inverse strengths of the L2 penalty on standardised embeddings, as scikit-learn's `C`, each 1e-8 to 1e6; smaller
    /// values mean a stronger penalty. Default with a logistic head: `[0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub c: Vec<f64>,
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self::of_head(HeadKind::default())
    }
}

impl SweepConfig {
    /// The default grid of a kind of head.
    pub fn of_head(kind: HeadKind) -> Self {
        let none = Self { learning_rate: vec![], inner: vec![], hidden: vec![], dropout: vec![], c: vec![] };
        match kind {
            HeadKind::Mlp => Self {
                learning_rate: vec![1e-4, 1e-3, 1e-2],
                inner: vec![64, 128, 256, 512],
                dropout: vec![0.0, 0.5, 0.8],
                ..none
            },
            HeadKind::Logistic => Self { c: vec![1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0], ..none },
            HeadKind::Attention | HeadKind::Gru | HeadKind::Lstm => Self {
                learning_rate: vec![1e-4, 1e-3, 1e-2],
                hidden: vec![32, 128],
                dropout: vec![0.0, 0.5, 0.8],
                ..none
            },
        }
    }

    /// Every invalid value, for heads of a kind.
    pub(super) fn problems(&self, kind: HeadKind) -> Vec<Problem> {
        let own = Self::of_head(kind);
        let axes = self.axes().into_iter().zip(own.axes());
        let problem = |(axis, own): (Axis, Axis)| {
            let message = match own.values.is_empty() {
                true if axis.values.is_empty() => return None,
                true => format!("must be left out: a head of the kind {kind} has no such axis"),
                false => axis.problem()?,
            };
            Some(Problem { key: format!("sweep.{}", axis.key), message })
        };
        axes.filter_map(problem).collect()
    }

    fn axes(&self) -> [Axis; 5] {
        let axis = |key, values: &[f64], is_valid, wanted| Axis { key, values: values.to_vec(), is_valid, wanted };
        let sizes = |sizes: &[usize]| sizes.iter().map(|size| *size as f64).collect::<Vec<_>>();
        [
            axis(
                "learning_rate",
                &self.learning_rate,
                |rate| rate > 0.0 && rate <= 10.0,
                "one or more rates, each above 0 and at most 10",
            ),
            axis(
                "inner",
                &sizes(&self.inner),
                |size| (1.0..=65_536.0).contains(&size),
                "one or more sizes, each 1 to 65536",
            ),
            axis(
                "hidden",
                &sizes(&self.hidden),
                |size| (1.0..=4096.0).contains(&size),
                "one or more sizes, each 1 to 4096",
            ),
            axis("dropout", &self.dropout, |p| (0.0..1.0).contains(&p), "one or more probabilities, each 0 to below 1"),
            axis("c", &self.c, |c| (1e-8..=1e6).contains(&c), "one or more values, each 1e-8 to 1e6"),
        ]
    }
}

/// One axis of a grid.
struct Axis {
    key: &'static str,
    values: Vec<f64>,
    is_valid: fn(f64) -> bool,
    /// What its values must be.
    wanted: &'static str,
}

impl Axis {
    /// What is wrong with the values of an axis that the grid has.
    fn problem(&self) -> Option<String> {
        if self.values.is_empty() || !self.values.iter().all(|value| (self.is_valid)(*value)) {
            return Some(self.wanted.to_owned());
        }
        (!all_distinct(&self.values)).then(|| "names a value twice".into())
    }
}

fn all_distinct(values: &[f64]) -> bool {
    let mut seen = HashSet::new();
    values.iter().all(|value| seen.insert(value.to_bits()))
}
