//! Embeddings against torchvision's, for every export style and engine. The goldens come from
//! `scripts/goldens/model_golden.py`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use model::{Arch, BackboneWeights, Compute, DeviceName, EngineName};
use serde::Deserialize;

/// Both sides compute in `float32` but in a different order; the embeddings are about 1 in magnitude, and their differences
/// below 3e-6.
const TOLERANCE: f32 = 1e-5;

const STYLES: [(&str, Arch); 10] = [
    ("legacy_folded.onnx", Arch::RESNET18),
    ("legacy_unfolded.onnx", Arch::RESNET18),
    ("legacy_training.onnx", Arch::RESNET18),
    ("legacy_initializers_as_inputs.onnx", Arch::RESNET18),
    ("dynamo_external.onnx", Arch::RESNET18),
    ("dynamo_embedded.onnx", Arch::RESNET18),
    ("dynamo_unoptimized.onnx", Arch::RESNET18),
    ("mxnet.onnx", Arch::RESNET18),
    ("torch.safetensors", Arch::RESNET18),
    ("resnet34.onnx", Arch::RESNET34),
];

#[derive(Deserialize)]
struct Expected {
    images: usize,
    size: usize,
    embeddings: HashMap<Arch, Vec<f32>>,
}

/// Prints and checks the largest error of each style.
fn check(folder: &Path) {
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Expected = serde_json::from_str(&expected).unwrap();
    let pixels = (0..expected.images * expected.size * expected.size).map(|i| (i * 7919 % 1021) as f32 / 1020.0);
    let images: Vec<f32> = pixels.collect();
    let engines = [EngineName::Simd, EngineName::Burn, EngineName::Rten]
        .map(|engine| Compute::new(DeviceName::Cpu, engine).unwrap());
    let mut failures = Vec::new();
    for (file, arch) in STYLES {
        let weights = match BackboneWeights::load(&folder.join(file), arch) {
            Ok(weights) => weights,
            Err(error) => {
                failures.push(error.to_string());
                continue;
            }
        };
        for compute in &engines {
            let case = format!("{file}, {}", compute.engine_name());
            let embeddings =
                compute.engine(&weights, &[("image", [expected.size; 2])]).unwrap().embed(&images).unwrap();
            let expected = &expected.embeddings[&arch];
            assert_eq!(embeddings.len(), expected.len(), "{case}");
            let errors = embeddings.iter().zip(expected).map(|(a, b)| (a - b).abs());
            let error = errors.fold(0.0, f32::max);
            eprintln!("{case}: largest error {error:.1e}");
            if error.is_nan() || error > TOLERANCE {
                failures.push(format!("{case}: {error:e}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn small_models_of_every_export_style() {
    check(Path::new("tests/goldens"));
}

#[test]
fn full_width_models() {
    match std::env::var_os("WAIL_FULL_GOLDENS") {
        Some(folder) => check(&PathBuf::from(folder)),
        None => {
            eprintln!(
                "SKIPPED: WAIL_FULL_GOLDENS is not set (scripts/goldens/model_golden.py --full DIR makes such a folder)"
            )
        }
    }
}
