//! Heads over frames: saved, exported and absorbed, they give the logits of burn. rten's own GRU and LSTM are the reference of ours;
//! `scripts/checks/onnx_check.py` compares with ONNX Runtime.

use std::path::Path;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use model::{
    Arch, AttentionConfig, BackboneWeights, Compute, DeviceName, EngineName, Error, FrozenOutput, Gate, GateInfo, Head,
    HeadConfig, Inputs, ModelInfo, Network, Pooling, RecurrentConfig,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Both sides compute in `float32` but in a different order; the logits are about 1 in magnitude.
const TOLERANCE: f32 = 1e-5;

const N_RECORDS: usize = 6;
const N_CLASSES: usize = 3;

fn heads() -> Vec<HeadConfig> {
    let recurrent = |bidirectional| RecurrentConfig { hidden: 7, dropout: 0.5, bidirectional };
    vec![
        HeadConfig::Attention(AttentionConfig { hidden: 7, dropout: 0.5 }),
        HeadConfig::Gru(recurrent(false)),
        HeadConfig::Gru(recurrent(true)),
        HeadConfig::Lstm(recurrent(false)),
        HeadConfig::Lstm(recurrent(true)),
    ]
}

/// An encoder, its input, and records for it.
struct Encoder {
    weights: BackboneWeights,
    inputs: [(&'static str, [usize; 2]); 1],
    records: Vec<f32>,
}

fn encoders() -> Vec<Encoder> {
    let golden = |file: &str, arch| BackboneWeights::load(&Path::new("tests/goldens").join(file), arch).unwrap();
    let (images, patches) = ([("image", [64, 128])], [("patches", [240, 64])]);
    // Noise whose level changes with time, `moment(index of a value)`: otherwise frames of these narrow networks hardly differ.
    let values = |inputs: &Inputs, moment: fn(usize) -> usize| -> Vec<f32> {
        let (mut rng, length) = (rng(1), inputs[0].1.iter().product::<usize>());
        let levels: Vec<f32> = (0..N_RECORDS * 8).map(|_| rng.random()).collect();
        let level = |i: usize| levels[i / length * 8 + moment(i % length)];
        (0..N_RECORDS * length).map(|i| level(i) * rng.random::<f32>()).collect()
    };
    let patch_values: Vec<f32> = values(&patches, |i| i / (48 * 64)).iter().map(|x| x * 8.0 - 6.0).collect();
    let yamnet = |pooling| Encoder {
        weights: golden("yamnet.tflite", Arch::YAMNET).with_pooling(pooling).unwrap(),
        inputs: patches,
        records: patch_values.clone(),
    };
    let resnet = Encoder {
        weights: golden("torch.safetensors", Arch::RESNET18),
        inputs: images,
        records: values(&images, |i| i % 128 / 32),
    };
    vec![resnet, yamnet(Pooling::Mean), yamnet(Pooling::Cry)]
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

impl Encoder {
    fn frames(&self) -> Vec<f32> {
        let compute = Compute::new(DeviceName::Cpu, EngineName::Burn).unwrap();
        compute.engine_to(FrozenOutput::Frames, &self.weights, &self.inputs).unwrap().embed(&self.records).unwrap()
    }

    fn head(&self, config: &HeadConfig) -> Head {
        Head::new(config, self.weights.frame_len().unwrap(), N_CLASSES, &mut rng(2), &Device::flex())
    }

    fn gate(&self) -> Gate {
        let mut rng = rng(3);
        Gate::new((0..self.weights.n_outputs()).map(|_| rng.random_range(-1.0..1.0)).collect(), 0.1).unwrap()
    }

    fn info(&self, config: &HeadConfig, gate: Option<&Gate>) -> ModelInfo {
        ModelInfo {
            arch: self.weights.arch(),
            labels: ["a", "b", "c"].map(String::from).into(),
            head: config.clone(),
            gate: gate.map(|_| GateInfo { threshold: 0.5, episodes: None, is_encoders_own: false }),
            features: serde_json::Value::Null,
            calibration: serde_json::Value::Null,
            backbone_source: String::new(),
            provenance: serde_json::Value::Null,
        }
    }
}

/// `head` on centred frames, 30 times as large: those of these narrow networks hardly differ.
fn magnifying(head: Head, frames: &[f32]) -> Head {
    let frame_len = head.n_inputs();
    let frames = TensorData::new(frames.to_vec(), [frames.len() / frame_len, frame_len]);
    let mean = Tensor::<2>::from_data(frames, &Device::flex()).mean_dim(0);
    head.absorb(&mean, &(Tensor::eye(frame_len, &Device::flex()) * 30.0))
}

fn assert_near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest <= TOLERANCE, "{what}: {largest}");
}

/// The outputs of an ONNX file in rten.
fn run(file: &Path, encoder: &Encoder, names: &[&str]) -> Vec<Vec<f32>> {
    let graph = rten::Model::load_file(file).unwrap();
    let [height, width] = encoder.inputs[0].1;
    let input = rten::ValueView::from_shape([N_RECORDS, 1, height, width], &encoder.records).unwrap();
    let outputs: Vec<rten::NodeId> = names.iter().map(|name| graph.node_id(name).unwrap()).collect();
    let input = vec![(graph.node_id("input").unwrap(), input.into())];
    let values = graph.run(input, &outputs, None).unwrap();
    values.into_iter().map(|value| value.into_shape_vec::<f32, 2>().unwrap().1).collect()
}

#[test]
fn a_saved_model_gives_the_same_logits_and_scores_in_every_format() {
    for encoder in encoders() {
        let frames = encoder.frames();
        let pooling = encoder.weights.frame_pooling().unwrap();
        let pooled: Vec<f32> =
            frames.chunks(frames.len() / N_RECORDS).flat_map(|frames| pooling.pool(frames)).collect();
        for config in heads() {
            let (head, gate) = (magnifying(encoder.head(&config), &frames), encoder.gate());
            let logits = head.classify(&frames, N_RECORDS).unwrap();
            let what = format!("{} {config:?}", encoder.weights.arch());
            let spread = (logits[0] - logits[logits.len() - N_CLASSES]).abs();
            assert!(spread > 10.0 * TOLERANCE, "{what}: records with equal logits, {spread}");
            for gate in [Some(&gate), None] {
                let (info, folder) = (encoder.info(&config, gate), tempfile::tempdir().unwrap());
                let [plain, onnx] = ["model.safetensors", "model.onnx"].map(|name| folder.path().join(name));
                model::save_model(&plain, &info, &encoder.weights, &head, gate).unwrap();
                model::save_onnx(&onnx, &info, &encoder.weights, &head, gate, &encoder.inputs).unwrap();
                let outputs = run(&onnx, &encoder, if gate.is_some() { &["logits", "cry"] } else { &["logits"] });
                assert_near(&outputs[0], &logits, &what);
                if let Some(gate) = gate {
                    assert_near(&outputs[1], &gate.scores(&pooled), &format!("{what}, the gate"));
                }
                for path in [&plain, &onnx] {
                    let saved = model::load_model(path, &Device::flex()).unwrap();
                    assert_eq!((&saved.info, saved.gate.as_ref()), (&info, gate), "{what}");
                    assert_eq!(saved.weights.fingerprint(), encoder.weights.fingerprint(), "{what}");
                    assert_eq!(saved.head.classify(&frames, N_RECORDS).unwrap(), logits, "{what}");
                }
            }
            let network = Network::new(&encoder.weights, &head).unwrap();
            let [height, width] = encoder.inputs[0].1;
            let records = TensorData::new(encoder.records.clone(), [N_RECORDS, 1, height, width]);
            let found = network.forward(&[Tensor::from_data(records, &Device::flex())]).unwrap();
            assert_near(&found.into_data().try_into_vec::<f32>().unwrap(), &logits, &what);
        }
    }
}

#[test]
fn a_head_that_absorbed_a_map_of_frames_gives_the_logits_of_mapped_frames() {
    let (frame_len, n_frames, device) = (5, 4, Device::flex());
    let mut rng = rng(4);
    let mut values = |n: usize| (0..n).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
    let frames =
        Tensor::<2>::from_data(TensorData::new(values(3 * n_frames * frame_len), [3 * n_frames, frame_len]), &device);
    let mean = Tensor::<2>::from_data(TensorData::new(values(frame_len), [1, frame_len]), &device);
    let matrix = Tensor::<2>::from_data(TensorData::new(values(frame_len * frame_len), [frame_len; 2]), &device);
    let mapped = (frames.clone() - mean.clone()).matmul(matrix.clone());
    for config in heads() {
        let head = Head::new(&config, frame_len, N_CLASSES, &mut self::rng(5), &device);
        let logits = |head: &Head, frames: &Tensor<2>| {
            let rows = frames.clone().reshape([3, n_frames * frame_len]);
            head.logits(rows).into_data().try_into_vec::<f32>().unwrap()
        };
        assert_near(&logits(&head.absorb(&mean, &matrix), &frames), &logits(&head, &mapped), &format!("{config:?}"));
    }
}

#[test]
fn every_weight_of_a_head_learns_and_the_order_of_frames_matters_only_to_recurrent_heads() {
    let (frame_len, n_frames) = (5, 4);
    let device = Device::flex().autodiff();
    let rows: Vec<f32> = (0..2 * n_frames * frame_len).map(|i| (i * 7919 % 1021) as f32 / 1020.0 - 0.5).collect();
    let backwards: Vec<f32> =
        rows.chunks(n_frames * frame_len).flat_map(|row| row.chunks(frame_len).rev().flatten().copied()).collect();
    for (config, n_tensors) in heads().into_iter().zip([8, 6, 10, 6, 10]) {
        let head = Head::new(&config, frame_len, N_CLASSES, &mut rng(6), &device);
        let inputs = Tensor::from_data(TensorData::new(rows.clone(), [2, n_frames * frame_len]), &device);
        let gradients = head.forward_train(inputs, &mut rng(7)).powf_scalar(2.0).sum().backward();
        assert_eq!(GradientsParams::from_grads(gradients, &head).len(), n_tensors, "{config:?}");
        let head = head.valid();
        let [forwards, backwards] = [&rows, &backwards].map(|rows| head.classify(rows, 2).unwrap());
        let is_equal = forwards.iter().zip(&backwards).all(|(a, b)| (a - b).abs() < TOLERANCE);
        assert_eq!(is_equal, !config.kind().is_recurrent(), "{config:?}");
    }
}

#[test]
fn heads_that_do_not_fit_are_refused() {
    let yamnet = &encoders()[1];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let save = |weights: &BackboneWeights, config: &HeadConfig, head: &Head| {
        let error = model::save_model(&path, &yamnet.info(config, None), weights, head, None).unwrap_err();
        assert!(matches!(error.cause(), Error::Argument(_)), "{error}");
        error.to_string()
    };
    let gru = |hidden, bidirectional| HeadConfig::Gru(RecurrentConfig { hidden, dropout: 0.0, bidirectional });
    let head = yamnet.head(&gru(8, false));
    for (config, expected) in [
        (gru(9, false), "1 directions of 8 hidden units, but its settings say 1 of 9"),
        (gru(8, true), "1 directions of 8 hidden units, but its settings say 2 of 8"),
        (HeadConfig::Attention(AttentionConfig { hidden: 8, dropout: 0.0 }), "which say attention"),
        (gru(0, false), "hidden = 0: must be 1 to 4096"),
    ] {
        let message = save(&yamnet.weights, &config, &head);
        assert!(message.contains(expected), "{message}");
    }
    let longer = Head::new(&gru(8, false), yamnet.weights.n_outputs() + 1, N_CLASSES, &mut rng(8), &Device::flex());
    let message = save(&yamnet.weights, &gru(8, false), &longer);
    assert!(message.contains("inputs, but the length of a frame is"), "{message}");
    let both = BackboneWeights::random("resnet18-w8+yamnet".parse().unwrap(), 1).unwrap();
    let info = ModelInfo { arch: both.arch(), ..yamnet.info(&gru(8, false), None) };
    let error = model::save_model(&path, &info, &both, &head, None).unwrap_err().to_string();
    assert!(error.contains("resnet18-w8+yamnet gives no frames"), "{error}");
    assert!(Network::new(&both, &head).is_err());
}
