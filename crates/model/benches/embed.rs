//! Time of embedding 224 x 224 images with a full-width ResNet18: `cargo bench -p model`.
//! `RAYON_NUM_THREADS` sets the number of threads.
#![allow(clippy::expect_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use model::{Arch, BackboneWeights, Compute, DeviceName};

fn main() {
    divan::main();
}

/// One forward pass of `IMAGES` images.
#[divan::bench(consts = [1, 8], args = ["simd", "burn", "rten"], sample_count = 10)]
fn embed<const IMAGES: usize>(bencher: Bencher, engine: &str) {
    let engine = engine.parse().expect("an engine");
    let compute = Compute::new(DeviceName::Cpu, engine).expect("every engine runs on the CPU");
    let engine = compute
        .engine(&BackboneWeights::random(Arch::RESNET18, 1).expect("a ResNet18"), &[("image", [224; 2])])
        .expect("a ResNet18");
    let pixels: Vec<f32> = (0..IMAGES * 224 * 224).map(|i| (i * 7919 % 1021) as f32 / 1020.0).collect();
    bencher.counter(ItemsCount::new(IMAGES)).bench(|| engine.embed(&pixels));
}

/// Drawing the 11 million random weights.
#[divan::bench(sample_count = 5)]
fn random_weights() -> BackboneWeights {
    BackboneWeights::random(Arch::RESNET18, 1).expect("a ResNet18")
}
