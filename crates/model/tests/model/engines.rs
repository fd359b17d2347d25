//! All engines on all networks: they agree, and the engine that is the default gives the same bytes whatever the batch and the
//! number of threads.

use model::{BackboneWeights, Compute, DeviceName, Engine, EngineName, Inputs};

/// Height and width of images; only the first is a multiple of 32 in both directions.
const SIZES: [[usize; 2]; 5] = [[64, 64], [112, 112], [224, 224], [300, 200], [33, 5]];

const RESNETS: [&str; 6] = ["resnet18", "resnet34", "resnet18-w16", "resnet34-w16", "resnet18-w8", "resnet34-w8"];

fn weights(arch: &str) -> BackboneWeights {
    BackboneWeights::random(arch.parse().unwrap(), 7).unwrap()
}

fn engine(name: EngineName, weights: &BackboneWeights, inputs: &Inputs) -> Box<dyn Engine> {
    Compute::new(DeviceName::Cpu, name).unwrap().engine(weights, inputs).unwrap()
}

/// Numbers in 0..1, different in each record.
fn records(n: usize, len: usize) -> Vec<f32> {
    (0..n * len).map(|i| (i * 7919 % 10_007) as f32 / 10_006.0).collect()
}

/// Fails unless simd, burn and rten agree within 1e-5 of the largest value on three records: `float32` sums in another order.
fn assert_agree(weights: &BackboneWeights, inputs: &Inputs) {
    let [simd, burn, rten] =
        [EngineName::Simd, EngineName::Burn, EngineName::Rten].map(|name| engine(name, weights, inputs));
    let records = records(3, simd.record_len());
    let [simd, burn, rten] = [simd, burn, rten].map(|engine| engine.embed(&records).unwrap());
    let largest = burn.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    assert!(largest > 0.0);
    for (pair, a, b) in [("simd, burn", &simd, &burn), ("simd, rten", &simd, &rten), ("burn, rten", &burn, &rten)] {
        assert_eq!(a.len(), b.len());
        let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-5 * largest, "{pair} on {} {inputs:?}: {worst} of {largest}", weights.arch());
    }
}

/// Fails unless 17 records give the same bytes in every batch size and with 1, 2 and 3 threads.
fn assert_reproducible(weights: &BackboneWeights, inputs: &Inputs) {
    let simd = engine(EngineName::Simd, weights, inputs);
    let records = records(17, simd.record_len());
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let expected = bits(simd.embed(&records).unwrap());
    for threads in 1..=3 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let simd = engine(EngineName::Simd, weights, inputs);
            for batch in 1..=17 {
                let batches = records.chunks(batch * simd.record_len());
                let found: Vec<f32> = batches.flat_map(|records| simd.forward(records).unwrap()).collect();
                assert!(
                    bits(found) == expected,
                    "{} {inputs:?}: {threads} threads, batches of {batch}",
                    weights.arch()
                );
            }
        });
    }
}

#[test]
fn engines_agree_on_resnets_of_every_width_and_size() {
    for arch in RESNETS {
        let weights = weights(arch);
        for size in SIZES {
            assert_agree(&weights, &[("image", size)]);
        }
    }
}

#[test]
fn engines_agree_on_yamnet_and_on_two_networks() {
    assert_agree(&weights("yamnet"), &[("patches", [720, 64])]);
    assert_agree(&weights("resnet18-w16+yamnet"), &[("image", [112; 2]), ("patches", [96, 64])]);
}

#[test]
fn bytes_depend_on_neither_batch_nor_threads() {
    for size in [[64, 64], [75, 50]] {
        assert_reproducible(&weights("resnet18"), &[("image", size)]);
        assert_reproducible(&weights("resnet34-w8"), &[("image", size)]);
    }
    assert_reproducible(&weights("resnet18-w16"), &[("image", [112; 2])]);
    assert_reproducible(&weights("yamnet"), &[("patches", [144, 64])]);
}
