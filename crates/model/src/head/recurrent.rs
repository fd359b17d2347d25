//! A recurrent layer over frames, the mean of its states over time, and a linear layer: the heads `gru` and `lstm`.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use rand::Rng;

use super::frames::{MAX_HIDDEN, frames_of};
use super::layers::{HeadLayers, problems};
use super::linear::{self, random_linear};
use super::{gru, lstm};
use crate::burn_layers::host_vec;
use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::onnx::nodes::{Nodes, int, text};

/// Names of the tensors, in the layout of ONNX's operators, and of the linear layer.
const INPUT: &str = "head.0.input";
const RECURRENCE: &str = "head.0.recurrence";
const BIAS: &str = "head.0.bias";
const OUTPUT: &str = "head.1";

/// Hyperparameters of a recurrent head.
#[derive(Clone, Debug, PartialEq)]
pub struct RecurrentConfig {
    /// Size of the hidden state of each direction, 1 to 4096.
    pub hidden: usize,
    /// Probability in training that a feature of a recording is dropped from all of its frames, `[0, 1)`.
    pub dropout: f64,
    /// Whether a second layer runs from the last frame to the first.
    pub bidirectional: bool,
}

impl RecurrentConfig {
    /// Every problem with the values; empty if they are valid.
    pub(super) fn validate(&self) -> Vec<String> {
        problems("hidden", self.hidden, MAX_HIDDEN, self.dropout)
    }

    /// Number of weights and biases of such a head.
    pub(super) fn n_weights(&self, cell: Cell, n_inputs: usize, n_classes: usize) -> usize {
        let of_direction = cell.n_gates() * self.hidden * (n_inputs + self.hidden + 2);
        self.n_directions() * of_direction + (self.n_directions() * self.hidden + 1) * n_classes
    }

    pub(super) fn n_directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }
}

/// Kind of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Gru,
    Lstm,
}

impl Cell {
    pub(super) fn n_gates(self) -> usize {
        match self {
            Self::Gru => gru::N_GATES,
            Self::Lstm => lstm::N_GATES,
        }
    }

    fn step(self, input: Tensor<2>, recurrent: Tensor<2>, state: State) -> State {
        match self {
            Self::Gru => State { hidden: gru::step(input, recurrent, state.hidden), ..state },
            Self::Lstm => {
                let (hidden, cell) = lstm::step(input, recurrent, state.cell);
                State { hidden, cell }
            }
        }
    }

    /// ONNX's operator.
    fn operator(self) -> &'static str {
        match self {
            Self::Gru => "GRU",
            Self::Lstm => "LSTM",
        }
    }
}

/// State of a recurrent layer, `[n, hidden]` each.
struct State {
    hidden: Tensor<2>,
    /// Of an LSTM.
    cell: Tensor<2>,
}

/// Frames to logits: dropout of features, a recurrent layer in one or both directions, the mean of its hidden states over time,
/// Linear hidden states → classes.
///
/// The mean, and not the last state: short recordings end in silence.
#[derive(Module, Debug)]
pub struct Recurrent {
    #[module(skip)]
    cell: Cell,
    dropout: f64,
    directions: Vec<Direction>,
    output: Linear,
}

/// A recurrent layer in one direction. The gates are side by side in ONNX's order.
#[derive(Module, Debug)]
struct Direction {
    /// Inputs → gates.
    input: Linear,
    /// Hidden state → gates.
    recurrence: Linear,
}

impl Recurrent {
    /// Initialises a head as torch does: the recurrent layer uniform in `±1/sqrt(hidden)`.
    pub(super) fn new<R: Rng>(
        cell: Cell,
        config: &RecurrentConfig,
        n_inputs: usize,
        n_classes: usize,
        rng: &mut R,
        device: &Device,
    ) -> Self {
        let n_gates = cell.n_gates() * config.hidden;
        let bound = 1.0 / (config.hidden.max(1) as f32).sqrt();
        let mut layer = |inputs| linear::random_within(bound, inputs, n_gates, rng, device);
        let directions =
            (0..config.n_directions()).map(|_| Direction { input: layer(n_inputs), recurrence: layer(config.hidden) });
        let directions = directions.collect();
        let output = random_linear(config.n_directions() * config.hidden, n_classes, rng, device);
        Self { cell, dropout: config.dropout, directions, output }
    }

    /// Folds an affine map of each frame into the recurrent layer.
    pub(super) fn absorb(&self, mean: &Tensor<2>, matrix: &Tensor<2>) -> Self {
        let directions = self.directions.iter().map(|direction| Direction {
            input: linear::absorb(&direction.input, mean, matrix),
            recurrence: direction.recurrence.clone(),
        });
        Self { directions: directions.collect(), ..self.clone() }
    }

    /// What differs from `config`, for a message.
    pub(super) fn misfit(&self, config: &RecurrentConfig) -> Option<String> {
        let (found, expected) = ([self.directions.len(), self.n_hidden()], [config.n_directions(), config.hidden]);
        (found != expected).then(|| {
            format!(
                "{} directions of {} hidden units, but its settings say {} of {}",
                found[0], found[1], expected[0], expected[1]
            )
        })
    }

    /// Reads the layers; `config` is valid.
    pub(super) fn from_tensors(
        cell: Cell,
        config: &RecurrentConfig,
        get: &mut dyn FnMut(&str) -> Result<HostTensor, Error>,
        device: &Device,
    ) -> Result<Self, Error> {
        let (n_directions, n_gates) = (config.n_directions(), cell.n_gates() * config.hidden);
        let (input, recurrence, bias) = (get(INPUT)?, get(RECURRENCE)?, get(BIAS)?);
        let n_inputs = input.shape.last().copied().unwrap_or_default();
        input.check_shape(&[n_directions, n_gates, n_inputs])?;
        recurrence.check_shape(&[n_directions, n_gates, config.hidden])?;
        bias.check_shape(&[n_directions, 2 * n_gates])?;
        let each = (input.data.chunks_exact(n_gates * n_inputs))
            .zip(recurrence.data.chunks_exact(n_gates * config.hidden))
            .zip(bias.data.chunks_exact(2 * n_gates));
        let directions = each.map(|((input, recurrence), bias)| Direction {
            input: linear::transposed(input, &bias[..n_gates], device),
            recurrence: linear::transposed(recurrence, &bias[n_gates..], device),
        });
        let directions = directions.collect();
        let sizes = [Some(n_directions * config.hidden), None];
        let output = linear::sized_from_tensors(OUTPUT, sizes, get, device)?;
        Ok(Self { cell, dropout: config.dropout, directions, output })
    }

    fn n_hidden(&self) -> usize {
        self.directions.first().map_or(0, |direction| direction.recurrence.weight.dims()[0])
    }

    fn apply(&self, frames: Tensor<3>) -> Tensor<2> {
        let of_each = self.directions.iter().enumerate();
        let means = of_each.map(|(index, direction)| self.mean_state(direction, index == 1, frames.clone()));
        self.output.forward(Tensor::cat(means.collect(), 1)) // [n, n_classes]
    }

    /// The mean over time of the hidden states `[n, hidden]` of one direction.
    fn mean_state(&self, direction: &Direction, is_reversed: bool, frames: Tensor<3>) -> Tensor<2> {
        let [n, n_frames, _] = frames.dims();
        let inputs = direction.input.forward(frames); // [n, t, gates]
        let zeros = Tensor::zeros([n, self.n_hidden()], &inputs.device());
        let mut state = State { hidden: zeros.clone(), cell: zeros.clone() };
        let mut sum = zeros;
        for step in 0..n_frames {
            let time = if is_reversed { n_frames - 1 - step } else { step };
            let input = inputs.clone().narrow(1, time, 1).squeeze_dim(1);
            let recurrent = direction.recurrence.forward(state.hidden.clone());
            state = self.cell.step(input, recurrent, state);
            sum = sum + state.hidden.clone();
        }
        sum / n_frames as f32
    }
}

impl HeadLayers for Recurrent {
    fn logits(&self, rows: Tensor<2>) -> Tensor<2> {
        self.apply(frames_of(rows, self.n_inputs()))
    }

    fn dropout(&self) -> f64 {
        self.dropout
    }

    fn device(&self) -> Device {
        self.output.weight.device()
    }

    fn n_inputs(&self) -> usize {
        self.directions.first().map_or(0, |direction| direction.input.weight.dims()[0])
    }

    fn n_classes(&self) -> usize {
        self.output.weight.dims()[1]
    }

    fn tensors(&self) -> Result<Vec<HostTensor>, Error> {
        let (mut inputs, mut recurrences, mut biases) = (Vec::new(), Vec::new(), Vec::new());
        for Direction { input, recurrence } in &self.directions {
            for (linear, weights) in [(input, &mut inputs), (recurrence, &mut recurrences)] {
                weights.extend(host_vec(linear.weight.val().without_autodiff().transpose())?);
                if let Some(bias) = &linear.bias {
                    biases.extend(host_vec(bias.val().without_autodiff())?);
                }
            }
        }
        let (n_directions, n_gates) = (self.directions.len(), self.cell.n_gates() * self.n_hidden());
        let recurrent = [
            HostTensor::new(INPUT, vec![n_directions, n_gates, self.n_inputs()], inputs)?,
            HostTensor::new(RECURRENCE, vec![n_directions, n_gates, self.n_hidden()], recurrences)?,
            HostTensor::new(BIAS, vec![n_directions, 2 * n_gates], biases)?,
        ];
        Ok(recurrent.into_iter().chain(linear::tensors(OUTPUT, &self.output)?).collect())
    }

    fn to_onnx(&self, nodes: &mut Nodes, frames: &str, logits: &str) {
        let x = nodes.transpose(frames, &[1, 0, 2], "head.0.frames"); // [t, batch, d]
        let mut attributes = vec![int("hidden_size", self.n_hidden() as i64)];
        if self.directions.len() == 2 {
            attributes.push(text("direction", "bidirectional"));
        }
        if self.cell == Cell::Gru {
            attributes.push(int("linear_before_reset", 1));
        }
        let x = nodes.add(self.cell.operator(), &[&x, INPUT, RECURRENCE, BIAS], "head.0.states", attributes);
        let x = nodes.mean(&x, 0, false, "head.0.mean"); // [directions, batch, hidden]
        let x = nodes.transpose(&x, &[1, 0, 2], "head.0.means");
        let x = nodes.flatten(&x, "head.0.out");
        nodes.linear(&x, OUTPUT, logits);
    }
}
