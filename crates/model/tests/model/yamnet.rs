//! A narrow YAMNet against ONNX Runtime: from each kind of file, with each engine, and through a saved model. The goldens
//! come from `scripts/goldens/yamnet_golden.py`.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use model::{
    Arch, BackboneWeights, Compute, DeviceName, EngineName, Error, FrozenOutput, Head, HeadConfig, Inputs, ModelInfo,
    Network, Pooling, Trainable,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

/// Both sides compute in `float32` but in a different order; the embeddings are about 1 in magnitude.
const TOLERANCE: f32 = 1e-5;

/// Classes of the narrow YAMNet.
const N_CLASSES: usize = 21;

#[derive(Deserialize)]
struct Expected {
    images: usize,
    frames: usize,
    embeddings: Vec<f32>,
    cry_embeddings: Vec<f32>,
    scores: Vec<f32>,
    float16_scores: Vec<f32>,
}

impl Expected {
    /// What [`Pooling::Cry`] gives: mean and standard deviation, then the highest logit of class 19 in any patch.
    fn with_cry_logits(&self) -> Vec<f32> {
        let n_patches = self.frames / 48 - 1;
        let statistics = self.cry_embeddings.chunks(self.cry_embeddings.len() / self.images);
        let rows = statistics.zip(self.scores.chunks(n_patches * N_CLASSES)).flat_map(|(statistics, scores)| {
            let highest = scores.chunks(N_CLASSES).map(|scores| scores[19]).fold(0.0, f32::max);
            [statistics, &[(highest / (1.0 - highest)).ln()]].concat()
        });
        rows.collect()
    }
}

fn expected() -> Expected {
    serde_json::from_str(&std::fs::read_to_string("tests/goldens/yamnet.json").unwrap()).unwrap()
}

fn weights(file: &str) -> BackboneWeights {
    BackboneWeights::load(&Path::new("tests/goldens").join(file), Arch::YAMNET).unwrap()
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

fn engines(weights: &BackboneWeights, inputs: &Inputs) -> Vec<Box<dyn model::Engine>> {
    [EngineName::Simd, EngineName::Burn, EngineName::Rten]
        .map(|name| Compute::new(DeviceName::Cpu, name).unwrap().engine(weights, inputs).unwrap())
        .into()
}

#[test]
fn embeddings_and_scores_match_onnx_runtime() {
    let expected = expected();
    let images = spectrograms(&expected);
    for file in ["yamnet.tflite", "yamnet.onnx"] {
        let weights = weights(file);
        for engine in engines(&weights, &[("patches", [expected.frames, 64])]) {
            let error = largest_difference(&engine.embed(&images).unwrap(), &expected.embeddings);
            assert!(error <= TOLERANCE, "{file}: {error}");
        }
        for engine in
            engines(&weights.clone().with_pooling(Pooling::Cry).unwrap(), &[("patches", [expected.frames, 64])])
        {
            let error = largest_difference(&engine.embed(&images).unwrap(), &expected.with_cry_logits());
            assert!(error <= TOLERANCE, "{file}, weighted by cries: {error}");
        }
        check_scores(file, &expected, &expected.scores);
    }
}

/// A short sound is repeated until the record is full. The CPU engine computes equal patches once, burn each.
#[test]
fn a_spectrogram_that_repeats_gives_the_same_with_every_engine() {
    let patch = &spectrograms(&expected())[..96 * 64];
    let inputs = [("patches", [96 * 3, 64])];
    for pooling in [Pooling::Mean, Pooling::Cry] {
        let weights = weights("yamnet.tflite").with_pooling(pooling).unwrap();
        let found: Vec<Vec<f32>> =
            engines(&weights, &inputs).iter().map(|engine| engine.embed(&patch.repeat(3)).unwrap()).collect();
        let error = found.iter().map(|other| largest_difference(&found[0], other)).fold(0.0, f32::max);
        assert!(error <= TOLERANCE, "{pooling:?}: {error}");
    }
}

/// The runtime widens `float16` to `float32` before it computes.
#[test]
fn weights_in_float16_match_the_tflite_runtime() {
    let expected = expected();
    check_scores("yamnet_float16.tflite", &expected, &expected.float16_scores);
}

/// Fails unless the classifier of `file` gives these scores for each patch of the spectrograms.
fn check_scores(file: &str, expected: &Expected, scores: &[f32]) {
    let patches: Vec<f32> = spectrograms(expected)
        .chunks(expected.frames * 64)
        .flat_map(|image| image.windows(96 * 64).step_by(48 * 64).flatten().copied().collect::<Vec<_>>())
        .collect();
    let weights = weights(file);
    let classifier = weights.classifier().unwrap();
    for engine in engines(&weights, &[("patches", [96, 64])]) {
        let error = largest_difference(&classifier.scores(&engine.embed(&patches).unwrap()), scores);
        assert!(error <= TOLERANCE, "{file}: {error}");
    }
}

#[test]
fn one_class_is_a_row_of_the_classifier() {
    let weights = weights("yamnet.tflite");
    let classifier = weights.classifier().unwrap();
    assert_eq!(classifier.n_classes(), N_CLASSES);
    let embedding: Vec<f32> = (0..weights.n_outputs()).map(|i| (i % 5) as f32 / 5.0).collect();
    let (row, bias) = classifier.class(3).unwrap();
    let logit = row.iter().zip(&embedding).map(|(w, x)| w * x).sum::<f32>() + bias;
    let score = classifier.scores(&embedding)[3];
    assert!((score - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-6);
    assert!(classifier.class(21).is_none());
}

#[test]
fn a_saved_model_gives_equal_results_in_every_format() {
    let plain = weights("yamnet.tflite");
    let expected = expected();
    for pooling in [Pooling::Mean, Pooling::Cry] {
        let weights = plain.clone().with_pooling(pooling).unwrap();
        assert_equal_results(&weights, &spectrograms(&expected), &[("patches", [expected.frames, 64])]);
        let (both, records) = beside_a_resnet(&weights, &expected);
        assert_equal_results(&both, &records, &both_inputs(&expected));
    }
}

/// Side of the ResNet's images.
const SIDE: usize = 40;

/// Adds a random ResNet. A record holds an image, then the spectrogram.
fn beside_a_resnet(yamnet: &BackboneWeights, expected: &Expected) -> (BackboneWeights, Vec<f32>) {
    let both = BackboneWeights::random(Arch::RESNET18_W8, 1).unwrap().beside(yamnet.clone()).unwrap();
    assert_eq!(both.arch(), Arch::RESNET18_W8.beside(Arch::YAMNET).unwrap());
    let spectrograms = spectrograms(expected);
    let record = |spectrogram: &[f32]| [&squares()[..SIDE * SIDE], spectrogram].concat();
    let records = spectrograms.chunks(expected.frames * 64).flat_map(record).collect();
    (both, records)
}

fn both_inputs(expected: &Expected) -> [(&'static str, [usize; 2]); 2] {
    [("image", [SIDE; 2]), ("patches", [expected.frames, 64])]
}

/// An image for each spectrogram.
fn squares() -> Vec<f32> {
    (0..2 * SIDE * SIDE).map(|i| (i % (SIDE * SIDE) * 7919 % 1021) as f32 / 1020.0).collect()
}

#[test]
fn two_networks_embed_as_each_does_alone() {
    let expected = expected();
    let yamnet = weights("yamnet.tflite").with_pooling(Pooling::Cry).unwrap();
    let (both, records) = beside_a_resnet(&yamnet, &expected);
    let inputs = both_inputs(&expected);
    let resnet = BackboneWeights::random(Arch::RESNET18_W8, 1).unwrap();
    assert_eq!(both.n_outputs(), resnet.n_outputs() + yamnet.n_outputs());
    assert_eq!(both.cry_logit(), Some(both.n_outputs() - 1));
    let of_squares =
        engines(&resnet, &inputs[..1]).iter().map(|engine| engine.embed(&squares()).unwrap()).collect::<Vec<_>>();
    for (engine, of_squares) in engines(&both, &inputs).iter().zip(of_squares) {
        let found = engine.embed(&records).unwrap();
        let expected = expected.with_cry_logits();
        let rows = of_squares.chunks(resnet.n_outputs()).zip(expected.chunks(yamnet.n_outputs()));
        let separate: Vec<f32> = rows.flat_map(|(square, cry)| [square, cry].concat()).collect();
        let size = separate.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
        assert!(largest_difference(&found, &separate) <= TOLERANCE * size);
    }
    // The record is in the caller's order, the embedding in the architecture's.
    let turned = yamnet.clone().beside(resnet.clone()).unwrap();
    assert_eq!(turned.arch().to_string(), "yamnet+resnet18-w8");
    let [cry, square] = [yamnet.n_outputs(), resnet.n_outputs()];
    assert_eq!(turned.cry_logit(), Some(cry - 1));
    for (turned, both) in engines(&turned, &inputs).iter().zip(engines(&both, &inputs)) {
        let (turned, both) = (turned.embed(&records).unwrap(), both.embed(&records).unwrap());
        for (turned, both) in turned.chunks(cry + square).zip(both.chunks(cry + square)) {
            assert_eq!([&turned[cry..], &turned[..cry]].concat(), both);
        }
    }
    let compute = Compute::new(DeviceName::Cpu, EngineName::Burn).unwrap();
    for wrong in [
        &inputs[..1],
        &inputs[1..],
        &[("image", [0, SIDE]), inputs[1]],
        &[("image", [SIDE, 0]), inputs[1]],
        &[inputs[0], ("patches", [97, 64])],
        &[inputs[0], inputs[1], ("sound", [1, 1])],
    ] {
        assert!(matches!(compute.engine(&both, wrong), Err(Error::Argument(_))), "{wrong:?}");
    }
    assert!(compute.engine_to(FrozenOutput::Before(Trainable::Layer4), &both, &inputs).is_err());
    assert!(yamnet.clone().beside(yamnet).is_err() && resnet.clone().beside(resnet).is_err());
}

/// Runs the file in rten: one named input per network, YAMNet's as separate patches.
#[test]
fn the_onnx_file_of_two_networks_has_named_inputs_and_gives_the_engines_logits() {
    let expected = expected();
    let yamnet = weights("yamnet.tflite").with_pooling(Pooling::Cry).unwrap();
    let (both, records) = beside_a_resnet(&yamnet, &expected);
    let inputs = both_inputs(&expected);
    let (info, head) = model_of(&both);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    model::save_onnx(&path, &info, &both, &head, None, &inputs).unwrap();

    let file = rten::Model::load_file(&path).unwrap();
    let names: Vec<&str> = file.input_ids().iter().map(|id| file.node_info(*id).unwrap().name().unwrap()).collect();
    assert_eq!(names, ["image", "patches"]);
    let (squares, spectrograms) = (squares(), spectrograms(&expected));
    let patches: Vec<f32> = spectrograms
        .chunks(expected.frames * 64)
        .flat_map(|spectrogram| spectrogram.windows(96 * 64).step_by(48 * 64).flatten().copied())
        .collect();
    let image = rten::ValueView::from_shape([2, 1, SIDE, SIDE], &squares).unwrap();
    let patches = rten::ValueView::from_shape([2, expected.frames / 48 - 1, 96, 64], &patches).unwrap();
    let id = |name: &str| file.node_id(name).unwrap();
    let values = vec![(id("image"), image.into()), (id("patches"), patches.into())];
    let [logits]: [rten::Value; 1] = file.run_n(values, [id("logits")], None).unwrap();
    let (_, logits) = logits.into_shape_vec::<f32, 2>().unwrap();
    for engine in engines(&both, &inputs) {
        let found = head.classify(&engine.embed(&records).unwrap(), 2).unwrap();
        assert!(largest_difference(&found, &logits) <= TOLERANCE);
    }
}

/// A head for an encoder of any kind, and its metadata.
fn model_of(weights: &BackboneWeights) -> (ModelInfo, Head) {
    let config = HeadConfig::mlp(4, 0.0);
    let head = Head::new(&config, weights.n_outputs(), 3, &mut ChaCha8Rng::seed_from_u64(1), &Device::flex());
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
    (info, head)
}

fn assert_equal_results(weights: &BackboneWeights, records: &[f32], inputs: &Inputs) {
    let device = Device::flex();
    let (info, head) = model_of(weights);
    let folder = tempfile::tempdir().unwrap();
    let [plain, onnx] = ["model.safetensors", "model.onnx"].map(|name| folder.path().join(name));
    model::save_model(&plain, &info, weights, &head, None).unwrap();
    model::save_onnx(&onnx, &info, weights, &head, None, inputs).unwrap();
    let compute = Compute::new(DeviceName::Cpu, EngineName::Burn).unwrap();
    let answer = head.classify(&compute.engine(weights, inputs).unwrap().embed(records).unwrap(), 2).unwrap();
    for path in [&plain, &onnx] {
        let saved = model::load_model(path, &device).unwrap();
        assert_eq!((&saved.info, saved.weights.fingerprint()), (&info, weights.fingerprint()));
        let embeddings = compute.engine(&saved.weights, inputs).unwrap().embed(records).unwrap();
        assert_eq!(saved.head.classify(&embeddings, 2).unwrap(), answer);
    }

    let record = folder.path().join("model.bpk");
    Network::new(weights, &head).unwrap().save_record(&record).unwrap();
    let other = BackboneWeights::load(&onnx, weights.arch()).unwrap();
    let network = Network::new(&other, &head).unwrap().load_record(&record).unwrap();
    let length: usize = inputs.iter().map(|(_, [height, width])| height * width).sum();
    let mut start = 0;
    let tensors: Vec<Tensor<4>> = inputs
        .iter()
        .map(|(_, [height, width])| {
            let input = start..start + height * width;
            start = input.end;
            let values: Vec<f32> = records.chunks(length).flat_map(|record| &record[input.clone()]).copied().collect();
            Tensor::from_data(TensorData::new(values, [records.len() / length, 1, *height, *width]), &device)
        })
        .collect();
    let found: Vec<f32> = network.forward(&tensors).unwrap().into_data().try_into_vec().unwrap();
    assert!(largest_difference(&found, &answer) <= TOLERANCE);
    assert!(network.forward(&[]).is_err());
}

#[test]
fn the_pooling_is_saved_with_the_model_and_needs_a_class_for_cries() {
    let pooled = weights("yamnet.tflite").with_pooling(Pooling::Cry).unwrap();
    assert_eq!(pooled.n_outputs(), 2 * weights("yamnet.tflite").n_outputs() + 1);
    assert_eq!(pooled.cry_logit(), Some(pooled.n_outputs() - 1));
    assert_eq!(weights("yamnet.tflite").cry_logit(), None);
    assert_eq!(pooled.clone().with_pooling(Pooling::Cry).unwrap(), pooled);
    assert_eq!(pooled.with_pooling(Pooling::Mean).unwrap(), weights("yamnet.tflite"));
    for arch in [Arch::YAMNET, Arch::RESNET18_W8] {
        let error = BackboneWeights::random(arch, 1).unwrap().with_pooling(Pooling::Cry).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
    }
}

#[test]
fn shapes_that_yamnet_does_not_take_and_training_it_are_refused() {
    let weights = weights("yamnet.tflite");
    let compute = Compute::new(DeviceName::Cpu, EngineName::Burn).unwrap();
    for shape in [[0, 64], [48, 64], [97, 64], [144, 63], [224, 224]] {
        assert!(matches!(compute.engine(&weights, &[("patches", shape)]), Err(Error::Argument(_))), "{shape:?}");
    }
    for trainable in [Trainable::Layer4, Trainable::All] {
        let engine = compute.engine_to(FrozenOutput::Before(trainable), &weights, &[("patches", [96, 64])]);
        assert!(engine.err().unwrap().to_string().contains("frozen"));
        assert!(weights.to_trainable(trainable, compute.device()).is_none());
    }
}

/// Depthwise kernels have their own fan: with the fan of all outputs together, the embedding would vanish.
#[test]
fn embeddings_of_random_weights_have_a_usable_size() {
    let weights = BackboneWeights::random(Arch::YAMNET, 42).unwrap();
    assert_eq!((weights.n_outputs(), weights.classifier()), (1024, None));
    let spectrogram: Vec<f32> = (0..96 * 64).map(|i| (i * 7919 % 1021) as f32 / 1020.0 * 8.0 - 6.0).collect();
    let embeddings = engines(&weights, &[("patches", [96, 64])]).into_iter().map(|engine| engine.embed(&spectrogram));
    let embeddings: Vec<Vec<f32>> = embeddings.collect::<Result<_, _>>().unwrap();
    let size = (embeddings[0].iter().map(|x| x * x).sum::<f32>() / 1024.0).sqrt();
    assert!(size > 0.01 && size < 100.0, "{size}");
    for other in &embeddings[1..] {
        assert!(largest_difference(&embeddings[0], other) < 1e-4 * size.max(1.0));
    }
}
