//! Time of one convolution of each kind and size, with the rate in multiplications of the direct method: `cargo bench -p engine`.
//! `RAYON_NUM_THREADS` sets the number of threads.
#![allow(clippy::expect_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use engine::{Builder, Conv, Cpu, Network, Output};
use pulp::{Simd, WithSimd};

fn main() {
    divan::main();
}

/// Input channels, output channels, height and width, kernel, stride.
type Layer = [usize; 5];

const LAYERS: [Layer; 12] = [
    [64, 64, 56, 3, 1],
    [64, 128, 56, 3, 2],
    [128, 128, 28, 3, 1],
    [128, 256, 28, 3, 2],
    [256, 256, 14, 3, 1],
    [256, 512, 14, 3, 2],
    [512, 512, 7, 3, 1],
    [16, 16, 28, 3, 1],
    [32, 32, 14, 3, 1],
    [64, 64, 7, 3, 1],
    [512, 512, 14, 1, 1],
    [1024, 1024, 14, 1, 1],
];

/// The layer, after a 1 x 1 convolution that gives it its channels, or only that.
fn network([inputs, outputs, size, kernel, stride]: Layer, whole: bool) -> Network {
    let values = |n: usize| (0..n).map(|i| (i * 7919 % 1021) as f32 / 1020.0 - 0.5).collect::<Vec<f32>>();
    let (mut builder, image) = Builder::new(Cpu::for_channels(inputs), [size; 2]);
    let (weight, bias) = (values(inputs), values(inputs));
    let first =
        Conv { weight: &weight, bias: &bias, kernel: 1, stride: 1, padding: [0, 0], depthwise: false, relu: true };
    let x = builder.conv(image, &first, None).expect("a convolution");
    if whole {
        let (weight, bias) = (values(outputs * inputs * kernel * kernel), values(outputs));
        let layer = Conv { weight: &weight, bias: &bias, kernel, stride, padding: [kernel / 2; 2], ..first };
        builder.conv(x, &layer, None).expect("a convolution");
    }
    builder.finish(Output::Mean)
}

/// With the first convolution, whose time [`first_convolution`] gives.
#[divan::bench(args = LAYERS, consts = [1, 8], sample_count = 50)]
fn layer<const IMAGES: usize>(bencher: Bencher, layer: Layer) {
    let [inputs, outputs, size, kernel, stride] = layer;
    let (network, image) = (network(layer, true), vec![0.5; size * size]);
    let multiplications = inputs * outputs * kernel * kernel * (size / stride) * (size / stride) * IMAGES;
    bencher.counter(ItemsCount::new(multiplications)).bench(|| network.run(&[image.as_slice(); IMAGES]));
}

#[divan::bench(args = LAYERS, consts = [1, 8], sample_count = 50)]
fn first_convolution<const IMAGES: usize>(bencher: Bencher, layer: Layer) {
    let (network, image) = (network(layer, false), vec![0.5; layer[2] * layer[2]]);
    bencher.bench(|| network.run(&[image.as_slice(); IMAGES]));
}

/// Independent sums, more than the pipelines hold.
const SUMS: usize = 24;
const STEPS: usize = 100_000;

/// What the processor can do at most: multiply-adds on registers.
#[divan::bench]
fn multiply_adds(bencher: Bencher) {
    let lanes = pulp::Arch::new().dispatch(MultiplyAdds(0)).0;
    bencher.counter(ItemsCount::new(SUMS * STEPS * lanes)).bench(|| pulp::Arch::new().dispatch(MultiplyAdds(STEPS)));
}

struct MultiplyAdds(usize);

impl WithSimd for MultiplyAdds {
    /// Lanes of a vector, and a number that depends on every step.
    type Output = (usize, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let [factor, summand] = [0.5, 0.25].map(|x| simd.splat_f32s(divan::black_box(x)));
        let mut sums = [simd.splat_f32s(0.0); SUMS];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, summand);
            }
        }
        let total = sums.into_iter().fold(simd.splat_f32s(0.0), |total, sum| simd.add_f32s(total, sum));
        (S::F32_LANES, simd.reduce_sum_f32s(total))
    }
}
