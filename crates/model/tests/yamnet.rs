//! A narrow YAMNet against ONNX Runtime, from each kind of file, with each engine, and through a saved model. The goldens come from
//! `scripts/goldens/yamnet_golden.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use model::{Arch, BackboneWeights, Compute, Error, Head, HeadConfig, ModelInfo, Network, Pooling, Trainable};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

/// Both sides compute in `float32`, in another order; the embeddings are about 1 in size.
const TOLERANCE: f32 = 1e-5;

#[derive(Deserialize)]
struct Expected {
    images: usize,
    frames: usize,
    embeddings: Vec<f32>,
    cry_embeddings: Vec<f32>,
    scores: Vec<f32>,
}

fn expected() -> Expected {
    serde_json::from_str(&std::fs::read_to_string("tests/goldens/yamnet.json").unwrap()).unwrap()
}

fn weights(file: &str) -> BackboneWeights {
    BackboneWeights::load(&Path::new("tests/goldens").join(file), Arch::Yamnet).unwrap()
}

/// `[images, frames, 64]`, as the script makes them.
fn spectrograms(expected: &Expected) -> Vec<f32> {
    let n = expected.images * expected.frames * 64;
    (0..n).map(|i| (i * 7919 % 1021) as f32 / 1020.0 * 8.0 - 6.0).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |most, error| if error.is_nan() { error } else { error.max(most) })
}

fn engines(weights: &BackboneWeights, shape: [usize; 2]) -> Vec<Box<dyn model::Engine>> {
    ["burn", "rten"].map(|name| Compute::new("cpu", name).unwrap().engine(weights, shape).unwrap()).into()
}

#[test]
fn embeddings_and_scores_are_onnx_runtimes() {
    let expected = expected();
    let images = spectrograms(&expected);
    for file in ["yamnet.tflite", "yamnet.onnx"] {
        let weights = weights(file);
        for engine in engines(&weights, [expected.frames, 64]) {
            let error = largest_difference(&engine.embed(&images).unwrap(), &expected.embeddings);
            assert!(error <= TOLERANCE, "{file}: {error}");
        }
        for engine in engines(&weights.clone().with_pooling(Pooling::Cry).unwrap(), [expected.frames, 64]) {
            let error = largest_difference(&engine.embed(&images).unwrap(), &expected.cry_embeddings);
            assert!(error <= TOLERANCE, "{file}, weighted by cries: {error}");
        }
        let patches: Vec<f32> = images
            .chunks(expected.frames * 64)
            .flat_map(|image| image.windows(96 * 64).step_by(48 * 64).flatten().copied())
            .collect();
        let classifier = weights.classifier().unwrap();
        for engine in engines(&weights, [96, 64]) {
            let scores = classifier.scores(&engine.embed(&patches).unwrap());
            let error = largest_difference(&scores, &expected.scores);
            assert!(error <= TOLERANCE, "{file}: {error}");
        }
    }
}

#[test]
fn one_class_is_a_row_of_the_classifier() {
    let weights = weights("yamnet.tflite");
    let classifier = weights.classifier().unwrap();
    assert_eq!(classifier.n_classes(), 21);
    let embedding: Vec<f32> = (0..weights.n_outputs()).map(|i| (i % 5) as f32 / 5.0).collect();
    let (row, bias) = classifier.class(3).unwrap();
    let logit = row.iter().zip(&embedding).map(|(w, x)| w * x).sum::<f32>() + bias;
    let score = classifier.scores(&embedding)[3];
    assert!((score - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-6);
    assert!(classifier.class(21).is_none());
}

#[test]
fn a_saved_model_answers_alike_in_every_form() {
    let plain = weights("yamnet.tflite");
    let expected = expected();
    for pooling in [Pooling::Mean, Pooling::Cry] {
        let weights = plain.clone().with_pooling(pooling).unwrap();
        answers_alike(&weights, &spectrograms(&expected), [expected.frames, 64]);
        let (both, images, shape) = beside_a_resnet(&weights, &expected);
        answers_alike(&both, &images, shape);
    }
}

/// With a random ResNet, and images of both: a square of 40 pixels, then the spectrogram, filled up to whole rows.
fn beside_a_resnet(yamnet: &BackboneWeights, expected: &Expected) -> (BackboneWeights, Vec<f32>, [usize; 2]) {
    let both = BackboneWeights::random(Arch::ResNet18W8, 1).beside(yamnet.clone()).unwrap();
    assert_eq!(both.arch(), Arch::ResNet18W8Yamnet);
    let spectrograms = spectrograms(expected);
    let below = (expected.frames * 64).div_ceil(40) * 40;
    let image = |spectrogram: &[f32]| {
        let mut image = squares()[..1600].to_vec();
        image.extend(spectrogram);
        image.resize(1600 + below, 0.0);
        image
    };
    let images = spectrograms.chunks(expected.frames * 64).flat_map(image).collect();
    (both, images, [40 + below / 40, 40])
}

/// A square of 40 pixels for each image.
fn squares() -> Vec<f32> {
    (0..2 * 1600).map(|i| (i % 1600 * 7919 % 1021) as f32 / 1020.0).collect()
}

#[test]
fn two_together_embed_as_each_does() {
    let expected = expected();
    let yamnet = weights("yamnet.tflite").with_pooling(Pooling::Cry).unwrap();
    let (both, images, shape) = beside_a_resnet(&yamnet, &expected);
    let resnet = BackboneWeights::random(Arch::ResNet18W8, 1);
    assert_eq!(both.n_outputs(), resnet.n_outputs() + yamnet.n_outputs());
    let of_squares =
        engines(&resnet, [40, 40]).iter().map(|engine| engine.embed(&squares()).unwrap()).collect::<Vec<_>>();
    for (engine, of_squares) in engines(&both, shape).iter().zip(of_squares) {
        let found = engine.embed(&images).unwrap();
        let rows = of_squares.chunks(resnet.n_outputs()).zip(expected.cry_embeddings.chunks(yamnet.n_outputs()));
        let separate: Vec<f32> = rows.flat_map(|(square, cry)| [square, cry].concat()).collect();
        let size = separate.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
        assert!(largest_difference(&found, &separate) <= TOLERANCE * size);
    }
    let compute = Compute::new("cpu", "burn").unwrap();
    for shape in [[40, 40], [41, 40], [0, 40], [40, 0]] {
        assert!(matches!(compute.engine(&both, shape), Err(Error::Argument(_))), "{shape:?}");
    }
    assert!(compute.engine_before(Trainable::Layer4, &both, shape).is_err());
    assert!(yamnet.clone().beside(resnet.clone()).is_err() && resnet.clone().beside(resnet).is_err());
}

fn answers_alike(weights: &BackboneWeights, images: &[f32], shape: [usize; 2]) {
    let device = Device::flex();
    let config = HeadConfig { inner: 4, dropout: 0.0 };
    let head = Head::new(&config, weights.n_outputs(), 3, &mut ChaCha8Rng::seed_from_u64(1), &device);
    let info = ModelInfo {
        arch: weights.arch(),
        labels: ["a", "b", "c"].map(String::from).into(),
        head: config,
        features: serde_json::json!({}),
        gate: None,
        calibration: serde_json::json!({}),
        backbone_source: String::new(),
        provenance: serde_json::json!({}),
    };
    let folder = tempfile::tempdir().unwrap();
    let [plain, onnx] = ["model.safetensors", "model.onnx"].map(|name| folder.path().join(name));
    model::save_model(&plain, &info, weights, &head, None).unwrap();
    model::save_onnx(&onnx, &info, weights, &head, None, shape).unwrap();
    let compute = Compute::new("cpu", "burn").unwrap();
    let answer = head.classify(&compute.engine(weights, shape).unwrap().embed(images).unwrap()).unwrap();
    for path in [&plain, &onnx] {
        let saved = model::load_model(path, &device).unwrap();
        assert_eq!((&saved.info, saved.weights.fingerprint()), (&info, weights.fingerprint()));
        let embeddings = compute.engine(&saved.weights, shape).unwrap().embed(images).unwrap();
        assert_eq!(saved.head.classify(&embeddings).unwrap(), answer);
    }

    let record = folder.path().join("model.bpk");
    Network::new(weights, &head).save_record(&record).unwrap();
    let other = BackboneWeights::load(&onnx, weights.arch()).unwrap();
    let network = Network::new(&other, &head).load_record(&record).unwrap();
    let images = Tensor::<4>::from_data(
        TensorData::new(images.to_vec(), [images.len() / shape.iter().product::<usize>(), 1, shape[0], shape[1]]),
        &device,
    );
    let found: Vec<f32> = network.forward(images).into_data().try_into_vec().unwrap();
    assert!(largest_difference(&found, &answer) <= TOLERANCE);
}

#[test]
fn a_pooling_stays_with_the_model_and_needs_a_class_for_cries() {
    let pooled = weights("yamnet.tflite").with_pooling(Pooling::Cry).unwrap();
    assert_eq!(pooled.n_outputs(), 2 * weights("yamnet.tflite").n_outputs());
    assert_eq!(pooled.clone().with_pooling(Pooling::Cry).unwrap(), pooled);
    assert_eq!(pooled.with_pooling(Pooling::Mean).unwrap(), weights("yamnet.tflite"));
    for arch in [Arch::Yamnet, Arch::ResNet18W8] {
        let error = BackboneWeights::random(arch, 1).with_pooling(Pooling::Cry).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
    }
}

#[test]
fn what_yamnet_does_not_take_is_refused() {
    let weights = weights("yamnet.tflite");
    let compute = Compute::new("cpu", "burn").unwrap();
    for shape in [[0, 64], [48, 64], [97, 64], [144, 63], [224, 224]] {
        assert!(matches!(compute.engine(&weights, shape), Err(Error::Argument(_))), "{shape:?}");
    }
    for trainable in [Trainable::Layer4, Trainable::All] {
        let engine = compute.engine_before(trainable, &weights, [96, 64]);
        assert!(engine.err().unwrap().to_string().contains("frozen"));
        assert!(weights.to_trainable(trainable, compute.device()).is_none());
    }
}

/// Depthwise kernels have a fan of their own: with that of all outputs together nothing would come through.
#[test]
fn random_weights_let_the_sound_through() {
    let weights = BackboneWeights::random(Arch::Yamnet, 42);
    assert_eq!((weights.n_outputs(), weights.classifier()), (1024, None));
    let spectrogram: Vec<f32> = (0..96 * 64).map(|i| (i * 7919 % 1021) as f32 / 1020.0 * 8.0 - 6.0).collect();
    let [burn, rten] = engines(&weights, [96, 64]).try_into().ok().unwrap();
    let embedding = burn.embed(&spectrogram).unwrap();
    let size = (embedding.iter().map(|x| x * x).sum::<f32>() / 1024.0).sqrt();
    assert!(size > 0.01 && size < 100.0, "{size}");
    assert!(largest_difference(&embedding, &rten.embed(&spectrogram).unwrap()) < 1e-4 * size.max(1.0));
}
