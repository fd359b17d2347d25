//! Encoders in ONNX files give what ONNX Runtime gives, also from saved and exported models, and what does not fit is refused by name.
//! `scripts/goldens/encoders_golden.py` writes the goldens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use model::{
    Arch, BackboneWeights, Compute, DeviceName, EngineName, Error, FrozenOutput, GraphBinding, Head, HeadConfig,
    Layout, ModelInfo, Normalisation, describe_onnx,
};
use rand::SeedableRng;
use rten::{Model, Value, ValueView};

/// An encoder: name, input, its rows and columns, layout and normalisation.
struct Case(&'static str, &'static str, [usize; 2], &'static str, Normalisation);

fn cases() -> [Case; 4] {
    let imagenet = Normalisation::Fixed { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] };
    let fixed = Normalisation::Fixed { mean: vec![0.1], std: vec![1.5] };
    [
        Case("waveform", "waveform", [1, 8000], "batch,samples", Normalisation::PerClip),
        Case("log_mel", "log_mel", [51, 64], "batch,1,frames,bands", Normalisation::None),
        Case("patches", "log_mel", [96, 32], "batch,frames,bands", fixed),
        Case("image", "image", [64, 64], "batch,3,height,width", imagenet),
    ]
}

fn file(name: &str) -> PathBuf {
    Path::new("tests/goldens/encoders").join(format!("{name}.onnx"))
}

fn binding(Case(_, input, _, layout, normalisation): &Case) -> GraphBinding {
    let layout = Layout::parse(layout, input).unwrap();
    GraphBinding { input: None, layout, normalisation: normalisation.clone(), output: None }
}

fn load(case: &Case) -> Result<BackboneWeights, Error> {
    let (weights, sha256) = BackboneWeights::load_onnx(&file(case.0), &binding(case), (case.1, case.2))?;
    assert_eq!(sha256, durable::sha256_hex(&std::fs::read(file(case.0)).unwrap()));
    Ok(weights)
}

/// The records of the script.
fn records([rows, columns]: [usize; 2]) -> Vec<f32> {
    (0..3 * rows * columns).map(|i| (i * 7919 % 1021) as f32 / 510.0 - 1.0).collect()
}

fn expected(name: &str) -> Vec<f32> {
    let text = std::fs::read_to_string("tests/goldens/encoders/expected.json").unwrap();
    serde_json::from_str::<BTreeMap<String, Vec<f32>>>(&text).unwrap().remove(name).unwrap()
}

fn embed(weights: &BackboneWeights, Case(_, input, shape, ..): &Case, engine: EngineName) -> Vec<f32> {
    let compute = Compute::new(DeviceName::Cpu, engine).unwrap();
    compute.engine(weights, &[(*input, *shape)]).unwrap().embed(&records(*shape)).unwrap()
}

/// Fails unless the values agree within 1e-4, the sum of two engines' rounding in ten or so layers.
fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 1e-4, "{what}: {worst}");
}

#[test]
fn every_encoder_gives_onnx_runtimes_embeddings_whatever_engine_is_chosen() {
    for case in cases() {
        let weights = load(&case).unwrap();
        let expected = expected(case.0);
        assert_eq!((weights.arch(), weights.n_outputs() * 3), (Arch::ONNX, expected.len()), "{}", case.0);
        for engine in [EngineName::Auto, EngineName::Burn, EngineName::Rten] {
            assert_close(case.0, &embed(&weights, &case, engine), &expected);
        }
    }
}

#[test]
fn frames_are_those_of_the_graph_and_their_mean_is_the_embedding() {
    let compute = Compute::new(DeviceName::Cpu, EngineName::Auto).unwrap();
    for (case, frames) in cases().into_iter().zip([Some([98, 24]), None, Some([20, 24]), Some([16, 20])]) {
        let weights = load(&case).unwrap();
        let inputs = [(case.1, case.2)];
        assert_eq!(weights.frames(&inputs), frames, "{}", case.0);
        let engine = compute.engine_to(FrozenOutput::Frames, &weights, &inputs);
        let Some([t, d]) = frames else {
            assert!(engine.is_err());
            continue;
        };
        let found = engine.unwrap().embed(&records(case.2)).unwrap();
        let pooling = weights.frame_pooling().unwrap();
        let pooled: Vec<f32> = found.chunks(t * d).flat_map(|frames| pooling.pool(frames)).collect();
        assert_close(case.0, &pooled, &expected(case.0));
    }
}

fn head_and_info(weights: &BackboneWeights) -> (Head, ModelInfo) {
    let config = HeadConfig::mlp(8, 0.0);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
    let head = Head::new(&config, weights.n_outputs(), 2, &mut rng, &Device::flex());
    let info = ModelInfo {
        arch: weights.arch(),
        labels: vec!["hungry".into(), "tired".into()],
        head: config,
        gate: None,
        features: serde_json::Value::Null,
        calibration: serde_json::Value::Null,
        backbone_source: "goldens".into(),
        provenance: serde_json::Value::Null,
    };
    (head, info)
}

/// The logits of an exported file in rten, record by record, as another program would compute them.
fn logits_in_rten(path: &Path, [rows, columns]: [usize; 2]) -> Vec<f32> {
    let model = Model::load_file(path).unwrap();
    let [input, logits] = [model.node_id("input").unwrap(), model.node_id("logits").unwrap()];
    let run = |record: &[f32]| {
        let record = ValueView::from_shape([1, 1, rows, columns], record).unwrap();
        let [logits]: [Value; 1] = model.run_n(vec![(input, record.into())], [logits], None).unwrap();
        logits.into_shape_vec::<f32, 2>().unwrap().1
    };
    records([rows, columns]).chunks(rows * columns).flat_map(run).collect()
}

#[test]
fn saved_and_exported_models_contain_the_encoder() {
    let folder = tempfile::tempdir().unwrap();
    for case in cases() {
        let Case(name, input, shape, ..) = &case;
        let weights = load(&case).unwrap();
        let (head, info) = head_and_info(&weights);
        let [saved, exported] = ["safetensors", "onnx"].map(|format| folder.path().join(format!("{name}.{format}")));
        model::save_model(&saved, &info, &weights, &head, None).unwrap();
        model::save_onnx(&exported, &info, &weights, &head, None, &[(*input, *shape)]).unwrap();
        for path in [&saved, &exported] {
            let loaded = model::load_model(path, &Device::flex()).unwrap();
            assert_eq!(loaded.info, info);
            assert!(loaded.weights == weights, "{name}: the same graph");
            assert_eq!(loaded.weights.fingerprint(), weights.fingerprint());
            assert_close(name, &embed(&loaded.weights, &case, EngineName::Auto), &expected(name));
        }
        let expected = head.classify(&expected(name), 3).unwrap();
        assert_close(name, &logits_in_rten(&exported, *shape), &expected);
    }
}

#[test]
fn what_decides_an_embedding_changes_the_fingerprint() {
    let [waveform, _, patches, _] = cases();
    let of = |case: &Case| load(case).unwrap().fingerprint();
    let plain = |Case(name, input, shape, layout, _): Case| Case(name, input, shape, layout, Normalisation::None);
    let (one, other) = (of(&waveform), of(&patches));
    assert_eq!(of(&waveform), one);
    assert_ne!(of(&plain(waveform)), one);
    assert_ne!(of(&plain(patches)), other);
    assert_ne!(one, other);
}

#[test]
fn what_does_not_fit_is_refused_with_the_key_or_the_node() {
    let [waveform, log_mel, patches, image] = cases();
    let message = |case: &Case| load(case).unwrap_err().to_string();
    let with = |Case(name, input, shape, _, normalisation): &Case, layout: &'static str| {
        message(&Case(name, input, *shape, layout, normalisation.clone()))
    };
    let wrong = with(&log_mel, "batch,frames,bands");
    assert!(wrong.contains("backbone.input.layout") && wrong.contains("takes [?, 1, 51, 64]"), "{wrong}");
    let wrong = with(&log_mel, "batch,1,bands,frames");
    assert!(wrong.contains("gives [?, 1, 64, 51]"), "{wrong}");
    let wrong = with(&image, "batch,1,height,width");
    assert!(wrong.contains("backbone.input.mean: 3 numbers for the 1 channels"), "{wrong}");
    let longer = Case(patches.0, patches.1, [97, 32], patches.3, patches.4.clone());
    let wrong = message(&longer);
    assert!(wrong.contains("gives [?, 97, 32], but the graph's input `x` takes [1, 96, 32]"), "{wrong}");
    let named = |input: Option<&str>, output: Option<&str>| {
        let (input, output) = (input.map(Into::into), output.map(Into::into));
        let binding = GraphBinding { input, output, ..binding(&waveform) };
        BackboneWeights::load_onnx(&file("waveform"), &binding, ("waveform", [1, 8000]))
    };
    assert!(named(Some("x"), Some("y")).is_ok());
    let wrong = named(Some("sound"), None).unwrap_err().to_string();
    assert!(wrong.contains("backbone.input.name: the graph has no input `sound`: it has `x`"), "{wrong}");
    let wrong = named(None, Some("z")).unwrap_err().to_string();
    assert!(wrong.contains("backbone.input.output: the graph has no output `z`: it has `y`"), "{wrong}");
    let engine = Compute::new(DeviceName::Cpu, EngineName::Auto).unwrap();
    let other_shape = engine.engine(&load(&waveform).unwrap(), &[("waveform", [1, 9000])]).err().unwrap();
    assert!(other_shape.to_string().contains("adapted to inputs of 1 x 8000"), "{other_shape}");
}

#[test]
fn old_operators_and_those_that_rten_lacks_are_named() {
    let old = describe_onnx(Path::new("tests/goldens/mxnet.onnx")).unwrap();
    assert!(old.refusal.unwrap().contains("opset 8, and at least 13 is read"));
    let case = Case("../mxnet", "image", [64, 64], "batch,3,height,width", Normalisation::None);
    assert!(load(&case).unwrap_err().to_string().contains("onnx.version_converter"));

    let bytes = std::fs::read(file("log_mel")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unknown.onnx");
    // The operator of every `Relu` gets another name of the same length.
    let renamed = bytes.windows(6).position(|window| window == b"\x22\x04Relu").unwrap();
    let mut unknown = bytes;
    unknown[renamed + 2..renamed + 6].copy_from_slice(b"Cool");
    std::fs::write(&path, unknown).unwrap();
    let found = describe_onnx(&path).unwrap();
    let node = &found.unsupported[0];
    assert!(node.operator == "Cool" && node.reason.contains("Cool"), "{node:?}");
    let [_, log_mel, ..] = cases();
    let error = BackboneWeights::load_onnx(&path, &binding(&log_mel), (log_mel.1, log_mel.2)).unwrap_err();
    assert!(matches!(error.cause(), Error::Node { node: name, .. } if *name == node.node), "{error}");
    assert!(error.to_string().contains("rten does not run its operator Cool"), "{error}");
}

#[test]
fn a_description_names_what_a_graph_takes_and_gives() {
    let found = describe_onnx(&file("patches")).unwrap();
    assert_eq!((found.opset, found.inputs.len(), found.outputs.len()), (20, 1, 1));
    assert_eq!((found.inputs[0].name.as_str(), found.inputs[0].shape().as_str()), ("x", "[1, 96, 32]"));
    assert!(found.unsupported.is_empty() && found.refusal.is_none() && found.n_nodes > 10);
    let dynamic = describe_onnx(&file("waveform")).unwrap();
    assert_eq!(dynamic.inputs[0].shape(), "[?, 8000]");
}
