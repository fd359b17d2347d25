//! A network: convolutions in order, each with the kernel that suits its shape.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::buffer::Pool;
use crate::conv::{Conv, Finish};
use crate::cpu::Cpu;
use crate::depthwise::{Depthwise, DepthwiseUnit};
use crate::direct::{Direct, DirectUnit};
use crate::error::Error;
use crate::map::{Map, Shape, Unit};
use crate::method::{Method, choose};
use crate::pointwise::PointwiseUnit;
use crate::pool::{MaxPool, column_means, mean, planar};
use crate::stem::{Stem, StemUnit};
use crate::units;
use crate::winograd::{Winograd, WinogradUnit};

/// A value between two steps of a [`Builder`]'s network.
#[derive(Clone, Copy, Debug)]
pub struct Value(usize);

/// Puts a network together, from the image to its output.
#[derive(Debug)]
pub struct Builder {
    cpu: Cpu,
    steps: Vec<Step>,
    /// Shape of each value for one image.
    shapes: Vec<Shape>,
}

/// What follows the last convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The mean of each channel over all pixels, `[channels]`.
    Mean,
    /// The mean of each channel over the rows of each column, `[width, channels]`.
    ColumnMeans,
    /// The feature map, `[channels, height, width]`.
    Map,
}

/// A network for images of one size, ready to run.
#[derive(Debug)]
pub struct Network {
    cpu: Cpu,
    steps: Vec<Step>,
    shapes: Vec<Shape>,
    output: Output,
    /// Steps that run image by image, because their feature maps are larger than their weights: one image stays in the cache. The
    /// others run with all images at once, so that their weights are read once.
    n_front: usize,
    /// For each value, the last step that takes it.
    last_uses: Vec<usize>,
    pool: Pool,
    /// Calls of [`Network::run`] that are under way: they share the threads.
    calls: AtomicUsize,
}

#[derive(Debug)]
struct Step {
    op: Op,
    bias: Vec<f32>,
    relu: bool,
    input: Value,
    residual: Option<Value>,
    multiplications: usize,
}

#[derive(Debug)]
enum Op {
    Stem(Stem),
    Direct(Direct),
    Pointwise(Direct),
    Depthwise(Depthwise),
    Winograd(Winograd),
}

impl Builder {
    /// A network on images of `height` x `width` pixels with one channel, and the value that stands for them.
    pub fn new(cpu: Cpu, [height, width]: [usize; 2]) -> (Self, Value) {
        let image = Shape { images: 1, channels: 1, height, width };
        (Self { cpu, steps: Vec::new(), shapes: vec![image] }, Value(0))
    }

    /// A convolution of `input`; `residual` is added before the ReLU.
    ///
    /// # Errors
    /// [`Error::Shape`] if the weights, the input and the residual do not fit together.
    pub fn conv(&mut self, input: Value, conv: &Conv, residual: Option<Value>) -> Result<Value, Error> {
        let from = self.shapes[input.0];
        let output = self.convolved(conv, from)?;
        if residual.is_some_and(|residual| self.shapes[residual.0] != output) {
            return Err(Error::Shape("a residual of another shape than the convolution's output".into()));
        }
        let is_image = input.0 == 0;
        let op = match choose(conv, from) {
            Method::Depthwise if !is_image => Op::Depthwise(Depthwise::new(self.cpu, conv)),
            Method::Pointwise if !is_image => Op::Pointwise(Direct::new(self.cpu, conv, from.channels, is_image)),
            Method::Winograd(tile) if !is_image => Op::Winograd(Winograd::new(self.cpu, tile, conv, from.channels)),
            _ => Op::Direct(Direct::new(self.cpu, conv, from.channels, is_image)),
        };
        Ok(self.push(op, conv, input, residual, output))
    }

    /// A convolution of `input` whose output is needed only by a max pooling; returns the pooled value.
    ///
    /// # Errors
    /// As [`Builder::conv`]; also if the pooling has a stride of zero or windows that miss the image.
    pub fn conv_and_max_pool(&mut self, input: Value, conv: &Conv, pool: MaxPool) -> Result<Value, Error> {
        let from = self.shapes[input.0];
        let convolved = self.convolved(conv, from)?;
        let pooled =
            Shape { height: pool.output(convolved.height)?, width: pool.output(convolved.width)?, ..convolved };
        let stem = Stem { direct: Direct::new(self.cpu, conv, from.channels, input.0 == 0), pool, convolved };
        Ok(self.push(Op::Stem(stem), conv, input, None, pooled))
    }

    /// The network, up to its last convolution.
    pub fn finish(self, output: Output) -> Network {
        let Self { cpu, steps, shapes } = self;
        // Where all later steps depend on a single value.
        let is_cut = |at: &usize| steps[*at..].iter().all(|step| step.inputs().all(|input| input >= *at));
        let is_front = |at: &usize| steps[..*at].iter().all(|step| step.op.n_weights() <= units::FRONT_WEIGHTS);
        let n_front = (0..=steps.len()).filter(is_cut).take_while(is_front).last().unwrap_or_default();
        let last_use = |value| steps.iter().rposition(|step: &Step| step.inputs().any(|input| input == value));
        let last_uses = (0..shapes.len()).map(|value| last_use(value).unwrap_or_default()).collect();
        Network { cpu, steps, shapes, output, n_front, last_uses, pool: Pool::default(), calls: AtomicUsize::new(0) }
    }

    fn convolved(&self, conv: &Conv, from: Shape) -> Result<Shape, Error> {
        conv.check(from.channels)?;
        let [height, width] = [conv.output_size(from.height)?, conv.output_size(from.width)?];
        Ok(Shape { channels: conv.outputs(), height, width, ..from })
    }

    fn push(&mut self, op: Op, conv: &Conv, input: Value, residual: Option<Value>, output: Shape) -> Value {
        let inputs = if conv.depthwise { 1 } else { self.shapes[input.0].channels };
        let multiplications = inputs * conv.kernel * conv.kernel * output.channels * output.pixels();
        let bias = conv.padded_bias(self.cpu.lanes());
        self.steps.push(Step { op, bias, relu: conv.relu, input, residual, multiplications });
        self.shapes.push(output);
        Value(self.shapes.len() - 1)
    }
}

impl Network {
    /// Height and width of an image.
    pub fn input_size(&self) -> [usize; 2] {
        [self.shapes[0].height, self.shapes[0].width]
    }

    /// Values that an image gives.
    pub fn n_outputs(&self) -> usize {
        let Shape { channels, height, width, .. } = self.shapes[self.steps.len()];
        match self.output {
            Output::Mean => channels,
            Output::ColumnMeans => width * channels,
            Output::Map => channels * height * width,
        }
    }

    /// Runs the network on `images`, each `[height, width]`; returns `[images, n_outputs]`. Calls that are under way at the same
    /// time share the threads of the current rayon pool. The bytes of an image's outputs depend on neither the number of threads
    /// nor the other images.
    ///
    /// # Errors
    /// [`Error::Shape`] for an image of another size.
    pub fn run(&self, images: &[&[f32]]) -> Result<Vec<f32>, Error> {
        let [height, width] = self.input_size();
        if let Some(image) = images.iter().find(|image| image.len() != height * width) {
            return Err(Error::Shape(format!("an image of {} values, not {height} x {width}", image.len())));
        }
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let calls = Calls::enter(&self.calls);
        let threads = (rayon::current_num_threads() / calls.number).max(1);
        let is_small = self.steps.iter().all(|step| step.multiplications < units::WORTH_A_THREAD);
        if threads == 1 || (is_small && images.len() == 1) {
            return Ok(self.run_with(images, 1));
        }
        // All steps on one thread of the pool: to enter it for each step costs as much as a small step.
        Ok(rayon::scope(|_| self.run_with(images, threads)))
    }

    fn run_with(&self, images: &[&[f32]], threads: usize) -> Vec<f32> {
        let front = 0..self.n_front;
        let one = |image: &&[f32], threads| self.run_steps(front.clone(), self.images(&[image]), threads);
        let parts: Vec<Map> = if threads == 1 || images.len() == 1 {
            images.iter().map(|image| one(image, threads)).collect()
        } else {
            images.par_iter().map(|image| one(image, (threads / images.len()).max(1))).collect()
        };
        let map = Map::join(&self.pool, parts);
        let map = self.run_steps(self.n_front..self.steps.len(), map, threads);
        match self.output {
            Output::Mean => mean(&map),
            Output::ColumnMeans => column_means(&map),
            Output::Map => planar(&map),
        }
    }

    /// Images as the first value.
    fn images(&self, images: &[&[f32]]) -> Map<'_> {
        Map::of_images(&self.pool, Shape { images: images.len(), ..self.shapes[0] }, images)
    }

    /// Runs some of the steps, of which the first alone takes `input`; returns the last one's output.
    fn run_steps<'a>(&'a self, range: Range<usize>, input: Map<'a>, threads: usize) -> Map<'a> {
        let images = input.shape.images;
        let mut last = input;
        let mut earlier: Vec<(usize, Map)> = Vec::new();
        for (index, step) in range.clone().zip(&self.steps[range.clone()]) {
            let mut output = Map::new(&self.pool, Shape { images, ..self.shapes[index + 1] }, self.cpu.lanes());
            let value = |wanted: Value| {
                if wanted.0 == index {
                    Some(&last)
                } else {
                    earlier.iter().find(|(i, _)| *i == wanted.0).map(|(_, map)| map)
                }
            };
            if let Some(input) = value(step.input) {
                let finish = Finish { bias: &step.bias, residual: step.residual.and_then(value), relu: step.relu };
                let threads = threads.min(1 + step.multiplications * images / units::WORTH_A_THREAD);
                step.op.run(self.cpu, &self.pool, input, finish, &mut output, threads);
            }
            earlier.push((index, std::mem::replace(&mut last, output)));
            earlier.retain(|(value, _)| self.last_uses[*value] > index);
        }
        last
    }
}

/// A call that is under way.
struct Calls<'a> {
    count: &'a AtomicUsize,
    /// Calls at its start, itself included.
    number: usize,
}

impl<'a> Calls<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        Self { count, number: count.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Calls<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Step {
    /// Indices of the values that the step takes.
    fn inputs(&self) -> impl Iterator<Item = usize> {
        [Some(self.input), self.residual].into_iter().flatten().map(|value| value.0)
    }
}

impl Op {
    /// Values of the packed weights.
    fn n_weights(&self) -> usize {
        match self {
            Self::Stem(stem) => stem.direct.n_weights(),
            Self::Direct(direct) | Self::Pointwise(direct) => direct.n_weights(),
            Self::Depthwise(depthwise) => depthwise.n_weights(),
            Self::Winograd(winograd) => winograd.n_weights(),
        }
    }

    fn run(&self, cpu: Cpu, pool: &Pool, input: &Map, finish: Finish, output: &mut Map, threads: usize) {
        let shape = output.shape;
        let Shape { height, width, .. } = shape;
        match self {
            Self::Stem(stem) => {
                let (pixels, blocks) = units::whole_rows(shape, stem.rows_per_unit(shape), cpu.lanes(), threads);
                let runs = stem.direct.runs(stem.convolved.width);
                each(output.units(&pixels, &blocks), |unit| {
                    cpu.run(StemUnit {
                        cpu,
                        stem,
                        input: input.as_input(),
                        runs: &runs,
                        finish,
                        pool,
                        unit,
                        height,
                        width,
                    });
                });
            }
            Self::Direct(direct) => {
                let rows = units::SCRATCH / direct.scratch(1, width).max(1);
                let (pixels, blocks) = units::whole_rows(shape, rows, cpu.lanes(), threads);
                let runs = direct.runs(width);
                each(output.units(&pixels, &blocks), |unit| {
                    let input = input.as_input();
                    cpu.run(DirectUnit { direct, input, height, width, runs: &runs, finish, pool, unit });
                });
            }
            Self::Pointwise(direct) => {
                let (pixels, blocks) = units::any_pixels(shape, input.shape.channels, cpu.lanes(), threads);
                each(output.units(&pixels, &blocks), |unit| cpu.run(PointwiseUnit { direct, input, finish, unit }));
            }
            Self::Depthwise(depthwise) => {
                let (pixels, blocks) = units::whole_rows(shape, height, cpu.lanes(), threads);
                each(output.units(&pixels, &blocks), |unit| {
                    cpu.run(DepthwiseUnit { depthwise, input, height, width, finish, unit });
                });
            }
            Self::Winograd(winograd) => {
                let (pixels, blocks) =
                    units::tiles(shape, winograd.tile.size(), input.shape.channels, cpu.lanes(), threads);
                each(output.units(&pixels, &blocks), |unit| {
                    cpu.run(WinogradUnit { winograd, input, finish, pool, unit });
                });
            }
        }
    }
}

/// Computes the units, in parallel if there are several.
fn each(mut units: Vec<Unit>, compute: impl Fn(&mut Unit) + Sync + Send) {
    if let [unit] = &mut units[..] {
        compute(unit);
    } else {
        units.par_iter_mut().for_each(compute);
    }
}
