//! Saved models and heads load exactly as they were saved; damaged files are refused.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use model::{
    Arch, BackboneInfo, BackboneWeights, CheckpointInfo, Compute, DeviceName, EngineName, Error, Gate, GateInfo, Head,
    HeadConfig, Logistic, ModelInfo, Network, Trainable,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The input of the small network.
const IMAGES: [(&str, [usize; 2]); 1] = [("image", [64; 2])];

const FORMATS: [&str; 2] = ["safetensors", "onnx"];

struct Fixture {
    folder: tempfile::TempDir,
    device: Device,
    weights: BackboneWeights,
    info: ModelInfo,
    head: Head,
    gate: Option<Gate>,
}

/// One head of each kind.
fn heads() -> [HeadConfig; 2] {
    [HeadConfig::mlp(16, 0.5), HeadConfig::logistic(0.5)]
}

impl Fixture {
    fn new() -> Fixture {
        Self::with_head(HeadConfig::mlp(16, 0.5))
    }

    fn with_head(config: HeadConfig) -> Fixture {
        let golden = Path::new("tests/goldens/torch.safetensors");
        let weights = BackboneWeights::load(golden, Arch::RESNET18).unwrap();
        let device = Device::flex();
        let head = random_head(&config, weights.n_outputs(), &device, 3);
        let info = ModelInfo {
            arch: Arch::RESNET18,
            labels: ["belly pain", "hungry", "tired"].map(String::from).to_vec(),
            head: config,
            gate: Some(GateInfo { threshold: 0.25, episodes: None, is_encoders_own: false }),
            features: serde_json::json!({"n_mels": 128}),
            calibration: serde_json::json!({"temperature": 1.5}),
            backbone_source: "tests/goldens/torch.safetensors".into(),
            provenance: serde_json::json!({"seed": 42}),
        };
        let gate = Gate::new((0..24).map(|i| (i as f32 - 12.0) / 4.0).collect(), 1.8).unwrap();
        Fixture { folder: tempfile::tempdir().unwrap(), device, weights, info, head, gate: Some(gate) }
    }

    fn path(&self, format: &str) -> PathBuf {
        self.folder.path().join(format!("model.{format}"))
    }

    /// Saves the model as `safetensors` or `onnx`.
    fn save(&self, format: &str) -> PathBuf {
        let path = self.path(format);
        let Fixture { info, weights, head, gate, .. } = self;
        match format {
            "onnx" => model::save_onnx(&path, info, weights, head, gate.as_ref(), &IMAGES).unwrap(),
            _ => model::save_model(&path, info, weights, head, gate.as_ref()).unwrap(),
        }
        path
    }

    fn try_save(&self, path: &Path) -> Result<(), Error> {
        model::save_model(path, &self.info, &self.weights, &self.head, self.gate.as_ref())
    }

    /// The error of loading a saved model after the last occurrence of `old` was replaced by `new`, which has the same
    /// length.
    fn load_with(&self, format: &str, old: &str, new: &str) -> Error {
        assert_eq!(old.len(), new.len());
        let path = self.save(format);
        let mut bytes = std::fs::read(&path).unwrap();
        let place = bytes.windows(old.len()).rposition(|window| window == old.as_bytes()).expect(old);
        bytes[place..place + old.len()].copy_from_slice(new.as_bytes());
        std::fs::write(&path, bytes).unwrap();
        model::load_model(&path, &self.device).unwrap_err()
    }
}

fn random_head(config: &HeadConfig, n_inputs: usize, device: &Device, seed: u64) -> Head {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    match config {
        HeadConfig::Logistic(_) => {
            let mut numbers = |n| (0..n).map(|_| rng.random_range(-0.5..0.5)).collect::<Vec<f32>>();
            Head::Logistic(Logistic::new(numbers(3 * n_inputs), numbers(3), device))
        }
        _ => Head::new(config, n_inputs, 3, &mut rng, device),
    }
}

fn logits(head: &Head) -> Vec<f32> {
    let n_inputs = head.n_inputs();
    let embeddings = (0..2 * n_inputs).map(|i| (i % 7) as f32 / 7.0 - 0.2).collect();
    let embeddings = Tensor::<2>::from_data(TensorData::new(embeddings, [2, n_inputs]), &Device::flex());
    head.forward(embeddings).into_data().try_into_vec().unwrap()
}

#[test]
fn a_model_comes_back_bit_for_bit_with_or_without_a_gate() {
    let mut without = Fixture::new();
    (without.info.gate, without.gate) = (None, None);
    let fixtures = heads().map(Fixture::with_head).into_iter().chain([without]);
    for (fixture, format) in fixtures.collect::<Vec<_>>().iter().flat_map(|f| FORMATS.map(|format| (f, format))) {
        let saved = model::load_model(&fixture.save(format), &fixture.device).unwrap();
        assert_eq!(saved.info, fixture.info, "{format}");
        assert_eq!(saved.weights, fixture.weights, "{format}");
        assert_eq!(saved.gate, fixture.gate, "{format}");
        assert_eq!(logits(&saved.head), logits(&fixture.head), "{format}");
        assert_eq!(BackboneWeights::load(&fixture.path(format), Arch::RESNET18).unwrap(), fixture.weights, "{format}");
    }
}

#[test]
fn equal_models_are_equal_bytes_and_readable_by_others() {
    let fixture = Fixture::new();
    for format in FORMATS {
        let first = std::fs::read(fixture.save(format)).unwrap();
        assert_eq!(std::fs::read(fixture.save(format)).unwrap(), first);
    }
    assert_eq!(std::fs::read_dir(fixture.folder.path()).unwrap().count(), FORMATS.len(), "a temporary file is left");

    let bytes = std::fs::read(fixture.path("safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), 2 * 20 + 4 + 2);
    assert_eq!(file.tensor("conv1.weight").unwrap().shape(), [3, 1, 7, 7]);
    assert_eq!(file.tensor("head.0.weight").unwrap().shape(), [16, 24]);
    assert_eq!(file.tensor("head.1.bias").unwrap().shape(), [3]);
    assert_eq!(file.tensor("gate.weight").unwrap().shape(), [1, 24]);
    assert_eq!(file.tensor("gate.bias").unwrap().shape(), [1]);
}

/// Runs the file in rten and compares with our engines; `scripts/checks/onnx_check.py` does the same with ONNX Runtime.
#[test]
fn the_onnx_file_gives_the_engines_logits_and_scores() {
    heads().into_iter().for_each(|head| the_onnx_file_agrees(&Fixture::with_head(head)));
}

fn the_onnx_file_agrees(fixture: &Fixture) {
    let file = rten::Model::load_file(fixture.save("onnx")).unwrap();
    let images: Vec<f32> = (0..64 * 64 * 64).map(|i| (i * 7919 % 1021) as f32 / 1020.0).collect();
    let input = rten::ValueView::from_shape([64, 1, 64, 64], &images).unwrap();
    let outputs = ["logits", "cry"].map(|name| file.node_id(name).unwrap());
    let input_id = file.node_id("input").unwrap();
    let [logits, cry]: [rten::Value; 2] = file.run_n(vec![(input_id, input.into())], outputs, None).unwrap();
    let ((shape, expected), (cry_shape, cry)) =
        (logits.into_shape_vec::<f32, 2>().unwrap(), cry.into_shape_vec::<f32, 2>().unwrap());
    assert_eq!((shape, cry_shape), ([64, 3], [64, 1]));
    assert!(cry.iter().any(|score| *score > 0.1 && *score < 0.9), "scores that could be wrong: {cry:?}");
    for name in [EngineName::Burn, EngineName::Rten] {
        let engine = Compute::new(DeviceName::Cpu, name).unwrap().engine(&fixture.weights, &IMAGES).unwrap();
        let embeddings = engine.embed(&images).unwrap();
        let logits = fixture.head.classify(&embeddings, 64).unwrap();
        let scores = fixture.gate.as_ref().unwrap().scores(&embeddings);
        for (a, b) in logits.iter().zip(&expected).chain(scores.iter().zip(&cry)) {
            assert!((a - b).abs() < 1e-5, "{name:?}, {}: {a} {b}", fixture.info.head.kind());
        }
    }
}

#[test]
fn a_burn_record_comes_back_bit_for_bit() {
    heads().into_iter().for_each(|head| the_burn_record_comes_back(&Fixture::with_head(head)));
}

fn the_burn_record_comes_back(fixture: &Fixture) {
    let path = fixture.path("bpk");
    let network = Network::new(&fixture.weights, &fixture.head).unwrap();
    network.save_record(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();

    let other = random_head(&fixture.info.head, 24, &fixture.device, 4);
    let fresh = || Network::new(&fixture.weights, &other).unwrap();
    let loaded = fresh().load_record(&path).unwrap();
    assert_eq!(logits(&loaded.head), logits(&fixture.head));
    let images = || Tensor::<4>::from_data(TensorData::new(vec![0.5_f32; 64 * 64], [1, 1, 64, 64]), &fixture.device);
    let numbers = |network: &Network| network.forward(&[images()]).unwrap().into_data().try_into_vec::<f32>().unwrap();
    assert_eq!(numbers(&loaded), numbers(&network));
    loaded.save_record(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);

    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(fresh().load_record(&path).unwrap_err().cause(), Error::Malformed(_)));
}

#[test]
fn a_head_comes_back_bit_for_bit() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("checkpoint.safetensors");
    let info = CheckpointInfo {
        head: fixture.info.head.clone(),
        trained: Trainable::None,
        calibration: serde_json::Value::Null,
    };
    model::save_checkpoint(&path, &info, &fixture.weights, &fixture.head).unwrap();
    let (found, weights, head) = model::load_checkpoint(&path, fixture.weights.clone(), &fixture.device).unwrap();
    assert_eq!((found, weights.fingerprint()), (info.clone(), fixture.weights.fingerprint()));
    assert_eq!(logits(&head), logits(&fixture.head));

    let error = model::load_model(&path, &fixture.device).unwrap_err();
    assert!(error.to_string().contains("it is a wail-checkpoint, expected a wail-model"), "{error}");
    let wrong = CheckpointInfo { head: HeadConfig::mlp(9, 0.0), ..info };
    let error = model::save_checkpoint(&path, &wrong, &fixture.weights, &head).unwrap_err();
    assert!(error.to_string().contains("inner units, but its settings say 9"), "{error}");
}

#[test]
fn changed_files_are_refused() {
    let fixture = Fixture::new();
    let cases = [
        ("safetensors", r#"\"version\":1"#, r#"\"version\":2"#, "wail-model version 2"),
        ("safetensors", "hungry", "thirst", "the file is damaged"),
        ("safetensors", "layer1.0.conv1.bias", "layer1.0.conv9.bias", "layer1.0.conv9.bias"),
        ("safetensors", "gate.bias", "gate.base", "gate.bias"),
        ("safetensors", r#""shape":[1,24]"#, r#""shape":[24,1]"#, "shape [24, 1], expected [1, 24]"),
        ("safetensors", r#""shape":[16,24]"#, r#""shape":[24,16]"#, "shape [16], expected [24]"),
        ("safetensors", r#""dtype":"F32""#, r#""dtype":"F16""#, "does not fit"),
        ("safetensors", r#"\"labels\""#, r#"\"lables\""#, "lables"),
        ("onnx", r#""version":1"#, r#""version":2"#, "wail-model version 2"),
        ("onnx", "hungry", "thirst", "the file is damaged"),
        ("onnx", "layer1.0.conv1.bias", "layer1.0.conv9.bias", "layer1.0.conv1.bias`: missing"),
        ("onnx", "GlobalAveragePool", "GlobalMaximumPool", "GlobalMaximumPool"),
        ("onnx", "head.1.weight", "head.9.weight", "head.1.weight"),
    ];
    for (format, old, new, text) in cases {
        let error = fixture.load_with(format, old, new);
        assert!(error.to_string().contains(text), "{old}: {error}");
        assert!(error.to_string().contains(&format!("model.{format}")), "{old}: {error}");
    }

    for format in FORMATS {
        let path = fixture.save(format);
        let good = std::fs::read(&path).unwrap();
        for length in (0..good.len()).step_by(977).chain([good.len() - 1]) {
            std::fs::write(&path, &good[..length]).unwrap();
            assert!(model::load_model(&path, &fixture.device).is_err(), "{format} cut to {length} bytes");
        }
        // The value names of an ONNX file may change: the file must give the same weights, or none.
        for place in (0..good.len()).step_by(211) {
            let mut bytes = good.clone();
            bytes[place] ^= 0x10;
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(read) = model::load_model(&path, &fixture.device) {
                assert!(format == "onnx" && read.weights == fixture.weights, "{format}: byte {place} changed");
                assert_eq!((&read.info, logits(&read.head)), (&fixture.info, logits(&fixture.head)), "byte {place}");
                assert_eq!(read.gate, fixture.gate, "byte {place}");
            }
        }
    }
}

/// As the weights of a run: through [`model::load_backbone`].
#[test]
fn damaged_and_newer_files_give_no_weights() {
    let fixture = Fixture::new();
    let backbone = fixture.folder.path().join("backbone.safetensors");
    let (features, provenance) = (serde_json::json!({"n_mels": 128}), serde_json::json!({"seed": 42}));
    let info = BackboneInfo { arch: Arch::RESNET18, features, provenance, cry_direction: None };
    model::save_backbone(&backbone, &info, &fixture.weights).unwrap();
    for path in [backbone.clone(), fixture.save("safetensors"), fixture.save("onnx")] {
        let case = path.display();
        let good = std::fs::read(&path).unwrap();
        let load = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            model::load_backbone(&path, Arch::RESNET18)
        };
        let (mut refused, expected) = (0, load(&good).unwrap());
        for place in (0..good.len()).step_by(331) {
            let mut bytes = good.clone();
            bytes[place] ^= 1;
            match load(&bytes) {
                // The names of values in a graph may change.
                Ok(read) => assert!(read == expected && path.ends_with("model.onnx"), "{case}: byte {place} changed"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > good.len() / 331 / 2, "{case}");

        let edited = |old: &str, new: &str| {
            let mut bytes = good.clone();
            let place = bytes.windows(old.len()).position(|window| window == old.as_bytes()).expect(old);
            bytes.splice(place..place + old.len(), new.bytes());
            bytes
        };
        let quote = if path.ends_with("model.onnx") { "\"" } else { "\\\"" };
        let newer = edited(&format!("version{quote}:1"), &format!("version{quote}:2"));
        let error = load(&newer).unwrap_err().to_string();
        let kind = if path == backbone { "wail-backbone" } else { "wail-model" };
        assert!(error.contains(&format!("{kind} version 2: this program reads version 1")), "{error}");
        let error = load(&edited(&format!("{quote}features{quote}"), &format!("{quote}featured{quote}"))).unwrap_err();
        assert!(error.to_string().contains(&format!("{kind}, version 1")), "{error}");
        let source = std::error::Error::source(error.cause()).expect("the source is kept");
        assert!(source.downcast_ref::<serde_json::Error>().is_some(), "{source}");
        // Without its description, the file would pass for weights from elsewhere.
        let [key, other] = if path.ends_with("model.onnx") { ["\n\u{4}wail", "\n\u{4}wall"] } else { ["wail", "wall"] };
        let error = load(&edited(key, other)).unwrap_err().to_string();
        assert!(error.contains("the file is damaged"), "{case}: {error}");
    }

    let checkpoint = fixture.folder.path().join("checkpoint.safetensors");
    let calibration = fixture.info.calibration.clone();
    let info = CheckpointInfo { head: fixture.info.head.clone(), trained: Trainable::All, calibration };
    model::save_checkpoint(&checkpoint, &info, &fixture.weights, &fixture.head).unwrap();
    let error = model::load_backbone(&checkpoint, Arch::RESNET18).unwrap_err().to_string();
    assert!(error.contains("it is a wail-checkpoint"), "{error}");
}

#[test]
fn weights_are_not_a_model() {
    let fixture = Fixture::new();
    let golden = Path::new("tests/goldens/torch.safetensors");
    let error = model::load_model(golden, &fixture.device).unwrap_err();
    assert!(matches!(error.cause(), Error::Unsupported(_)), "{error}");
    assert!(error.to_string().contains("weights only"), "{error}");
}

#[test]
fn a_model_whose_parts_do_not_fit_together_is_not_saved() {
    type Break = fn(&mut Fixture);
    let cases: [(&str, Break, &str); 10] = [
        ("labels", |f| f.info.labels.truncate(2), "3 logits, but the number of labels is 2"),
        ("inner units", |f| f.info.head = HeadConfig::mlp(8, 0.5), "16 inner units, but its settings say 8"),
        ("kind", |f| f.info.head = HeadConfig::logistic(1.0), "another kind than its settings, which say logistic"),
        ("C", |f| f.info.head = HeadConfig::logistic(0.0), "c = 0: must be"),
        ("dropout", |f| f.info.head = HeadConfig::mlp(16, 1.0), "dropout = 1"),
        (
            "gate",
            |f| f.gate = Some(Gate::new(vec![1.0; 7], 0.0).unwrap()),
            "the gate has 7 inputs, but the embedding length is 24",
        ),
        ("no gate", |f| f.gate = None, "one of them is missing"),
        ("no threshold", |f| f.info.gate = None, "one of them is missing"),
        (
            "threshold",
            |f| f.info.gate = Some(GateInfo { threshold: f32::NAN, episodes: None, is_encoders_own: false }),
            "threshold is NaN; it must be 0 to 1",
        ),
        (
            "embedding",
            |f| f.head = random_head(&f.info.head, 7, &f.device, 3),
            "7 inputs, but the embedding length is 24",
        ),
    ];
    for (case, break_it, text) in cases {
        let mut fixture = Fixture::new();
        break_it(&mut fixture);
        let path = fixture.path("safetensors");
        let error = fixture.try_save(&path).unwrap_err();
        assert!(error.to_string().contains(text), "{case}: {error}");
        assert!(!path.exists(), "{case}");
    }
}

#[test]
fn a_missing_folder_is_an_io_error() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("absent/model.safetensors");
    let error = fixture.try_save(&path).unwrap_err();
    assert!(matches!(error.cause(), Error::Io(_)), "{error}");
}
