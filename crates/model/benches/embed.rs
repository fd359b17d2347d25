//! Time of embedding 224 x 224 images with a full-width ResNet18: `cargo bench -p model`.
//! `RAYON_NUM_THREADS` sets the threads.

use burn::tensor::{Device, Tensor, TensorData};
use divan::Bencher;
use divan::counter::ItemsCount;
use model::{Arch, Backbone, BackboneWeights};

fn main() {
    divan::main();
}

fn backbone() -> Backbone {
    BackboneWeights::random(Arch::ResNet18, 1).to_backbone(&Device::flex())
}

/// One forward pass of so many images.
#[divan::bench(args = [1, 2, 4, 8, 16, 32], sample_count = 10)]
fn forward(bencher: Bencher, images: usize) {
    let backbone = backbone();
    let pixels: Vec<f32> = (0..images * 224 * 224).map(|i| (i * 7919 % 1021) as f32 / 1020.0).collect();
    bencher.counter(ItemsCount::new(images)).bench(|| {
        let images = TensorData::new(pixels.clone(), [images, 1, 224, 224]);
        backbone.forward(Tensor::<4>::from_data(images, &Device::flex())).into_data()
    });
}

/// Drawing the 11 million random weights.
#[divan::bench(sample_count = 5)]
fn random_weights() -> BackboneWeights {
    BackboneWeights::random(Arch::ResNet18, 1)
}
