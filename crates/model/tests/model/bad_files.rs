//! Broken encoder files: each gives a typed error that names the tensor or node, never a panic or a large allocation. Each
//! case breaks a golden file that loads, which the first test checks.

use std::path::{Path, PathBuf};

use crate::proto::{Attribute, Model, Node, Tensor};
use model::{Arch, BackboneWeights, Error};
use prost::Message;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

fn golden(file: &str) -> Vec<u8> {
    std::fs::read(Path::new("tests/goldens").join(file)).unwrap()
}

fn load(file: &str, bytes: &[u8], arch: Arch) -> Result<BackboneWeights, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    std::fs::write(&path, bytes).unwrap();
    BackboneWeights::load(&path, arch)
}

/// The kind of error, and its message.
fn describe(error: &Error) -> (&'static str, String) {
    let Error::At { .. } = error else { panic!("{error} names no path") };
    let kind = match error.cause() {
        Error::Io(_) => "io",
        Error::Malformed(_) | Error::Decode { .. } => "malformed",
        Error::Unsupported(_) => "unsupported",
        Error::Limit(_) => "limit",
        Error::Tensor { .. } | Error::ExternalData { .. } => "tensor",
        Error::Node { .. } => "node",
        other => panic!("{other}"),
    };
    (kind, error.to_string())
}

/// Fails unless loading fails with an error of `kind` that contains each of `texts`.
fn expect(case: &str, result: Result<BackboneWeights, Error>, kind: &str, texts: &[&str]) {
    let error = result.expect_err(case);
    let (found, message) = describe(&error);
    assert_eq!(found, kind, "{case}: {message}");
    for text in texts {
        assert!(message.contains(text), "{case}: {message:?} does not contain {text:?}");
    }
}

fn node<'a>(model: &'a mut Model, name: &str) -> &'a mut Node {
    model.graph.as_mut().unwrap().node.iter_mut().find(|node| node.name == name).unwrap()
}

fn tensor<'a>(model: &'a mut Model, name: &str) -> &'a mut Tensor {
    model.graph.as_mut().unwrap().initializer.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

fn attribute<'a>(model: &'a mut Model, node_name: &str, name: &str) -> &'a mut Attribute {
    let node = node(model, node_name);
    if !node.attribute.iter().any(|attribute| attribute.name == name) {
        node.attribute.push(Attribute { name: name.into(), ..Default::default() });
    }
    node.attribute.iter_mut().find(|attribute| attribute.name == name).unwrap()
}

#[test]
fn intact_files_load() {
    for file in ["mxnet.onnx", "legacy_folded.onnx", "torch.safetensors"] {
        load(file, &golden(file), Arch::RESNET18).unwrap();
    }
    for file in ["yamnet.onnx", "yamnet.tflite"] {
        load(file, &golden(file), Arch::YAMNET).unwrap();
    }
    // Under a name without a known extension.
    load("weights.bin", &golden("yamnet.tflite"), Arch::YAMNET).unwrap();
}

#[test]
fn broken_graphs_name_the_node_or_tensor() {
    const CONV0: &str = "resnetv15_conv0_fwd";
    const CONV: &str = "resnetv15_stage2_conv1_fwd";
    const WEIGHT: &str = "resnetv15_stage2_conv1_weight";
    const VARIANCE: &str = "resnetv15_stage3_batchnorm0_running_var";
    type Break = fn(&mut Model);
    let cases: [(&str, Break, &str, &[&str]); 31] = [
        (
            "wrong operator",
            |m| node(m, "resnetv15_relu0_fwd").op_type = "Sigmoid".into(),
            "node",
            &["resnetv15_relu0_fwd", "Sigmoid", "Relu"],
        ),
        ("wrong domain", |m| node(m, CONV0).domain = "com.example".into(), "node", &[CONV0, "Conv"]),
        (
            "wrong pooling",
            |m| node(m, "resnetv15_pool1_fwd").op_type = "GlobalMaxPool".into(),
            "node",
            &["resnetv15_pool1_fwd", "GlobalMaxPool"],
        ),
        (
            "stride",
            |m| attribute(m, CONV, "strides").ints = vec![2, 2],
            "node",
            &[CONV, "strides [2, 2], expected [1, 1]"],
        ),
        ("padding", |m| attribute(m, CONV, "pads").ints = vec![], "node", &[CONV, "pads"]),
        ("dilation", |m| attribute(m, CONV, "dilations").ints = vec![2, 2], "node", &[CONV, "dilations"]),
        ("groups", |m| attribute(m, CONV, "group").i = 2, "node", &[CONV, "group 2"]),
        (
            "automatic padding",
            |m| attribute(m, CONV, "auto_pad").s = b"SAME_UPPER".to_vec(),
            "node",
            &[CONV, "SAME_UPPER"],
        ),
        (
            "pool size",
            |m| attribute(m, "resnetv15_pool0_fwd", "kernel_shape").ints = vec![2, 2],
            "node",
            &["resnetv15_pool0_fwd", "kernel_shape"],
        ),
        (
            "pool rounding",
            |m| attribute(m, "resnetv15_pool0_fwd", "ceil_mode").i = 1,
            "node",
            &["resnetv15_pool0_fwd", "ceil_mode"],
        ),
        (
            "norm per pixel",
            |m| attribute(m, "resnetv15_batchnorm0_fwd", "spatial").i = 0,
            "node",
            &["resnetv15_batchnorm0_fwd", "spatial"],
        ),
        (
            "norm without variance",
            |m| node(m, "resnetv15_batchnorm0_fwd").input.truncate(4),
            "node",
            &["resnetv15_batchnorm0_fwd", "input 4"],
        ),
        ("no weight", |m| node(m, CONV).input.truncate(1), "node", &[CONV, "no weight"]),
        ("no output", |m| node(m, CONV0).output.clear(), "node", &[CONV0, "no output"]),
        (
            "no shortcut",
            |m| node(m, "resnetv15_stage1__plus0").input[0] = WEIGHT.into(),
            "node",
            &["layer1.0", "Conv and an Add"],
        ),
        (
            "wrong shortcut",
            |m| node(m, "resnetv15_stage2__plus0").input[0] = WEIGHT.into(),
            "node",
            &["resnetv15_stage2__plus0", "layer2.0"],
        ),
        ("wrong kernel", |m| tensor(m, WEIGHT).dims = vec![6, 2, 9, 3], "tensor", &[WEIGHT, "[6, 2, 9, 3]"]),
        ("wrong rank", |m| tensor(m, WEIGHT).dims = vec![6 * 6 * 9], "tensor", &[WEIGHT, "[324]"]),
        ("claims 4 GB", |m| tensor(m, WEIGHT).dims = vec![1 << 10, 1 << 20, 1, 1], "tensor", &[WEIGHT, "324 numbers"]),
        (
            "claims 2^64 numbers",
            |m| tensor(m, WEIGHT).dims = vec![1 << 62, 1 << 62],
            "tensor",
            &[WEIGHT, "324 numbers"],
        ),
        ("negative size", |m| tensor(m, WEIGHT).dims[0] = -1, "tensor", &[WEIGHT, "-1"]),
        ("NaN", |m| tensor(m, WEIGHT).float_data[7] = f32::NAN, "tensor", &[WEIGHT, "element 7", "NaN"]),
        ("infinity", |m| tensor(m, VARIANCE).float_data[1] = f32::INFINITY, "tensor", &[VARIANCE, "element 1", "inf"]),
        ("negative variance", |m| tensor(m, VARIANCE).float_data[2] = -0.5, "tensor", &[VARIANCE, "element 2", "-0.5"]),
        (
            "overflow in folding",
            |m| {
                (tensor(m, WEIGHT).float_data[0], tensor(m, "resnetv15_stage2_batchnorm1_gamma").float_data[0]) =
                    (1e3, 3e38)
            },
            "tensor",
            &[WEIGHT, "overflows"],
        ),
        ("uint32", |m| tensor(m, WEIGHT).data_type = 12, "tensor", &[WEIGHT, "element type 12", "float32"]),
        ("float16 without numbers", |m| tensor(m, WEIGHT).data_type = 10, "tensor", &[WEIGHT, "no numbers"]),
        (
            "pooling smaller than the map",
            |m| {
                node(m, "resnetv15_pool1_fwd").op_type = "AveragePool".into();
                attribute(m, "resnetv15_pool1_fwd", "kernel_shape").ints = vec![1, 1];
            },
            "node",
            &["resnetv15_pool1_fwd", "kernel_shape [1, 1], expected [2, 2]"],
        ),
        (
            "padded pooling",
            |m| {
                node(m, "resnetv15_pool1_fwd").op_type = "AveragePool".into();
                attribute(m, "resnetv15_pool1_fwd", "kernel_shape").ints = vec![2, 2];
                attribute(m, "resnetv15_pool1_fwd", "pads").ints = vec![1; 4];
            },
            "node",
            &["resnetv15_pool1_fwd", "pads"],
        ),
        (
            "sum of three",
            |m| {
                node(m, "resnetv15_stage1__plus0").op_type = "Sum".into();
                node(m, "resnetv15_stage1__plus0").input.push("resnetv15_pool0_fwd".into());
            },
            "node",
            &["resnetv15_stage1__plus0", "layer1.0"],
        ),
        ("missing tensor", |m| tensor(m, WEIGHT).name = "other".into(), "tensor", &[WEIGHT, "missing"]),
    ];
    let good = Model::decode(&*golden("mxnet.onnx")).unwrap();
    for (case, break_it, kind, texts) in cases {
        let mut model = good.clone();
        // IR 3 lists initialisers as inputs. Without that list, a missing initialiser is reported as missing.
        model.graph.as_mut().unwrap().input.truncate(1);
        break_it(&mut model);
        expect(case, load("model.onnx", &model.encode_to_vec(), Arch::RESNET18), kind, texts);
    }
}

#[test]
fn bytes_without_a_graph_are_malformed() {
    // Protobuf groups, which nest without lengths, in a field that is skipped.
    let deep = [vec![99 << 3 | 3_u64; 5000], vec![99 << 3 | 4; 5000]].concat();
    let deep: Vec<u8> = deep.into_iter().flat_map(varint).collect();
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("empty", vec![], "has no graph"),
        ("web page", b"<!DOCTYPE html><html><body>404</body></html>".to_vec(), "not an ONNX file"),
        (
            "Git LFS pointer",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:c1d4\nsize 46748516\n".to_vec(),
            "not an ONNX file",
        ),
        ("zeros", vec![0; 4096], "not an ONNX file"),
        ("graph claims 4 GB", [&[0x3a], varint(u64::from(u32::MAX)).as_slice(), &[0; 64]].concat(), "not an ONNX file"),
        ("graph claims 2^63 bytes", [&[0x3a], varint(1 << 63).as_slice(), &[0; 64]].concat(), "not an ONNX file"),
        ("packed floats claim 4 GB", floats_claiming(u64::from(u32::MAX)), "not an ONNX file"),
        ("nested 5000 deep", deep, "not an ONNX file"),
    ];
    for (case, bytes, text) in cases {
        expect(case, load("model.onnx", &bytes, Arch::RESNET18), "malformed", &[text]);
    }
    assert_no_big_allocation();
}

/// A graph with an initialiser whose `float_data` claims to be `length` bytes long.
fn floats_claiming(length: u64) -> Vec<u8> {
    let tensor = [&[4 << 3 | 2], varint(length).as_slice(), &[0; 16]].concat();
    let graph = [&[5 << 3 | 2], varint(tensor.len() as u64).as_slice(), &tensor].concat();
    [&[7 << 3 | 2], varint(graph.len() as u64).as_slice(), &graph].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 128 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// The peak address space of this process stays far below the 4 GB that the headers claim.
fn assert_no_big_allocation() {
    match std::fs::read_to_string("/proc/self/status") {
        Ok(status) => {
            let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
            let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
            assert!(kilobytes < 3 << 20, "peak of {kilobytes} kB");
        }
        Err(_) => eprintln!("SKIPPED: the peak of memory can only be read on Linux"),
    }
}

#[test]
fn truncated_and_damaged_files_never_panic() {
    for (file, arch) in [
        ("mxnet.onnx", Arch::RESNET18),
        ("dynamo_unoptimized.onnx", Arch::RESNET18),
        ("legacy_folded.onnx", Arch::RESNET18),
        ("torch.safetensors", Arch::RESNET18),
        ("yamnet.onnx", Arch::YAMNET),
        ("yamnet.tflite", Arch::YAMNET),
    ] {
        let good = golden(file);
        for length in (0..good.len() * 9 / 10).step_by(1499) {
            assert!(load(file, &good[..length], arch).is_err(), "{file} cut to {length} bytes");
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..100 {
            let mut bytes = good.clone();
            for _ in 0..rng.random_range(1..20) {
                // Half of the damage in the first bytes, where the structure of a safetensors file is.
                let end = if rng.random() { bytes.len() } else { bytes.len().min(16_384) };
                let place = rng.random_range(0..end);
                bytes[place] = rng.random();
            }
            let _ = load(file, &bytes, arch);
        }
    }
}

/// Replaces words of the file by large, negative and small offsets: no offset may lead out of the file.
#[test]
fn offsets_of_a_tflite_file_are_checked() {
    let good = golden("yamnet.tflite");
    // Weights lie between the graph's tables and change nothing; a prime step reaches every kind of word.
    for place in (0..good.len() / 4 - 1).step_by(7) {
        for value in [u32::MAX, i32::MAX as u32, 1 << 31, 4, 0] {
            let mut bytes = good.clone();
            bytes[4 * place..4 * place + 4].copy_from_slice(&value.to_le_bytes());
            let _ = load("yamnet.tflite", &bytes, Arch::YAMNET);
        }
    }
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("empty", vec![], "TFL3"),
        ("web page", b"<!DOCTYPE html><html></html>".to_vec(), "TFL3"),
        ("no more than the mark", b"\x08\0\0\0TFL3".to_vec(), "leads out of the file"),
        ("root of 4 GB", [&[255; 4][..], b"TFL3", &[0; 64]].concat(), "leads out of the file"),
    ];
    for (case, bytes, text) in cases {
        expect(case, load("yamnet.tflite", &bytes, Arch::YAMNET), "malformed", &[text]);
    }
    assert_no_big_allocation();
}

#[test]
fn broken_yamnets_name_the_layer() {
    let good = Model::decode(&*golden("yamnet.onnx")).unwrap();
    let conv = |model: &Model, index: usize| {
        let nodes = &model.graph.as_ref().unwrap().node;
        nodes.iter().filter(|node| node.op_type == "Conv").nth(index).unwrap().output[0].clone()
    };
    type Break = fn(&mut Model, &str);
    fn of<'a>(model: &'a mut Model, output: &str) -> &'a mut Node {
        model.graph.as_mut().unwrap().node.iter_mut().find(|node| node.output[0] == output).unwrap()
    }
    let cases: [(&str, usize, Break, &str, &str); 4] = [
        (
            "groups",
            1,
            |m, name| of(m, name).attribute.iter_mut().find(|a| a.name == "group").unwrap().i = 1,
            "node",
            "group 1",
        ),
        (
            "stride",
            2,
            |m, name| of(m, name).attribute.iter_mut().find(|a| a.name == "strides").unwrap().ints[0] = 2,
            "node",
            "strides",
        ),
        (
            "padding",
            0,
            |m, name| of(m, name).attribute.iter_mut().find(|a| a.name == "pads").unwrap().ints[0] = 1,
            "node",
            "pads",
        ),
        ("operator", 5, |m, name| of(m, name).op_type = "ConvTranspose".into(), "node", "expected a Conv"),
    ];
    for (case, index, break_it, kind, text) in cases {
        let mut model = good.clone();
        let name = conv(&model, index);
        break_it(&mut model, &name);
        expect(case, load("yamnet.onnx", &model.encode_to_vec(), Arch::YAMNET), kind, &[text]);
    }
    expect(
        "a ResNet's name",
        load("yamnet.tflite", &golden("yamnet.tflite"), Arch::RESNET18),
        "unsupported",
        &["YAMNet"],
    );
    expect("a ResNet's file", load("mxnet.onnx", &golden("mxnet.onnx"), Arch::YAMNET), "node", &["kernel_shape"]);
}

#[test]
fn an_empty_weight_does_not_size_its_bias() {
    // In this export, a bias is a single value that is repeated to the weight's length.
    let mut model = Model::decode(&*golden("dynamo_unoptimized.onnx")).unwrap();
    let weight = tensor(&mut model, "conv1.weight");
    weight.dims = vec![1 << 60, 0, 7, 7];
    weight.raw_data.clear();
    let bytes = model.encode_to_vec();
    expect("empty weight", load("model.onnx", &bytes, Arch::RESNET18), "tensor", &["conv1.weight", "no numbers"]);
}

#[test]
fn the_mean_must_be_over_height_and_width() {
    let mut model = Model::decode(&*golden("dynamo_embedded.onnx")).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let mean = nodes.iter_mut().find(|node| node.op_type == "ReduceMean").unwrap();
    let name = mean.name.clone();
    mean.input.truncate(1);
    let bytes = model.encode_to_vec();
    expect("mean of all", load("model.onnx", &bytes, Arch::RESNET18), "node", &[&name, "axes []"]);
}

#[test]
fn external_data_must_be_in_the_folder_and_in_the_file() {
    const FILE: &str = "dynamo_external.onnx.data";
    let cases: [(&str, &str, &str, &[&str]); 7] = [
        ("absolute", "location", "/etc/passwd", &["conv1.weight", "does not lie in the model's folder"]),
        ("parent", "location", "../secret", &["conv1.weight", "does not lie in the model's folder"]),
        ("hidden parent", "location", "a/../../secret", &["conv1.weight", "does not lie in the model's folder"]),
        ("absent file", "location", "absent.data", &["conv1.weight", "absent.data"]),
        ("offset past the end", "offset", "100000000", &["conv1.weight", FILE]),
        ("length of 2^64 - 1", "length", "18446744073709551615", &["conv1.weight", FILE]),
        ("no number", "offset", "ten", &["conv1.weight", "offset is not a number"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), golden(FILE)).unwrap();
    let path = folder.path().join("model.onnx");
    for (case, key, value, texts) in cases {
        let mut model = Model::decode(&*golden("dynamo_external.onnx")).unwrap();
        let entries = &mut tensor(&mut model, "conv1.weight").external_data;
        entries.iter_mut().find(|entry| entry.key == key).unwrap().value = value.into();
        std::fs::write(&path, model.encode_to_vec()).unwrap();
        expect(case, BackboneWeights::load(&path, Arch::RESNET18), "tensor", texts);
    }
}

#[test]
fn a_file_of_another_architecture_is_refused() {
    let cases = [
        ("mxnet.onnx", Arch::RESNET34, "node", "layer1.2 begins with"),
        ("resnet34.onnx", Arch::RESNET18, "node", "layer2.0 begins with"),
        ("torch.safetensors", Arch::RESNET34, "tensor", "layer1.2.conv1.weight`: missing"),
    ];
    for (file, arch, kind, text) in cases {
        expect(file, load(file, &golden(file), arch), kind, &[text]);
    }
    let deeper = edited(|tensors| {
        let extra = ("layer1.2.conv1.weight".into(), tensors[1].1.clone());
        tensors.push(extra);
    });
    expect(
        "extra block",
        load("a.safetensors", &deeper, Arch::RESNET18),
        "tensor",
        &["layer1.2.conv1.weight", "another architecture"],
    );
}

type Tensors = Vec<(String, (Dtype, Vec<usize>, Vec<u8>))>;

/// The torch golden after an edit of its tensors, written by the `safetensors` crate.
fn edited(edit: impl FnOnce(&mut Tensors)) -> Vec<u8> {
    let bytes = golden("torch.safetensors");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Tensors = file
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
        .collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    edit(&mut tensors);
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, data))| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

fn of<'a>(tensors: &'a mut Tensors, name: &str) -> &'a mut (Dtype, Vec<usize>, Vec<u8>) {
    &mut tensors.iter_mut().find(|(other, _)| other == name).unwrap().1
}

#[test]
fn broken_safetensors_name_the_tensor() {
    const WEIGHT: &str = "layer3.1.conv2.weight";
    const MEAN: &str = "layer2.0.downsample.1.running_mean";
    type Break = fn(&mut Tensors);
    let cases: [(&str, Break, &[&str]); 7] = [
        ("wrong shape", |t| of(t, WEIGHT).1 = vec![12 * 12, 9], &[WEIGHT, "[144, 9]"]),
        (
            "wrong width",
            |t| *of(t, WEIGHT) = (Dtype::F32, vec![12, 6, 3, 3], vec![0; 12 * 6 * 9 * 4]),
            &[WEIGHT, "input channels: 6, expected 12"],
        ),
        ("norm of another width", |t| *of(t, MEAN) = (Dtype::F32, vec![2], vec![0; 8]), &[MEAN, "[2], expected [6]"]),
        ("missing statistics", |t| t.retain(|(name, _)| name != MEAN), &[MEAN, "missing"]),
        ("NaN", |t| of(t, WEIGHT).2[..4].copy_from_slice(&f32::NAN.to_le_bytes()), &[WEIGHT, "element 0", "NaN"]),
        ("int16", |t| *of(t, MEAN) = (Dtype::I16, vec![6], vec![0; 12]), &[MEAN, "I16", "F32"]),
        (
            "two input channels",
            |t| *of(t, "conv1.weight") = (Dtype::F32, vec![3, 2, 7, 7], vec![0; 3 * 2 * 49 * 4]),
            &["conv1.weight", "2 input channels"],
        ),
    ];
    for (case, break_it, texts) in cases {
        expect(case, load("a.safetensors", &edited(break_it), Arch::RESNET18), "tensor", texts);
    }
    // Intact, written by the official crate, under a name without a known extension.
    load("weights.bin", &edited(|_| ()), Arch::RESNET18).unwrap();
}

#[test]
fn safetensors_headers_are_checked() {
    let with_header = |header: &str| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat();
    let with_conv1 = |entry: &str| with_header(&format!(r#"{{"conv1.weight": {entry}}}"#));
    let cases = [
        ("empty", vec![], "malformed", "shorter than 8 bytes"),
        ("header of 4 GB", [&u64::from(u32::MAX).to_le_bytes()[..], b"{}"].concat(), "malformed", "4294967295"),
        (
            "header of 2^64 - 1 bytes",
            [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
            "malformed",
            "18446744073709551615",
        ),
        ("no JSON", with_header("{no json}"), "malformed", "header"),
        ("deep JSON", with_header(&format!(r#"{{"a":{}"#, "[".repeat(100_000))), "malformed", "recursion"),
        ("metadata of numbers", with_header(r#"{"__metadata__": {"a": 1}}"#), "malformed", "__metadata__"),
        ("no entry", with_conv1("7"), "tensor", "conv1.weight"),
        (
            "offsets outside",
            with_conv1(r#"{"dtype":"F32","shape":[1],"data_offsets":[8,12]}"#),
            "tensor",
            "conv1.weight",
        ),
        (
            "offsets backwards",
            with_conv1(r#"{"dtype":"F32","shape":[1],"data_offsets":[8,4]}"#),
            "tensor",
            "conv1.weight",
        ),
        (
            "offsets near 2^64",
            with_conv1(r#"{"dtype":"F32","shape":[4611686018427387903],"data_offsets":[0,18446744073709551612]}"#),
            "tensor",
            "conv1.weight",
        ),
        (
            "4 GB shape",
            with_conv1(r#"{"dtype":"F32","shape":[1073741824],"data_offsets":[0,8]}"#),
            "tensor",
            "conv1.weight",
        ),
        (
            "half a number",
            with_conv1(r#"{"dtype":"F32","shape":[1],"data_offsets":[0,5]}"#),
            "tensor",
            "inside a number",
        ),
    ];
    for (case, bytes, kind, text) in cases {
        expect(case, load("a.safetensors", &bytes, Arch::RESNET18), kind, &[text]);
    }
    assert_no_big_allocation();
}

#[test]
fn paths_without_a_weight_file_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let big = folder.path().join("big.onnx");
    std::fs::File::create(&big).unwrap().set_len(4 << 30).unwrap();
    let cases: [(&str, PathBuf, &str, &str); 3] = [
        ("absent", folder.path().join("absent.onnx"), "io", "absent.onnx"),
        ("folder", folder.path().to_owned(), "unsupported", "not a regular file"),
        ("4 GB", big, "limit", "4294967296 bytes"),
    ];
    for (case, path, kind, text) in cases {
        expect(case, BackboneWeights::load(&path, Arch::RESNET18), kind, &[text]);
    }
}
