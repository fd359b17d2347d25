//! What training relies on: the backbone is frozen and independent of the batch, and the head is seeded.

use std::path::Path;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use model::{
    Arch, BackboneInfo, BackboneWeights, CheckpointInfo, Compute, DeviceName, EngineName, Error, FrozenOutput, Head,
    HeadConfig, ModelInfo, NormedBackbone, Trainable, load_backbone, save_backbone,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn small_weights() -> BackboneWeights {
    let golden = Path::new("tests/goldens/torch.safetensors");
    BackboneWeights::load(golden, Arch::RESNET18).unwrap()
}

/// The input of the small network.
const IMAGES: [(&str, [usize; 2]); 1] = [("image", [64; 2])];

/// The engines that run on the CPU.
const ENGINES: [EngineName; 3] = [EngineName::Simd, EngineName::Burn, EngineName::Rten];

fn pixels(n: usize) -> Vec<f32> {
    (0..n * 64 * 64).map(|i| (i * 7919 % 1021) as f32 / 1020.0).collect()
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

#[test]
fn no_gradient_reaches_the_backbone_or_the_images() {
    let device = Device::flex().autodiff();
    let [backbone] = small_weights().to_backbones(FrozenOutput::EMBEDDING, &device).unwrap().try_into().unwrap();
    assert!(backbone.devices().iter().all(|device| !device.is_autodiff()));

    let images = TensorData::new(pixels(2), [2, 1, 64, 64]);
    let images = Tensor::<4>::from_data(images, &device).require_grad();
    let embeddings = backbone.forward(images.clone());
    assert!(!embeddings.device().is_autodiff());

    let head = Head::new(&HeadConfig::mlp(8, 0.0), 24, 3, &mut rng(1), &device);
    let gradients = head.forward(embeddings.autodiff()).powf_scalar(2.0).sum().backward();
    assert!(images.grad(&gradients).is_none());
    // The head receives a gradient, so there was one to stop.
    let learned = burn::optim::GradientsParams::from_grads(gradients, &head);
    assert_eq!(learned.len(), 4);
}

/// Feature maps of a frozen part, `[n, channels, size, size]`.
fn maps(rows: Vec<f32>, shape: [usize; 3], device: &Device) -> Tensor<4> {
    let n = rows.len() / shape.iter().product::<usize>();
    Tensor::from_data(TensorData::new(rows, [n, shape[0], shape[1], shape[2]]), device)
}

#[test]
fn the_frozen_and_the_trained_part_together_give_the_whole_networks_embedding() {
    let (weights, images, device) = (small_weights(), pixels(3), Device::flex());
    for engine in ENGINES {
        let compute = Compute::new(DeviceName::Cpu, engine).unwrap();
        let whole = compute.engine(&weights, &IMAGES).unwrap().embed(&images).unwrap();
        for (trainable, shape) in [(Trainable::Layer4, [12, 4, 4]), (Trainable::All, [1, 64, 64])] {
            let frozen = compute.engine_to(FrozenOutput::Before(trainable), &weights, &IMAGES).unwrap();
            assert_eq!(weights.trainable_input(trainable, &IMAGES), shape, "{trainable:?}");
            assert_eq!(frozen.n_outputs(), shape.iter().product::<usize>());
            let trained = weights.to_trainable(trainable, &device).unwrap();
            let found = numbers(trained.forward(maps(frozen.embed(&images).unwrap(), shape, &device)));
            let largest = whole.iter().zip(found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest < 1e-5, "{engine:?} {trainable:?}: {largest}");
        }
    }
    assert!(weights.to_trainable(Trainable::None, &device).is_none());
}

#[test]
fn a_training_step_changes_only_the_named_layers_and_a_checkpoint_keeps_them() {
    let (weights, device) = (small_weights(), Device::flex());
    let compute = Compute::new(DeviceName::Cpu, EngineName::Burn).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let config = HeadConfig::mlp(4, 0.0);
    let head = Head::new(&config, 24, 3, &mut rng(1), &device);
    for trainable in [Trainable::Layer4, Trainable::All] {
        let frozen =
            compute.engine_to(FrozenOutput::Before(trainable), &weights, &IMAGES).unwrap().embed(&pixels(2)).unwrap();
        let backbone = weights.to_trainable(trainable, &device.clone().autodiff()).unwrap();
        let inputs = maps(frozen, weights.trainable_input(trainable, &IMAGES), &backbone.device());
        let gradients = backbone.forward(inputs).powf_scalar(2.0).sum().backward();
        let gradients = GradientsParams::from_grads(gradients, &backbone);
        let backbone = AdamWConfig::new().init().step(0.1, backbone, gradients);
        let trained = weights.with_trained(&backbone).unwrap();

        let tensors = |weights: &BackboneWeights, name: &str| {
            let file = folder.path().join(name);
            let info = ModelInfo {
                arch: Arch::RESNET18,
                labels: ["a", "b", "c"].map(String::from).into(),
                head: config.clone(),
                gate: None,
                features: serde_json::Value::Null,
                calibration: serde_json::json!({"temperature": 1.5}),
                backbone_source: String::new(),
                provenance: serde_json::Value::Null,
            };
            model::save_model(&file, &info, weights, &head, None).unwrap();
            std::fs::read(file).unwrap()
        };
        let (before, after) = (tensors(&weights, "before.safetensors"), tensors(&trained, "after.safetensors"));
        let before = safetensors::SafeTensors::deserialize(&before).unwrap();
        let after = safetensors::SafeTensors::deserialize(&after).unwrap();
        for (name, tensor) in before.tensors().into_iter().filter(|(name, _)| !name.starts_with("head.")) {
            let named = trainable == Trainable::All || name.starts_with("layer4.");
            assert_eq!(tensor.data() != after.tensor(&name).unwrap().data(), named, "{trainable:?} {name}");
        }

        let info = CheckpointInfo { head: config.clone(), trained: trainable, calibration: serde_json::Value::Null };
        model::save_checkpoint(&path, &info, &trained, &head).unwrap();
        let (found, restored, _) = model::load_checkpoint(&path, weights.clone(), &device).unwrap();
        assert_eq!((found, restored.fingerprint()), (info, trained.fingerprint()));
    }
}

#[test]
fn an_embedding_does_not_depend_on_its_batch() {
    for name in ENGINES {
        let engine = Compute::new(DeviceName::Cpu, name).unwrap().engine(&small_weights(), &IMAGES).unwrap();
        let images = pixels(11);
        let together = engine.embed(&images).unwrap();
        let alone: Vec<f32> = images.chunks(64 * 64).flat_map(|image| engine.embed(image).unwrap()).collect();
        assert_eq!(together, alone, "{name:?}");
        assert_eq!(together.len(), 11 * 24);
        assert!(engine.embed(&[]).unwrap().is_empty());
        assert!(matches!(engine.embed(&[0.0; 100]), Err(Error::Argument(_))), "{name:?}");
    }
}

/// Runs on every GPU backend of this build.
#[test]
fn gpus_agree_with_the_cpu() {
    let cpu = Compute::new(DeviceName::Cpu, EngineName::Burn).unwrap();
    let images = pixels(3);
    let logits = |compute: &Compute| {
        let head = Head::new(&HeadConfig::mlp(16, 0.0), 24, 8, &mut rng(5), compute.device());
        head.classify(&compute.engine(&small_weights(), &IMAGES).unwrap().embed(&images).unwrap(), 3).unwrap()
    };
    for device in [DeviceName::Wgpu, DeviceName::Cuda] {
        let name = device.name();
        match Compute::new(device, EngineName::Burn) {
            Ok(gpu) => {
                let differences = logits(&gpu).into_iter().zip(logits(&cpu)).map(|(a, b)| (a - b).abs());
                let largest = differences.fold(0.0, f32::max);
                eprintln!("{name}: logits differ by {largest:e} at most");
                assert!(largest < 1e-3, "{name}: {largest}");
            }
            Err(error) => eprintln!("SKIPPED: {error} (Debian's mesa-vulkan-drivers has a software GPU for wgpu)"),
        }
    }
}

#[test]
fn random_weights_are_the_same_on_every_machine() {
    let cases = [
        (Arch::RESNET18, 42, "e685f07c15146afb23b611fcdf7a4ecf3d9161f2ac4b94bd0aae9cc0f408c4d4"),
        (Arch::RESNET18, 43, "81942c4558007353573ab910ab99e2d4096515a0d3564cf50cb6c254535c9413"),
        (Arch::RESNET34, 42, "1a2437cc6047764b388f96447de3adb4d6799ef62bfec67251d98f409e8d1e65"),
    ];
    for (arch, seed, fingerprint) in cases {
        let weights = BackboneWeights::random(arch, seed).unwrap();
        assert_eq!(weights.n_outputs(), 512);
        assert_eq!(weights.fingerprint(), fingerprint, "{arch} {seed}");
    }
}

#[test]
fn a_head_computes_relu_then_two_linear_layers() {
    let device = Device::flex();
    let head = Head::new(&HeadConfig::mlp(5, 0.5), 24, 3, &mut rng(7), &device);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("head.safetensors");
    let info = CheckpointInfo {
        head: HeadConfig::mlp(5, 0.5),
        trained: Trainable::None,
        calibration: serde_json::Value::Null,
    };
    model::save_checkpoint(&path, &info, &small_weights(), &head).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |name: &str| -> Vec<f32> {
        let (numbers, _) = file.tensor(name).unwrap().data().as_chunks();
        numbers.iter().map(|&number| f32::from_le_bytes(number)).collect()
    };
    let linear = |name: &str, x: &[f32]| -> Vec<f32> {
        let (weight, bias) = (tensor(&format!("{name}.weight")), tensor(&format!("{name}.bias")));
        let dot = |row: &[f32]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
        weight.chunks(x.len()).zip(bias).map(|(row, bias)| dot(row) + bias).collect()
    };

    let (mut embedding, mut rectified) = ([[0.0; 24]], [0.0; 24]);
    (embedding[0][0], embedding[0][1], embedding[0][3]) = (1.5, -2.0, 0.25);
    (rectified[0], rectified[3]) = (1.5, 0.25);
    let expected = linear("head.1", &linear("head.0", &rectified));
    let found = numbers(head.forward(Tensor::from_data(embedding, &device)));
    assert_eq!(found.len(), 3);
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    // torch's bound is 1 / sqrt(inputs).
    for (name, bound) in
        [("head.0.weight", 0.205), ("head.0.bias", 0.205), ("head.1.weight", 0.448), ("head.1.bias", 0.448)]
    {
        let largest = tensor(name).into_iter().map(f32::abs).fold(0.0, f32::max);
        assert!(largest < bound && largest > bound * 0.2, "{name}: {largest}");
    }
}

#[test]
fn devices_and_engines_are_found_by_name() {
    for (device, engine, expected) in
        [("cpu", "auto", "simd"), ("cpu", "simd", "simd"), ("cpu", "burn", "burn"), ("cpu", "rten", "rten")]
    {
        let compute = Compute::new(device.parse().unwrap(), engine.parse().unwrap()).unwrap();
        assert!(!compute.device().is_autodiff());
        assert_eq!((compute.device_name(), compute.engine_name()), ("cpu", expected));
    }
    assert!(Compute::new(DeviceName::Auto, EngineName::Auto).is_ok());
    assert!(matches!("tpu".parse::<DeviceName>(), Err(Error::Device { .. })));
    assert!(matches!("torch".parse::<EngineName>(), Err(Error::Device { .. })));
    for (device, compiled_in) in
        [(DeviceName::Wgpu, cfg!(feature = "wgpu")), (DeviceName::Cuda, cfg!(feature = "cuda"))]
    {
        let name = device.name();
        match Compute::new(device, EngineName::Auto) {
            Ok(compute) => {
                assert!(compiled_in && compute.engine_name() == "burn", "{name}");
                assert!(Compute::new(device, EngineName::Simd).is_err());
                assert!(Compute::new(device, EngineName::Rten).is_err());
            }
            Err(error) if compiled_in => assert!(error.to_string().contains("does not answer"), "{error}"),
            Err(error) => assert!(error.to_string().contains(&format!("--features {name}")), "{error}"),
        }
    }
}

#[test]
fn a_network_with_batch_norm_folds_into_the_same_network() {
    let device = Device::flex().autodiff();
    let mut network = NormedBackbone::random(Arch::RESNET18_W8, 3, &device).unwrap();
    let images = |n: usize, device: &Device| Tensor::<4>::from_data(TensorData::new(pixels(n), [n, 1, 64, 64]), device);
    let mut adam = AdamWConfig::new().init();
    for _ in 0..3 {
        let loss = (network.forward(images(4, &device)) - 1.0).powf_scalar(2.0).mean();
        let mut gradients = loss.backward();
        let gradients = GradientsParams::from_module(&mut gradients, &network);
        network = adam.step(1e-2, network, gradients);
    }
    let weights = network.fold().unwrap();
    assert_eq!((weights.arch(), weights.n_outputs()), (Arch::RESNET18_W8, 64));
    let plain = Device::flex();
    let expected = numbers(network.valid().forward(images(2, &plain)));
    let found = numbers(weights.to_backbones(FrozenOutput::EMBEDDING, &plain).unwrap()[0].forward(images(2, &plain)));
    let scale = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    assert!(scale > 0.0);
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-4 * scale, "{found}, not {expected}");
    }
    // Untrained, it equals the network that `random` draws, except for batch norm's division by sqrt(1 + 1e-5) in each layer.
    let fresh = NormedBackbone::random(Arch::RESNET18_W8, 3, &plain).unwrap().fold().unwrap();
    let drawn = BackboneWeights::random(Arch::RESNET18_W8, 3).unwrap();
    let [fresh, drawn] = [fresh, drawn]
        .map(|w| numbers(w.to_backbones(FrozenOutput::EMBEDDING, &plain).unwrap()[0].forward(images(2, &plain))));
    assert!(fresh.iter().zip(&drawn).all(|(fresh, drawn)| (fresh - drawn).abs() < 1e-3 * drawn.abs().max(1.0)));
}

#[test]
fn a_saved_backbone_loads_as_weights_with_its_provenance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backbone.safetensors");
    let weights = BackboneWeights::random(Arch::RESNET18_W8, 1).unwrap();
    let provenance = serde_json::json!({ "heard": ["a"] });
    let info =
        BackboneInfo { arch: Arch::RESNET18_W8, features: serde_json::json!({}), provenance, cry_direction: None };
    save_backbone(&path, &info, &weights).unwrap();
    let first = std::fs::read(&path).unwrap();
    assert_eq!(BackboneWeights::load(&path, Arch::RESNET18_W8).unwrap(), weights);
    assert_eq!(load_backbone(&path, Arch::RESNET18_W8).unwrap(), (weights.clone(), Some(info.clone())));
    save_backbone(&path, &info, &weights).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
    // An architecture name with a width accepts no other width.
    let message = BackboneWeights::load(&path, Arch::RESNET18_W16).unwrap_err().to_string();
    assert!(message.contains("64 values, but that of resnet18-w16 has 128"), "{message}");
    let elsewhere = Path::new("tests/goldens/torch.safetensors");
    assert_eq!(load_backbone(elsewhere, Arch::RESNET18).unwrap().1, None);
}
