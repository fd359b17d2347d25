//! Every kernel against the reference, on every instruction set of this machine.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use crate::map::Shape;
use crate::method::{Method, choose};
use crate::network::{Builder, Output};
use crate::winograd::Tile;
use crate::{Conv, Cpu, Error, MaxPool, reference};

/// Numbers in -1..1 that look random: the fractional parts of multiples of the golden ratio's square root.
fn numbers(len: usize, seed: usize) -> Vec<f32> {
    let number = |i: usize| (((i + 7919 * seed) as f64 * 0.786_151_377_757_423_3).fract() * 2.0 - 1.0) as f32;
    (1..=len).map(number).collect()
}

#[derive(Clone, Copy, Debug)]
struct Layer {
    channels: [usize; 2],
    size: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: [usize; 2],
    depthwise: bool,
    residual: bool,
    relu: bool,
}

/// Runs `layer` after a 1 x 1 convolution that makes its input channels from the image, on `images`; returns the outputs of the
/// engine and of the reference.
fn both(cpu: Cpu, layer: Layer, n: usize) -> (Vec<f32>, Vec<f32>) {
    let [inputs, outputs] = layer.channels;
    let per_output = if layer.depthwise { 1 } else { inputs };
    let (first_weight, first_bias) = (numbers(inputs, 1), numbers(inputs, 2));
    let first = Conv {
        weight: &first_weight,
        bias: &first_bias,
        kernel: 1,
        stride: 1,
        padding: [0, 0],
        depthwise: false,
        relu: false,
    };
    let scale = 1.0 / ((per_output * layer.kernel * layer.kernel) as f32).sqrt();
    let weight: Vec<f32> =
        numbers(outputs * per_output * layer.kernel * layer.kernel, 3).iter().map(|w| w * scale).collect();
    let bias = numbers(outputs, 4);
    let Layer { kernel, stride, padding, depthwise, relu, .. } = layer;
    let conv = Conv { weight: &weight, bias: &bias, kernel, stride, padding, depthwise, relu };

    let (mut builder, image) = Builder::new(cpu, layer.size);
    let x = builder.conv(image, &first, None).unwrap();
    let residual = layer.residual.then(|| {
        let plain = Conv { relu: false, ..conv };
        builder.conv(x, &plain, None).unwrap()
    });
    builder.conv(x, &conv, residual).unwrap();
    let network = builder.finish(Output::Map);
    let images: Vec<Vec<f32>> = (0..n).map(|i| numbers(layer.size[0] * layer.size[1], 5 + i)).collect();
    let slices: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
    let found = network.run(&slices).unwrap();

    let mut expected = Vec::new();
    for image in &images {
        let (x, size) = reference::conv(image, layer.size, &first, None);
        let plain = reference::conv(&x, size, &Conv { relu: false, ..conv }, None).0;
        expected.extend(reference::conv(&x, size, &conv, layer.residual.then_some(&plain)).0);
    }
    (found, expected)
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance, "{what}: value {index} is {a}, expected {b}");
    }
}

fn layers() -> impl Strategy<Value = Layer> {
    let kinds = prop_oneof![
        Just((3usize, 1usize, [1usize, 1usize], false)),
        Just((3, 2, [1, 1], false)),
        Just((3, 2, [0, 1], false)),
        Just((1, 1, [0, 0], false)),
        Just((1, 2, [0, 0], false)),
        Just((7, 2, [3, 3], false)),
        Just((5, 1, [2, 2], false)),
        Just((3, 1, [1, 1], true)),
        Just((3, 2, [0, 1], true)),
        Just((3, 2, [1, 1], true)),
    ];
    (kinds, 1..70usize, 1..70usize, 1..40usize, 1..40usize, any::<bool>(), any::<bool>()).prop_map(
        |((kernel, stride, padding, depthwise), inputs, outputs, height, width, residual, relu)| {
            let outputs = if depthwise { inputs } else { outputs };
            let smallest = kernel.saturating_sub(padding[0] + padding[1]).max(1);
            let size = [height.max(smallest), width.max(smallest)];
            let residual = residual && !depthwise;
            Layer { channels: [inputs, outputs], size, kernel, stride, padding, depthwise, residual, relu }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Float32 sums of at most 70 x 49 products whose squares sum to about 1, behind F(4 x 4)'s transforms: the largest error is 1e-5.
    #[test]
    fn every_convolution_agrees_with_its_definition(layer in layers(), n in 1..4usize) {
        for cpu in Cpu::all() {
            let (found, expected) = both(cpu, layer, n);
            assert_near(&found, &expected, 2e-5, cpu.name());
        }
    }
}

const STEM: Conv<'static> =
    Conv { weight: &[], bias: &[], kernel: 7, stride: 2, padding: [3, 3], depthwise: false, relu: true };

#[test]
fn a_stem_equals_convolution_and_then_max_pooling() {
    let pool = MaxPool { kernel: 3, stride: 2, padding: 1 };
    for (channels, size) in [(64, [50, 38]), (8, [112, 112]), (17, [7, 9]), (3, [1, 1])] {
        let (weight, bias) = (numbers(channels * 49, 1), numbers(channels, 2));
        let conv = Conv { weight: &weight, bias: &bias, ..STEM };
        let images = [numbers(size[0] * size[1], 3), numbers(size[0] * size[1], 4)];
        let pooled = |image: &Vec<f32>| {
            let (convolved, size) = reference::conv(image, size, &conv, None);
            reference::max_pool(&convolved, size, pool)
        };
        let expected: Vec<f32> = images.iter().flat_map(pooled).collect();
        for cpu in Cpu::all() {
            let (mut builder, image) = Builder::new(cpu, size);
            builder.conv_and_max_pool(image, &conv, pool).unwrap();
            let found = builder.finish(Output::Map).run(&images.each_ref().map(Vec::as_slice)).unwrap();
            assert_near(&found, &expected, 2e-5, cpu.name());
        }
    }
}

#[test]
fn the_mean_is_over_the_pixels_of_each_image_or_of_each_column() {
    let (weight, bias) = (numbers(20, 1), numbers(20, 2));
    let conv = Conv { weight: &weight, bias: &bias, kernel: 1, padding: [0, 0], stride: 1, relu: false, ..STEM };
    let images = [numbers(30, 3), numbers(30, 4)];
    let means = |image: &Vec<f32>| {
        let (convolved, _) = reference::conv(image, [5, 6], &conv, None);
        convolved.chunks(30).map(|channel| channel.iter().sum::<f32>() / 30.0).collect::<Vec<_>>()
    };
    let column_means = |image: &Vec<f32>| {
        let (convolved, _) = reference::conv(image, [5, 6], &conv, None);
        let mean = move |column: usize, channel: usize| {
            (0..5).map(|row| convolved[channel * 30 + row * 6 + column]).sum::<f32>() / 5.0
        };
        (0..6 * 20).map(|index| mean(index / 20, index % 20)).collect::<Vec<_>>()
    };
    for cpu in Cpu::all() {
        let run = |output| {
            let (mut builder, image) = Builder::new(cpu, [5, 6]);
            builder.conv(image, &conv, None).unwrap();
            let network = builder.finish(output);
            assert!(network.run(&[]).unwrap().is_empty());
            let found = network.run(&images.each_ref().map(Vec::as_slice)).unwrap();
            assert_eq!(found.len(), images.len() * network.n_outputs());
            found
        };
        assert_near(&run(Output::Mean), &images.iter().flat_map(means).collect::<Vec<_>>(), 1e-6, cpu.name());
        let expected: Vec<f32> = images.iter().flat_map(column_means).collect();
        assert_near(&run(Output::ColumnMeans), &expected, 1e-6, cpu.name());
    }
}

#[test]
fn instruction_sets_that_fuse_give_the_same_bytes() {
    let kinds = [(3, 1, [1, 1], false), (3, 2, [1, 1], false), (1, 1, [0, 0], false), (3, 2, [0, 1], true)];
    for (kernel, stride, padding, depthwise) in kinds {
        let layer = Layer {
            channels: [40, 40],
            size: [23, 30],
            kernel,
            stride,
            padding,
            depthwise,
            residual: false,
            relu: true,
        };
        let fusing = Cpu::all().filter(|cpu| cpu.name() != "portable");
        let outputs: Vec<Vec<f32>> = fusing.map(|cpu| both(cpu, layer, 2).0).collect();
        for other in outputs.iter().skip(1) {
            assert!(other.iter().zip(&outputs[0]).all(|(a, b)| a.to_bits() == b.to_bits()), "{layer:?}");
        }
    }
}

#[test]
fn the_kernel_follows_from_the_shape() {
    let chosen = |outputs: usize, kernel, stride, [channels, height, width]: [usize; 3]| {
        let bias = vec![0.0; outputs];
        let conv = Conv { bias: &bias, kernel, stride, padding: [kernel / 2; 2], ..STEM };
        choose(&conv, Shape { images: 1, channels, height, width })
    };
    // ResNet18 at 224 x 224: the last two stages have too many weights for F(4 x 4).
    assert_eq!(chosen(64, 3, 1, [64, 56, 56]), Method::Winograd(Tile::F4));
    assert_eq!(chosen(256, 3, 1, [256, 14, 14]), Method::Winograd(Tile::F2));
    assert_eq!(chosen(512, 3, 1, [512, 7, 7]), Method::Winograd(Tile::F2));
    assert_eq!(chosen(128, 3, 2, [64, 56, 56]), Method::Direct);
    // Narrow networks.
    assert_eq!(chosen(64, 3, 1, [64, 7, 7]), Method::Winograd(Tile::F4));
    assert_eq!(chosen(4, 3, 1, [4, 28, 28]), Method::Direct);
    // A single tile of either kind: the smaller one is cheaper.
    assert_eq!(chosen(64, 3, 1, [64, 2, 2]), Method::Winograd(Tile::F2));
    assert_eq!(chosen(64, 1, 1, [32, 48, 32]), Method::Pointwise);
    assert_eq!(chosen(64, 1, 2, [32, 48, 32]), Method::Direct);
}

#[test]
fn what_does_not_fit_together_is_an_error() {
    let (weight, bias) = ([0.0; 18], [0.0; 2]);
    let conv = Conv { weight: &weight, bias: &bias, kernel: 3, stride: 1, padding: [0, 0], ..STEM };
    let (mut builder, image) = Builder::new(Cpu::detect(), [8, 8]);
    let x = builder.conv(image, &conv, None).unwrap();
    let message = |result: Result<_, Error>| result.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message(builder.conv(x, &conv, None)).contains("2 input channels"));
    assert!(message(builder.conv(image, &Conv { stride: 0, ..conv }, None)).contains("stride 0"));
    assert!(
        message(builder.conv(image, &Conv { kernel: 9, weight: &[0.0; 162], ..conv }, None)).contains("kernel of 9")
    );
    assert!(message(builder.conv(image, &Conv { padding: [1, 1], ..conv }, Some(x))).contains("residual"));
    let pool = MaxPool { kernel: 9, stride: 1, padding: 0 };
    assert!(message(builder.conv_and_max_pool(image, &conv, pool)).contains("MaxPool"));
    let error = builder.finish(Output::Mean).run(&[&[0.0; 63]]).err().unwrap();
    assert!(error.to_string().contains("63"), "{error}");
}
