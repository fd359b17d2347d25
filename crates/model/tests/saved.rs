//! Saved models and heads: what is read is what was written, and nothing else is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use model::{Arch, BackboneWeights, Error, Head, HeadConfig, ModelInfo};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

struct Fixture {
    folder: tempfile::TempDir,
    device: Device,
    weights: BackboneWeights,
    info: ModelInfo,
    head: Head,
}

impl Fixture {
    fn new() -> Fixture {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/torch.safetensors");
        let weights = BackboneWeights::load(&golden, Arch::ResNet18).unwrap();
        let device = model::device("cpu").unwrap();
        let config = HeadConfig { inner: 16, dropout: 0.5 };
        let head = random_head(&config, weights.n_outputs(), &device);
        let info = ModelInfo {
            arch: Arch::ResNet18,
            labels: ["belly pain", "hungry", "tired"].map(String::from).to_vec(),
            head: config,
            features: serde_json::json!({"n_mels": 128}),
            backbone_source: "tests/goldens/torch.safetensors".into(),
        };
        Fixture { folder: tempfile::tempdir().unwrap(), device, weights, info, head }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("model.safetensors")
    }

    fn save(&self) -> PathBuf {
        model::save_model(&self.path(), &self.info, &self.weights, &self.head).unwrap();
        self.path()
    }

    /// The error of reading a saved model in which `old` is replaced by `new`, of equal length.
    fn load_with(&self, old: &str, new: &str) -> Error {
        assert_eq!(old.len(), new.len());
        let path = self.save();
        let mut bytes = std::fs::read(&path).unwrap();
        let place = bytes.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
        bytes[place..place + old.len()].copy_from_slice(new.as_bytes());
        std::fs::write(&path, bytes).unwrap();
        model::load_model(&path, &self.device).unwrap_err()
    }
}

fn random_head(config: &HeadConfig, n_inputs: usize, device: &Device) -> Head {
    Head::new(config, n_inputs, 3, &mut ChaCha8Rng::seed_from_u64(3), device)
}

fn logits(head: &Head) -> Vec<f32> {
    let n_inputs = head.n_inputs();
    let embeddings = (0..2 * n_inputs).map(|i| (i % 7) as f32 / 7.0 - 0.2).collect();
    let embeddings = Tensor::<2>::from_data(TensorData::new(embeddings, [2, n_inputs]), &Device::flex());
    head.forward(embeddings).into_data().try_into_vec().unwrap()
}

#[test]
fn a_model_comes_back_bit_for_bit() {
    let fixture = Fixture::new();
    let saved = model::load_model(&fixture.save(), &fixture.device).unwrap();
    assert_eq!(saved.info, fixture.info);
    assert_eq!(logits(&saved.head), logits(&fixture.head));
    let image = vec![0.5; 64 * 64];
    let backbone = fixture.weights.to_backbone(&fixture.device);
    assert_eq!(saved.backbone.embed(&image, 64).unwrap(), backbone.embed(&image, 64).unwrap());
    assert_eq!(BackboneWeights::load(&fixture.path(), Arch::ResNet18).unwrap(), fixture.weights);
}

#[test]
fn equal_models_are_equal_bytes_and_readable_by_others() {
    let fixture = Fixture::new();
    let first = std::fs::read(fixture.save()).unwrap();
    assert_eq!(std::fs::read(fixture.save()).unwrap(), first);
    assert_eq!(std::fs::read_dir(fixture.folder.path()).unwrap().count(), 1, "a temporary file is left");

    let file = safetensors::SafeTensors::deserialize(&first).unwrap();
    assert_eq!(file.len(), 2 * 20 + 4);
    assert_eq!(file.tensor("conv1.weight").unwrap().shape(), [3, 1, 7, 7]);
    assert_eq!(file.tensor("head.0.weight").unwrap().shape(), [16, 24]);
    assert_eq!(file.tensor("head.1.bias").unwrap().shape(), [3]);
}

#[test]
fn a_head_comes_back_bit_for_bit() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("head.safetensors");
    model::save_head(&path, &fixture.info.head, 24, 3, &fixture.head).unwrap();
    let (config, head) = model::load_head(&path, &fixture.device).unwrap();
    assert_eq!(config, fixture.info.head);
    assert_eq!(logits(&head), logits(&fixture.head));

    let error = model::load_model(&path, &fixture.device).unwrap_err();
    assert!(error.to_string().contains("it is a wail-head, expected a wail-model"), "{error}");
    let error = model::save_head(&path, &config, 24, 4, &head).unwrap_err();
    assert!(error.to_string().contains("3 logits, the labels are 4"), "{error}");
}

#[test]
fn changed_files_are_refused() {
    let fixture = Fixture::new();
    let cases = [
        ("a newer version", r#"\"version\":1"#, r#"\"version\":2"#, "wail-model version 2"),
        ("another label", "hungry", "thirst", "the file is damaged"),
        ("another name", "layer1.0.conv1.bias", "layer1.0.conv9.bias", "the file is damaged"),
        ("another shape", r#""shape":[16,24]"#, r#""shape":[24,16]"#, "the file is damaged"),
        ("another type", r#""dtype":"F32""#, r#""dtype":"F16""#, "F16"),
        ("an unknown key", r#"\"labels\""#, r#"\"lables\""#, "the file is damaged"),
    ];
    for (case, old, new, text) in cases {
        let error = fixture.load_with(old, new);
        assert!(error.to_string().contains(text), "{case}: {error}");
        assert!(error.to_string().contains("model.safetensors"), "{case}: {error}");
    }

    let good = std::fs::read(fixture.save()).unwrap();
    let path = fixture.path();
    for length in (0..good.len()).step_by(977).chain([good.len() - 1]) {
        std::fs::write(&path, &good[..length]).unwrap();
        assert!(model::load_model(&path, &fixture.device).is_err(), "cut to {length} bytes");
    }
    for place in (0..good.len()).step_by(211) {
        let mut bytes = good.clone();
        bytes[place] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        assert!(model::load_model(&path, &fixture.device).is_err(), "byte {place} changed");
    }
}

#[test]
fn weights_are_not_a_model() {
    let fixture = Fixture::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/torch.safetensors");
    let error = model::load_model(&golden, &fixture.device).unwrap_err();
    assert!(matches!(error.cause(), Error::Unsupported(_)), "{error}");
    assert!(error.to_string().contains("weights only"), "{error}");
}

#[test]
fn what_does_not_fit_together_is_not_saved() {
    type Break = fn(&mut Fixture);
    let cases: [(&str, Break, &str); 4] = [
        ("labels", |f| f.info.labels.truncate(2), "3 logits, the labels are 2"),
        ("inner units", |f| f.info.head.inner = 8, "16 inner units, its settings say 8"),
        ("dropout", |f| f.info.head.dropout = 1.0, "dropout = 1"),
        ("embedding", |f| f.head = random_head(&f.info.head, 7, &f.device), "7 inputs, the embedding has 24"),
    ];
    for (case, break_it, text) in cases {
        let mut fixture = Fixture::new();
        break_it(&mut fixture);
        let error = model::save_model(&fixture.path(), &fixture.info, &fixture.weights, &fixture.head).unwrap_err();
        assert!(error.to_string().contains(text), "{case}: {error}");
        assert!(!fixture.path().exists(), "{case}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_io_error() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("absent/model.safetensors");
    let error = model::save_model(&path, &fixture.info, &fixture.weights, &fixture.head).unwrap_err();
    assert!(matches!(error.cause(), Error::Io(_)), "{error}");
}
