//! Frames of an encoder: what they are, that the engines agree on them, and that the embedding follows from them.

use std::path::Path;

use model::{Arch, BackboneWeights, Compute, DeviceName, EngineName, Error, FrozenOutput, Inputs, Pooling};

/// The engines compute in `float32` but in different orders; the values are about 1 in magnitude.
const TOLERANCE: f32 = 1e-5;

const ENGINES: [EngineName; 3] = [EngineName::Simd, EngineName::Burn, EngineName::Rten];

fn golden(file: &str, arch: Arch) -> BackboneWeights {
    BackboneWeights::load(&Path::new("tests/goldens").join(file), arch).unwrap()
}

fn outputs(
    engine: EngineName,
    weights: &BackboneWeights,
    output: FrozenOutput,
    inputs: &Inputs,
    x: &[f32],
) -> Vec<f32> {
    let compute = Compute::new(DeviceName::Cpu, engine).unwrap();
    let engine = compute.engine_to(output, weights, inputs).unwrap();
    let found = engine.embed(x).unwrap();
    assert_eq!(found.len(), x.len() / engine.record_len() * engine.n_outputs());
    found
}

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i * 7919 % 1021) as f32 / 1020.0).collect()
}

fn assert_near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest <= TOLERANCE, "{what}: {largest}");
}

/// Fails unless the embedding of each record, as every engine gives it, follows from its frames.
fn assert_embeddings_follow(weights: &BackboneWeights, inputs: &Inputs, records: &[f32]) {
    let length = weights.frames(inputs).unwrap().iter().product();
    let pooling = weights.frame_pooling().unwrap();
    for engine in ENGINES {
        let frames = outputs(engine, weights, FrozenOutput::Frames, inputs, records);
        let pooled: Vec<f32> = frames.chunks(length).flat_map(|frames| pooling.pool(frames)).collect();
        let embeddings = outputs(engine, weights, FrozenOutput::EMBEDDING, inputs, records);
        assert_near(&pooled, &embeddings, &format!("{engine:?}"));
    }
}

/// An image wider than high, so that a mix-up of time and frequency changes the number of frames.
#[test]
fn frames_of_a_resnet_are_the_columns_of_its_last_feature_map() {
    let weights = golden("torch.safetensors", Arch::RESNET18);
    let (inputs, images) = ([("image", [64, 128])], values(3 * 64 * 128));
    assert_eq!(weights.frames(&inputs), Some([4, 24]), "a column for every 32 pixels");
    let expected = outputs(EngineName::Simd, &weights, FrozenOutput::Frames, &inputs, &images);
    for engine in ENGINES {
        let found = outputs(engine, &weights, FrozenOutput::Frames, &inputs, &images);
        assert_near(&found, &expected, &format!("{engine:?}"));
    }
    assert_embeddings_follow(&weights, &inputs, &images);
    // The mean over a map of one column is the mean over the map.
    let narrow = [("image", [64, 32])];
    let (frame, embedding) = (FrozenOutput::Frames, FrozenOutput::EMBEDDING);
    let [frame, embedding] =
        [frame, embedding].map(|output| outputs(EngineName::Simd, &weights, output, &narrow, &values(64 * 32)));
    assert_near(&frame, &embedding, "one column");
}

#[test]
fn frames_of_yamnet_are_the_embeddings_of_its_patches() {
    let n_frames = 240;
    let inputs = [("patches", [n_frames, 64])];
    let records: Vec<f32> = values(2 * n_frames * 64).iter().map(|x| x * 8.0 - 6.0).collect();
    let patches: Vec<f32> = records
        .chunks(n_frames * 64)
        .flat_map(|record| record.windows(96 * 64).step_by(48 * 64).flatten().copied().collect::<Vec<_>>())
        .collect();
    for pooling in [Pooling::Mean, Pooling::Cry] {
        let weights = golden("yamnet.tflite", Arch::YAMNET).with_pooling(pooling).unwrap();
        let plain = golden("yamnet.tflite", Arch::YAMNET);
        assert_eq!(weights.frames(&inputs), Some([4, plain.n_outputs()]));
        for engine in ENGINES {
            let found = outputs(engine, &weights, FrozenOutput::Frames, &inputs, &records);
            let expected = outputs(engine, &plain, FrozenOutput::EMBEDDING, &[("patches", [96, 64])], &patches);
            assert_near(&found, &expected, &format!("{engine:?} {pooling:?}"));
        }
        assert_embeddings_follow(&weights, &inputs, &records);
    }
}

#[test]
fn several_networks_give_no_frames() {
    let both = BackboneWeights::random("resnet18-w8+yamnet".parse().unwrap(), 1).unwrap();
    let inputs = [("image", [64; 2]), ("patches", [96, 64])];
    assert!(both.frames(&inputs).is_none() && both.frame_len().is_none() && both.frame_pooling().is_none());
    let compute = Compute::new(DeviceName::Cpu, EngineName::Auto).unwrap();
    let error = compute.engine_to(FrozenOutput::Frames, &both, &inputs).err().unwrap();
    assert!(
        matches!(&error, Error::Argument(problem) if problem.contains("resnet18-w8+yamnet gives no frames")),
        "{error}"
    );
}
