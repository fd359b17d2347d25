//! Classifiers and weights of PyTorch, against torch's own outputs. The goldens come from `scripts/goldens/model_golden.py`.

use std::collections::BTreeMap;
use std::path::Path;

use model::{Arch, BackboneWeights, Compute, DeviceName, EngineName, Error, cpu, parse_state_dict};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

const GOLDENS: &str = "tests/goldens";

/// Side of the golden images; see `images` in the script.
const SIZE: usize = 64;

#[derive(Deserialize)]
struct Expected {
    embeddings: Vec<f32>,
    logits: Vec<f32>,
}

fn golden(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(GOLDENS).join(file)).unwrap()
}

fn embeddings(weights: &BackboneWeights) -> Vec<f32> {
    let images: Vec<f32> = (0..2 * SIZE * SIZE).map(|i| (i * 7919 % 1021) as f32 / 1020.0).collect();
    let compute = Compute::new(DeviceName::Cpu, EngineName::Auto).unwrap();
    compute.engine(weights, &[("image", [SIZE; 2])]).unwrap().embed(&images).unwrap()
}

fn largest_error(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Weights in `float16` and `bfloat16` are those of torch's model in `float32` after rounding, so the tolerance is that of
/// `float32`; except for the ONNX file, in which torch folded batch norm in `float16`, which has 11 bits.
#[test]
fn classifiers_give_the_outputs_of_torch() {
    let expected = std::fs::read_to_string(Path::new(GOLDENS).join("classifiers.json")).unwrap();
    let expected: BTreeMap<String, Expected> = serde_json::from_str(&expected).unwrap();
    assert_eq!(expected.len(), 7);
    for (file, expected) in expected {
        let path = Path::new(GOLDENS).join(&file);
        let weights = BackboneWeights::load(&path, Arch::RESNET18).unwrap();
        let found = embeddings(&weights);
        let is_onnx = file.ends_with(".onnx");
        let error = largest_error(&found, &expected.embeddings);
        assert!(error < if is_onnx { 5e-3 } else { 1e-5 }, "{file}: embeddings differ by {error}");
        if is_onnx {
            continue;
        }
        let (same, config, head) = parse_state_dict(&path, &golden(&file), &cpu()).unwrap();
        assert!(same == weights, "{file}");
        assert_eq!((config.values()[1], head.n_inputs(), head.n_classes()), (("dropout", 0.0), 8, 3), "{file}");
        let error = largest_error(&head.classify(&found, found.len() / head.n_inputs()).unwrap(), &expected.logits);
        assert!(error < 1e-5, "{file}: logits differ by {error}");
    }
}

/// Fails unless reading `bytes` as a classifier fails with each of `texts`.
fn refuses(case: &str, file: &str, bytes: &[u8], texts: &[&str]) {
    let error = parse_state_dict(Path::new(file), bytes, &cpu()).map(drop).expect_err(case).to_string();
    for text in texts {
        assert!(error.contains(text), "{case}: {error:?} does not contain {text:?}");
    }
}

/// Shape and bytes of each tensor.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

/// The tensors of a golden file as a safetensors file, after `edit`.
fn edited(file: &str, edit: impl FnOnce(&mut Tensors)) -> Vec<u8> {
    let bytes = golden(file);
    let dict = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor =
        |(name, view): (String, safetensors::tensor::TensorView)| (name, (view.shape().to_vec(), view.data().to_vec()));
    let mut tensors: Tensors = dict.tensors().into_iter().map(tensor).collect();
    tensors.retain(|name, _| !name.ends_with("num_batches_tracked"));
    edit(&mut tensors);
    let views = tensors.iter().map(|(name, (shape, data))| {
        (name, safetensors::tensor::TensorView::new(safetensors::Dtype::F16, shape.clone(), data).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn a_head_that_is_not_understood_is_listed() {
    let zeros = |shape: &[usize]| (shape.to_vec(), vec![0; 2 * shape.iter().product::<usize>()]);
    let rename = |tensors: &mut Tensors, from: &str, to: &str| {
        for kind in ["weight", "bias"] {
            let tensor = tensors.remove(&format!("{from}.{kind}")).unwrap();
            tensors.insert(format!("{to}.{kind}"), tensor);
        }
    };
    let with = |edit: &dyn Fn(&mut Tensors)| edited("float16.safetensors", edit);
    let file = "a.safetensors";
    let unchanged = with(&|_| ());
    parse_state_dict(Path::new(file), &unchanged, &cpu()).unwrap();
    // Prefixes of `DataParallel`, `torch.compile` and of larger modules; a layer without a bias.
    let renamed = with(&|tensors| {
        *tensors = std::mem::take(tensors).into_iter().map(|(name, t)| (format!("module.model.{name}"), t)).collect();
        tensors.remove("module.model.fc.2.bias");
    });
    parse_state_dict(Path::new(file), &renamed, &cpu()).unwrap();

    let gap = with(&|tensors| rename(tensors, "fc.3", "fc.4"));
    refuses("a gap", file, &gap, &["an activation", "fc.2.weight [6, 8]", "fc.4.bias [3]"]);
    let names = with(&|tensors| rename(tensors, "fc.3", "classifier"));
    refuses("other names", file, &names, &["an activation", "classifier.weight [3, 6]"]);
    let norm = with(&|tensors| drop(tensors.insert("fc.1.running_mean".into(), zeros(&[8]))));
    refuses("batch norm", file, &norm, &["other layers than linear ones", "fc.1.running_mean [8]"]);
    let three = with(&|tensors| drop(tensors.insert("fc.4.weight".into(), zeros(&[3, 3]))));
    refuses("three layers", file, &three, &["more than two", "fc.4.weight [3, 3]"]);
    let none = with(&|tensors| tensors.retain(|name, _| !name.starts_with("fc.")));
    refuses("no head", file, &none, &["no head", "none"]);
    let narrow = with(&|tensors| drop(tensors.insert("fc.2.weight".into(), zeros(&[6, 7]))));
    refuses("inputs", file, &narrow, &["fc.2.weight", "[6, 7], expected [6, 8]"]);
    let inner = with(&|tensors| drop(tensors.insert("fc.3.weight".into(), zeros(&[3, 5]))));
    refuses("inner units", file, &inner, &["fc.3.weight", "5 inner units"]);
    let other = with(&|tensors| drop(tensors.remove("layer3.0.conv2.weight")));
    refuses("another network", file, &other, &["resnet18", "conv1.weight [1, 3, 7, 7]", "fc.2.bias [6]"]);
    let twice = with(&|tensors| drop(tensors.insert("module.fc.2.bias".into(), zeros(&[6]))));
    refuses("two networks", file, &twice, &["another `fc.2.bias`"]);

    refuses("a graph", "a.onnx", &golden("float16.onnx"), &["not a state dict"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backbone.safetensors");
    let info =
        model::BackboneInfo { arch: Arch::RESNET18_W8, features: 1.into(), provenance: 1.into(), cry_direction: None };
    model::save_backbone(&path, &info, &BackboneWeights::random(Arch::RESNET18_W8, 1).unwrap()).unwrap();
    refuses("our own", file, &std::fs::read(path).unwrap(), &["wail-backbone", "labels of its own"]);
}

/// A zip archive of uncompressed entries.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let sizes = [crc32fast::hash(content), content.len() as u32, content.len() as u32].map(u32::to_le_bytes);
        let lengths = [&(name.len() as u16).to_le_bytes()[..], &[0; 2]].concat();
        let at = (bytes.len() as u32).to_le_bytes();
        let shared = [&[0; 10], sizes.as_flattened(), &lengths].concat();
        list.extend([b"PK\x01\x02\0\0", &shared[..], &[0; 10], &at, name.as_bytes()].concat());
        bytes.extend([b"PK\x03\x04", &shared[..], name.as_bytes(), content].concat());
    }
    let count = (entries.len() as u16).to_le_bytes();
    let place = [list.len() as u32, bytes.len() as u32].map(u32::to_le_bytes);
    [&bytes[..], &list, b"PK\x05\x06\0\0\0\0", &count, &count, place.as_flattened(), &[0; 2]].concat()
}

/// A file of `torch.save` whose pickle is `{"conv1.weight": ...}`, with one storage of four numbers.
fn with_pickle(value: &[u8]) -> Vec<u8> {
    let pickle = [b"\x80\x02}X\x0c\0\0\0conv1.weight", value, b"s."].concat();
    zip(&[("a/data.pkl", &pickle), ("a/byteorder", b"little"), ("a/data/0", &[0; 16])])
}

/// A tensor in that storage: offset, sizes and strides as pickled tuples.
fn tensor(offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let storage = b"((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ";
    [b"ctorch._utils\n_rebuild_tensor_v2\n", &storage[..], offset, shape, strides, b"\x89}tR"].concat()
}

#[test]
fn pickles_are_not_executed() {
    let folder = tempfile::tempdir().unwrap();
    let witness = folder.path().join("executed");
    let command = format!("touch {}", witness.display());
    let command = [b"X", &(command.len() as u32).to_le_bytes()[..], command.as_bytes()].concat();
    for (global, named) in
        [("cposix\nsystem\n", "posix.system"), ("cbuiltins\neval\n", "builtins.eval"), ("ctorch\nload\n", "torch.load")]
    {
        let bytes = with_pickle(&[global.as_bytes(), &command, b"\x85R"].concat());
        refuses(named, "a.pt", &bytes, &[&format!("`{named}`"), "torch.save(model.state_dict(), PATH)"]);
    }
    // The same call with its name on the stack, as protocol 4 writes it.
    let bytes = with_pickle(&[b"\x8c\x05posix\x8c\x06system\x93", &command[..], b"\x85R"].concat());
    refuses("protocol 4", "a.pt", &bytes, &["`posix.system`"]);
    assert!(!witness.exists());
}

#[test]
fn damaged_files_of_torch_name_what_is_wrong() {
    let load = |bytes: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pt");
        std::fs::write(&path, bytes).unwrap();
        BackboneWeights::load(&path, Arch::RESNET18).unwrap_err()
    };
    let tuple = |numbers: [u8; 4]| [&b"("[..], &numbers.map(|n| [b'K', n]).concat(), b"t"].concat();
    let whole = |offset, shape, strides| with_pickle(&tensor(&[b'K', offset], &tuple(shape), &tuple(strides)));
    let huge = [&b"("[..], &[&b"J\xff\xff\xff\x7f"[..]; 4].concat(), b"t"].concat();
    let huge = with_pickle(&tensor(b"K\0", &huge, &tuple([0; 4])));
    let long = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let far = with_pickle(&tensor(long, &tuple([1; 4]), &tuple([1; 4])));
    let mut flipped = golden("state_dict.pt");
    let place = flipped.windows(6).position(|window| window == b"data/0").unwrap() + 80;
    flipped[place] ^= 1;
    let deep = [b"}X\x01\0\0\0a".repeat(100), b"N".to_vec(), b"s".repeat(100)].concat();
    let wide = [&b"}("[..], &b"X\x01\0\0\0aN".repeat(40_000), b"u"].concat();
    let endless = [b"\x80\x02".to_vec(), b"N0".repeat(1 << 21), b"N.".to_vec()].concat();
    let cases: [(&str, Vec<u8>, &str); 17] = [
        ("empty", vec![], "torch.save did not write it"),
        ("web page", b"<!DOCTYPE html><html></html>".to_vec(), "torch.save did not write it"),
        ("another zip", zip(&[("word/document.xml", b"<xml/>")]), "without one FOLDER/data.pkl"),
        ("TorchScript", zip(&[("a/data.pkl", b"\x80\x02}."), ("a/code/a.py", b"")]), "TorchScript"),
        ("big-endian", zip(&[("a/data.pkl", b"\x80\x02}."), ("a/byteorder", b"big")]), "big-endian"),
        ("no tensors", zip(&[("a/data.pkl", b"\x80\x02}.")]), "no tensors"),
        ("flipped bit", flipped, "does not match its checksum"),
        ("outside", whole(1, [1, 1, 2, 2], [4, 4, 2, 1]), "outside its storage"),
        ("repeated", whole(0, [9, 9, 9, 9], [0; 4]), "outside its storage"),
        ("4 GB each way", huge, "outside its storage"),
        ("offset of 2^63", far, "outside its storage"),
        ("deep", with_pickle(&deep), "deep"),
        ("wide", with_pickle(&wide), "more than 32768 entries"),
        ("endless", zip(&[("a/data.pkl", &endless)]), "more than 2097152 steps"),
        ("empty stack", with_pickle(b"R"), "empty stack"),
        ("below a mark", with_pickle(b"(\x86"), "empty stack"),
        ("unknown opcode", with_pickle(b"\xff"), "0xff"),
    ];
    for (case, bytes, text) in cases {
        let error = load(&bytes).to_string();
        assert!(error.contains(text) && error.contains("a.pt"), "{case}: {error}");
    }
    // Intact: it fails only because the network lacks its other layers.
    let error = load(&whole(0, [1, 1, 2, 2], [4, 4, 2, 1])).to_string();
    assert!(error.contains("[1, 1, 2, 2], expected [outputs, inputs, 7, 7]") || error.contains("missing"), "{error}");
}

#[test]
fn cut_and_mutated_files_never_panic() {
    for file in ["state_dict.pt", "legacy.pth", "checkpoint.pt", "bfloat16.pth"] {
        let good = golden(file);
        for length in (0..good.len()).step_by(97) {
            let result = parse_state_dict(Path::new(file), &good[..length], &cpu());
            assert!(matches!(result.map(drop), Err(Error::At { .. })), "{file} cut to {length} bytes");
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let pickle = good.windows(4).position(|window| window == b"\x80\x02}q" || window == b"\x80\x02cc").unwrap_or(0);
        for _ in 0..2000 {
            let mut bytes = good.clone();
            for _ in 0..rng.random_range(1..6) {
                // Most of the damage in the pickle, whose checksum is repaired below.
                let place = if rng.random_ratio(3, 4) {
                    pickle + rng.random_range(0..8192)
                } else {
                    rng.random_range(0..bytes.len())
                };
                bytes[place % good.len()] = rng.random();
            }
            repair_checksums(&mut bytes);
            let _ = parse_state_dict(Path::new(file), &bytes, &cpu());
        }
    }
}

/// Gives each listed entry of a zip archive the checksum of its content, where that is in the file.
fn repair_checksums(bytes: &mut [u8]) {
    let number = |bytes: &[u8], at: usize, n: usize| {
        bytes
            .get(at..at + n)
            .map_or(usize::MAX >> 1, |b| b.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let listed: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"PK\x01\x02")).collect();
    for at in listed {
        let (length, local) = (number(bytes, at + 24, 4), number(bytes, at + 42, 4));
        let start = local + 30 + number(bytes, local + 26, 2) + number(bytes, local + 28, 2);
        let Some(crc) = bytes.get(start..start.saturating_add(length)).map(crc32fast::hash) else { continue };
        if let Some(place) = bytes.get_mut(at + 16..at + 20) {
            place.copy_from_slice(&crc.to_le_bytes());
        }
    }
}
