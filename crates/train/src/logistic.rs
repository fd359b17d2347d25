//! Multinomial logistic regression with an L2 penalty on standardised embeddings, fitted until it converges.
//!
//! It minimises, as scikit-learn's `LogisticRegression(C=c)` after a `StandardScaler` does,
//! `sum_i s_i · -ln p(label_i | x_i) + 1 / (2 c) · |W|²` over the weights W of all classes and their biases, which are not
//! penalised; `s_i` is the weight of the recording's class, and the `n` recordings' weights sum to `n`. Each view of a recording
//! counts as one of `n_views` equal parts of it. With two classes the penalty is on the difference of their weights, as there. It draws nothing at random and runs with
//! one thread: the same embeddings give the same bits.

pub(crate) mod cholesky;
mod inputs;
mod newton;
mod span;
mod standardise;

use burn::tensor::Device;
use model::Logistic;
use nalgebra::DMatrix;

use crate::Error;
use inputs::Inputs;
use newton::Objective;
use span::Span;
use standardise::Standardisation;

/// Logit of a class without a training recording. The logits of the others sum to 0, so the largest is at least 20 above it.
const ABSENT_LOGIT: f64 = -20.0;

/// What a regression is fitted to.
pub(crate) struct Examples<'a> {
    /// Embeddings of the views, `[n, n_views, n_features]`, row-major.
    pub rows: &'a [f32],
    /// Class of each recording, `[n]`.
    pub labels: &'a [usize],
    /// Length of an embedding.
    pub n_features: usize,
    /// Weight of a recording of each class, `[n_classes]`.
    pub class_weights: Vec<f64>,
}

/// A fitted regression: one linear layer on plain embeddings.
pub(crate) struct Fitted {
    /// Weights, `[n_features, n_classes]`, row-major.
    pub weight: Vec<f64>,
    /// Biases, `[n_classes]`.
    pub bias: Vec<f64>,
    /// Mean weighted cross-entropy of the examples, without the penalty.
    pub loss: f64,
}

/// Examples that are ready for fits with any C.
pub(crate) struct Problem<'a> {
    examples: Examples<'a>,
    standardisation: Standardisation,
    span: Option<Span>,
    /// The classes with a training recording; a target is an index into them.
    classes: Vec<usize>,
    /// Target of each view, `[n · n_views]`.
    targets: Vec<usize>,
    /// Weight of each view, `[n · n_views]`; they sum to 1.
    weights: Vec<f64>,
    /// Weighted sum of the views' products with themselves, as the inputs have them.
    products: DMatrix<f64>,
}

impl Fitted {
    /// The head, in `f32`.
    pub fn head(&self, device: &Device) -> Logistic {
        let narrow = |values: &[f64]| values.iter().map(|value| *value as f32).collect();
        Logistic::new(narrow(&self.weight), narrow(&self.bias), device)
    }
}

impl<'a> Problem<'a> {
    /// Standardises the examples, and changes to the basis of their span if they are fewer than the features.
    ///
    /// # Errors
    /// [`Error::Numerical`] if an embedding is not finite.
    pub fn new(examples: Examples<'a>) -> Result<Self, Error> {
        let few = examples.rows.len() < examples.n_features * examples.n_features;
        Self::in_span(examples, few)
    }

    fn in_span(examples: Examples<'a>, in_span: bool) -> Result<Self, Error> {
        let Examples { rows, labels, n_features, ref class_weights } = examples;
        if let Some(place) = rows.iter().position(|value| !value.is_finite()) {
            return Err(Error::Numerical(format!(
                "logistic regression: value {} of the embedding of training view {} is {}; check the backbone's weights",
                place % n_features,
                place / n_features,
                rows[place]
            )));
        }
        let n_rows = rows.len() / n_features.max(1);
        let n_views = n_rows / labels.len().max(1);
        let classes: Vec<usize> = (0..class_weights.len()).filter(|class| labels.contains(class)).collect();
        let of_views = || labels.iter().flat_map(|label| std::iter::repeat_n(*label, n_views));
        let total_weight: f64 = labels.iter().map(|label| class_weights[*label]).sum();
        let standardisation = Standardisation::fit(rows, n_features);
        let span = in_span.then(|| Span::of(&standardisation.columns(rows)));
        let targets = of_views().map(|label| classes.partition_point(|class| *class < label)).collect();
        let weights = of_views().map(|label| class_weights[label] / (n_views as f64 * total_weight)).collect();
        let products = DMatrix::zeros(0, 0);
        let mut problem = Self { examples, standardisation, span, classes, targets, weights, products };
        problem.products = problem.inputs().products(&problem.weights);
        Ok(problem)
    }

    fn inputs(&self) -> Inputs<'_> {
        match &self.span {
            Some(span) => Inputs::InSpan(span.coordinates()),
            None => Inputs::Rows { rows: self.examples.rows, standardisation: &self.standardisation },
        }
    }

    /// Fits with the inverse penalty `c`.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the fit does not converge.
    pub fn fit(&self, c: f64) -> Result<Fitted, Error> {
        let of_two = if self.classes.len() == 2 { 2.0 } else { 1.0 };
        let objective = Objective {
            inputs: &self.inputs(),
            products: &self.products,
            targets: &self.targets,
            weights: &self.weights,
            n_targets: self.classes.len(),
            ridge: of_two / (c * self.examples.labels.len() as f64),
        };
        let (solution, loss) = objective.minimum()?;
        Ok(self.on_plain_embeddings(&solution, loss))
    }

    /// The layer on plain embeddings that equals `solution`, `[n_dimensions + 1, n_targets]` with the biases last, on its inputs.
    fn on_plain_embeddings(&self, solution: &DMatrix<f64>, loss: f64) -> Fitted {
        let Examples { rows, n_features, ref class_weights, .. } = self.examples;
        let n_classes = class_weights.len();
        let n_dimensions = solution.nrows() - 1;
        let weights = solution.rows(0, n_dimensions);
        let standardised = match &self.span {
            Some(span) => span.on_features(&self.standardisation.columns(rows), &weights.into_owned()),
            None => weights.into_owned(),
        }; // [n_features, n_targets]
        let Standardisation { mean, scale } = &self.standardisation;
        let mut weight = vec![0.0; n_features * n_classes];
        let mut bias = vec![ABSENT_LOGIT; n_classes];
        for (target, class) in self.classes.iter().enumerate() {
            let mut shift = 0.0;
            for feature in 0..n_features {
                let plain = standardised[(feature, target)] * scale[feature];
                weight[feature * n_classes + class] = plain;
                shift += plain * mean[feature];
            }
            bias[*class] = solution[(n_dimensions, target)] - shift;
        }
        Fitted { weight, bias, loss }
    }
}

#[cfg(test)]
mod tests;
