//! Graphs that compute the same with other operators or number types give the same weights.

use crate::proto::{self, Attribute, Model, Node, Tensor};
use half::{bf16, f16};
use model::{Arch, BackboneWeights};
use prost::Message;
use rten::ValueView;

/// Its images are 64 x 64, so the map before the pooling is 2 x 2.
const GOLDEN: &str = "tests/goldens/legacy_folded.onnx";

fn golden() -> Model {
    Model::decode(&*std::fs::read(GOLDEN).unwrap()).unwrap()
}

fn load(model: &Model, arch: Arch) -> BackboneWeights {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    BackboneWeights::load(&path, arch).unwrap()
}

/// The graph's own output for two images, from an engine that knows nothing of ResNets.
fn logits(model: &Model) -> Vec<f32> {
    let engine = rten::Model::load(model.encode_to_vec()).unwrap();
    let images: Vec<f32> = (0..2 * 3 * 64 * 64).map(|i| (i * 7919 % 1021) as f32 / 1020.0).collect();
    let images = ValueView::from_shape([2, 3, 64, 64], &images[..]).unwrap();
    let [output] = engine.run_n(vec![(engine.input_ids()[0], images.into())], [engine.output_ids()[0]], None).unwrap();
    output.into_shape_vec::<f32, 2>().unwrap().1
}

fn nodes(model: &mut Model) -> &mut Vec<Node> {
    &mut model.graph.as_mut().unwrap().node
}

fn node(operator: &str, input: &str, output: &str, attribute: Vec<Attribute>) -> Node {
    let [input, output] = [input, output].map(|name| vec![name.to_owned()]);
    Node { input, output, op_type: operator.into(), attribute, ..Node::default() }
}

/// Puts nodes of `operator` behind every ReLU and the graph's input; each passes its input on.
fn pass_on(model: &mut Model, operator: &str, attributes: &[Attribute]) {
    let image = model.graph.as_ref().unwrap().input[0].name.clone();
    let relus = nodes(model).iter().filter(|node| node.op_type == "Relu").map(|node| node.output[0].clone());
    let values: Vec<String> = relus.chain([image]).collect();
    for value in values {
        let copies = [format!("{value}.copy"), format!("{value}.copy.copy")];
        for user in nodes(model).iter_mut() {
            // The shortcut of a block and its convolution may use different copies.
            let copy = &copies[usize::from(user.op_type == "Conv")];
            user.input.iter_mut().filter(|input| **input == value).for_each(|input| input.clone_from(copy));
        }
        let place = nodes(model).iter().position(|node| node.output[0] == value).map_or(0, |place| place + 1);
        let chain = [(&value, &copies[0]), (&copies[0], &copies[1])];
        let chain = chain.map(|(from, to)| node(operator, from, to, attributes.to_vec()));
        nodes(model).splice(place..place, chain);
    }
}

#[test]
fn other_operators_with_the_same_outputs_are_accepted() {
    fn ints(name: &str, ints: &[i64]) -> Attribute {
        Attribute { name: name.into(), ints: ints.to_vec(), kind: proto::ATTRIBUTE_INTS, ..Attribute::default() }
    }
    let to_float =
        Attribute { name: "to".into(), i: proto::FLOAT.into(), kind: proto::ATTRIBUTE_INT, ..Attribute::default() };
    let pool = |model: &mut Model| {
        let pool = nodes(model).iter_mut().find(|node| node.op_type == "GlobalAveragePool").unwrap();
        pool.op_type = "AveragePool".into();
        pool.attribute = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[1, 1])];
    };
    let sum = |model: &mut Model| {
        let sums = nodes(model).iter_mut().filter(|node| node.op_type == "Add");
        assert_eq!(sums.map(|node| node.op_type = "Sum".into()).count(), 8);
    };
    type Change<'a> = &'a dyn Fn(&mut Model);
    let cases: [(&str, Change); 4] = [
        ("AveragePool", &pool),
        ("Sum", &sum),
        ("Identity", &|model| pass_on(model, "Identity", &[])),
        ("Cast", &|model| pass_on(model, "Cast", std::slice::from_ref(&to_float))),
    ];
    let (weights, expected) = (load(&golden(), Arch::RESNET18), logits(&golden()));
    for (case, change) in cases {
        let mut model = golden();
        change(&mut model);
        assert!(model != golden());
        assert!(load(&model, Arch::RESNET18) == weights, "{case}: other weights");
        assert_eq!(logits(&model), expected, "{case}: the change keeps the output");
    }
    // This engine has no Dropout.
    let mut model = golden();
    pass_on(&mut model, "Dropout", &[]);
    assert!(load(&model, Arch::RESNET18) == weights, "Dropout: other weights");
}

/// torchvision's own size: an average over 7 x 7 of an image whose size is not declared, and of one of 224 x 224.
#[test]
fn an_average_over_7_x_7_is_that_of_224_pixels() {
    for size in [None, Some(224), Some(256)] {
        let mut model = golden();
        let pool = nodes(&mut model).iter_mut().find(|node| node.op_type == "GlobalAveragePool").unwrap();
        pool.op_type = "AveragePool".into();
        let kernel = Attribute { name: "kernel_shape".into(), ints: vec![7, 7], ..Attribute::default() };
        pool.attribute = vec![kernel];
        let input = &mut model.graph.as_mut().unwrap().input[0];
        let shape = input.kind.as_mut().unwrap().tensor.as_mut().unwrap().shape.as_mut().unwrap();
        for dimension in &mut shape.dim[2..] {
            dimension.size = Some(size.map_or(proto::Size::Named("side".into()), proto::Size::Fixed));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, model.encode_to_vec()).unwrap();
        match BackboneWeights::load(&path, Arch::RESNET18) {
            Ok(weights) => assert!(size != Some(256) && weights == load(&golden(), Arch::RESNET18), "{size:?}"),
            Err(error) => assert!(size == Some(256) && error.to_string().contains("expected [8, 8]"), "{error}"),
        }
    }
}

/// The weights of a file in 16 bits are those of the same file in 32 bits after rounding.
#[test]
fn numbers_of_16_bits_are_read() {
    fn numbers(tensor: &Tensor) -> Vec<f32> {
        let raw = tensor.raw_data.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number));
        tensor.float_data.iter().copied().chain(raw).collect()
    }
    fn store(tensor: &mut Tensor, kind: i32, raw: Option<Vec<u8>>, int32: Vec<i32>) {
        tensor.data_type = kind;
        tensor.float_data.clear();
        tensor.raw_data = raw.unwrap_or_default();
        tensor.int32_data = int32;
    }
    type Bits = fn(f32) -> u16;
    type Value = fn(u16) -> f32;
    let kinds: [(i32, Bits, Value); 2] = [
        (proto::FLOAT16, |x| f16::from_f32(x).to_bits(), |bits| f16::from_bits(bits).to_f32()),
        (proto::BFLOAT16, |x| bf16::from_f32(x).to_bits(), |bits| bf16::from_bits(bits).to_f32()),
    ];
    for (file, arch) in [(GOLDEN, Arch::RESNET18), ("tests/goldens/yamnet.onnx", Arch::YAMNET)] {
        let good = Model::decode(&*std::fs::read(file).unwrap()).unwrap();
        for (kind, bits, value) in kinds {
            let (mut rounded, mut raw, mut integers) = (good.clone(), good.clone(), good.clone());
            let [all, raws, ints] = [&mut rounded, &mut raw, &mut integers]
                .map(|model| model.graph.as_mut().unwrap().initializer.iter_mut());
            let is_float = |tensor: &Tensor| tensor.data_type == proto::FLOAT;
            for ((rounded, raw), integers) in all.zip(raws).zip(ints).filter(|((tensor, _), _)| is_float(tensor)) {
                let halves: Vec<u16> = numbers(rounded).into_iter().map(bits).collect();
                let bytes = halves.iter().flat_map(|bits| value(*bits).to_le_bytes()).collect();
                store(rounded, proto::FLOAT, Some(bytes), Vec::new());
                store(raw, kind, Some(halves.iter().flat_map(|bits| bits.to_le_bytes()).collect()), Vec::new());
                store(integers, kind, None, halves.iter().map(|bits| i32::from(*bits)).collect());
            }
            let expected = load(&rounded, arch);
            assert!(expected != load(&good, arch), "{file}, {kind}: rounding changes the weights");
            assert!(load(&raw, arch) == expected && load(&integers, arch) == expected, "{file}, {kind}");
        }
    }
}
