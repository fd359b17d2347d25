"""Writes the golden files of a narrow YAMNet with random weights, and of YAMNet's spectrogram.

    venv/bin/python scripts/goldens/yamnet_golden.py     # crates/model/tests/goldens and crates/features/tests/goldens

yamnet.tflite and yamnet.onnx hold the same weights: depthwise kernels as float32, all others as int8 with a scale for each output.
ONNX Runtime computes the expected outputs of both from the weights int8 times scale. yamnet_float16.tflite holds the weights in float16;
the TFLite runtime computes its scores. The spectrogram is the authors' in float64.
"""

import json
import pathlib
import sys

import flatbuffers
import numpy as np
import onnx
import onnxruntime
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT
from wail_scripts.triangle import pcm16
from wail_scripts.yamnet_spectrogram import spectrogram

CRATES = ROOT / "crates"
# research/audioset/yamnet/yamnet.py: strides and channels after the first layer, with 2 channels in place of its 32.
WIDTH, N_CLASSES, CRY = 2, 21, 20
LAYERS = [(1, 2), (2, 4), (1, 4), (2, 8), (1, 8), (2, 16), (1, 16), (1, 16), (1, 16), (1, 16), (1, 16), (2, 32), (1, 32)]
N_IMAGES, FRAMES, BANDS = 2, 144, 64
STRIDE = 13


def layers(rng):
    """The convolutions, each with weight [outputs, inputs, k, k], bias, stride and whether it is depthwise; and the classifier."""
    convs = []

    def conv(outputs, inputs, kernel, stride, depthwise):
        fan_in = inputs * kernel**2
        weight = rng.normal(0, np.sqrt(2 / fan_in), (outputs, inputs, kernel, kernel))
        convs.append((weight.astype(np.float32), rng.normal(0, 0.1, outputs).astype(np.float32), stride, depthwise))

    conv(WIDTH, 1, 3, 2, False)
    inputs = WIDTH
    for stride, channels in LAYERS:
        conv(inputs, 1, 3, stride, True)
        conv(WIDTH * channels, inputs, 1, 1, False)
        inputs = WIDTH * channels
    classifier = rng.normal(0, 0.3, (N_CLASSES, inputs)).astype(np.float32), rng.normal(0, 0.3, N_CLASSES).astype(np.float32)
    return convs, classifier


def quantised(weight):
    """The weight as int8, and a scale for each index of the first axis."""
    scales = np.abs(weight.reshape(len(weight), -1)).max(axis=1) / 127
    shape = [-1] + [1] * (weight.ndim - 1)
    return np.round(weight / scales.reshape(shape)).astype(np.int8), scales.astype(np.float32)


def tflite(convs, classifier, float16=False):
    """The network on one patch, [1, 96, 64, 1], as the converter writes it: NHWC, fused ReLU, then mean, linear, logistic.

    With `float16`, all constants are float16, each with a node that widens it.
    """
    buffers, tensors, operators = [schema.BufferT()], [], []

    def tensor(name, shape, kind=schema.TensorType.FLOAT32, data=None, scales=None):
        item = schema.TensorT()
        item.name, item.shape, item.type = name, list(shape), kind
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            buffers.append(buffer)
            item.buffer = len(buffers) - 1
        if scales is not None:
            item.quantization = schema.QuantizationParametersT()
            item.quantization.scale, item.quantization.zeroPoint = scales.tolist(), [0] * len(scales)
        tensors.append(item)
        return len(tensors) - 1

    def constant(name, value):
        if not float16:
            return tensor(name, value.shape, data=value)
        half = tensor(f"{name}_half", value.shape, schema.TensorType.FLOAT16, value.astype(np.float16))
        return operator(names.DEQUANTIZE, [half], tensor(name, value.shape))

    def weights(name, weight, order):
        if float16:
            return constant(name, np.transpose(weight, order))
        data, scales = quantised(weight)
        return tensor(name, np.transpose(data, order).shape, schema.TensorType.INT8, np.transpose(data, order), scales)

    def operator(code, inputs, output, kind=0, options=None):
        item = schema.OperatorT()
        item.opcodeIndex, item.inputs, item.outputs = CODES.index(code), inputs, [output]
        item.builtinOptionsType, item.builtinOptions = kind, options
        operators.append(item)
        return output

    names = schema.BuiltinOperator
    CODES = ([names.DEQUANTIZE] if float16 else []) + [names.CONV_2D, names.DEPTHWISE_CONV_2D, names.MEAN, names.FULLY_CONNECTED, names.LOGISTIC]
    x = first = tensor("patch", [1, 96, 64, 1])
    size = np.array([96, 64])
    for index, (weight, bias, stride, depthwise) in enumerate(convs):
        size = size // stride
        output = tensor(f"relu{index}", [1, *size, len(weight)])
        bias = constant(f"bias{index}", bias)
        if depthwise:
            kernel = np.transpose(weight, [1, 2, 3, 0])
            options = schema.DepthwiseConv2DOptionsT()
            options.depthMultiplier = 1
            kind, code = schema.BuiltinOptions.DepthwiseConv2DOptions, names.DEPTHWISE_CONV_2D
            kernel = constant(f"weight{index}", kernel)
        else:
            kernel = weights(f"weight{index}", weight, [0, 2, 3, 1])
            options, kind, code = schema.Conv2DOptionsT(), schema.BuiltinOptions.Conv2DOptions, names.CONV_2D
        options.padding, options.strideW, options.strideH = schema.Padding.SAME, stride, stride
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        x = operator(code, [x, kernel, bias], output, kind, options)
    n_outputs = len(convs[-1][0])
    axes = tensor("axes", [2], schema.TensorType.INT32, np.array([1, 2], np.int32))
    x = operator(names.MEAN, [x, axes], tensor("embedding", [1, n_outputs]), schema.BuiltinOptions.ReducerOptions, schema.ReducerOptionsT())
    operands = weights("classifier", classifier[0], [0, 1]), constant("classifier_bias", classifier[1])
    options = schema.FullyConnectedOptionsT()
    x = operator(names.FULLY_CONNECTED, [x, *operands], tensor("logits", [1, N_CLASSES]), schema.BuiltinOptions.FullyConnectedOptions, options)
    x = operator(names.LOGISTIC, [x], tensor("scores", [1, N_CLASSES]))

    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, [first], [x], operators
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], buffers, []
    for code in CODES:
        item = schema.OperatorCodeT()
        item.builtinCode = item.deprecatedBuiltinCode = code
        model.operatorCodes.append(item)
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def dequantised(weight):
    data, scales = quantised(weight)
    return data.astype(np.float32) * scales.reshape([-1] + [1] * (weight.ndim - 1))


def onnx_model(convs, classifier):
    """The same network on [n, 1, 96, 64]."""
    nodes, initializers, x = [], [], "patches"

    def constant(name, value):
        initializers.append(numpy_helper.from_array(value, name))
        return name

    for index, (weight, bias, stride, depthwise) in enumerate(convs):
        kernel = constant(f"w{index}", weight if depthwise else dequantised(weight))
        side = weight.shape[2]
        pads = [0, 0, 1, 1] if stride == 2 else [side // 2] * 4
        group = len(weight) if depthwise else 1
        inputs = [x, kernel, constant(f"b{index}", bias)]
        attributes = {"kernel_shape": [side] * 2, "strides": [stride] * 2, "pads": pads, "group": group}
        nodes.append(helper.make_node("Conv", inputs, [f"c{index}"], **attributes))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        x = f"r{index}"
    operands = constant("classifier", dequantised(classifier[0])), constant("classifier_bias", classifier[1])
    nodes += [
        helper.make_node("GlobalAveragePool", [x], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
        helper.make_node("Gemm", ["embedding", *operands], ["logits"], transB=1),
        helper.make_node("Sigmoid", ["logits"], ["scores"]),
    ]
    value = helper.make_tensor_value_info
    outputs = [value("embedding", TensorProto.FLOAT, ["n", len(convs[-1][0])]), value("scores", TensorProto.FLOAT, ["n", N_CLASSES])]
    graph = helper.make_graph(nodes, "yamnet", [value("patches", TensorProto.FLOAT, ["n", 1, 96, 64])], outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def cry_pooled(embeddings, scores):
    """[n, 2 * channels]: mean and standard deviation over the patches, [n, patches, channels], weighted by their scores for CRY + 0.001."""
    weights = scores[..., CRY, None].astype(np.float64) + 1e-3
    weights /= weights.sum(axis=1, keepdims=True)
    mean = (embeddings * weights).sum(axis=1, keepdims=True)
    deviation = np.sqrt(((embeddings - mean) ** 2 * weights).sum(axis=1))
    return np.concatenate([mean[:, 0], deviation], axis=1).astype(np.float32)


def litert_scores(path, patches):
    """[n, classes] of patches [n, 1, 96, 64], from the TFLite runtime."""
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    patch, output = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    scores = []
    for image in patches:
        interpreter.set_tensor(patch, np.moveaxis(image, 0, -1)[None])
        interpreter.invoke()
        scores.append(interpreter.get_tensor(output)[0])
    return np.stack(scores)


def main():
    folder = CRATES / "model/tests/goldens"
    convs, classifier = layers(np.random.default_rng(7))
    (folder / "yamnet.tflite").write_bytes(tflite(convs, classifier))
    (folder / "yamnet_float16.tflite").write_bytes(tflite(convs, classifier, float16=True))
    (folder / "yamnet.onnx").write_bytes(onnx_model(convs, classifier))
    # Generated from integers only, so the Rust test generates the same images; in the range of a log-mel spectrogram.
    pixels = np.arange(N_IMAGES * FRAMES * BANDS, dtype=np.int64) * 7919 % 1021
    images = (pixels.astype(np.float32) / np.float32(1020) * 8 - 6).reshape(N_IMAGES, FRAMES, BANDS)
    patches = np.stack([image[start : start + 96] for image in images for start in (0, 48)])[:, None]
    session = onnxruntime.InferenceSession(folder / "yamnet.onnx")
    embeddings, scores = session.run(["embedding", "scores"], {"patches": patches})
    of_recordings = embeddings.reshape(N_IMAGES, 2, -1)
    expected = {
        "images": N_IMAGES,
        "frames": FRAMES,
        "embeddings": of_recordings.mean(axis=1).ravel().tolist(),
        "cry_embeddings": cry_pooled(of_recordings, scores.reshape(N_IMAGES, 2, -1)).ravel().tolist(),
        "scores": scores.ravel().tolist(),
        "float16_scores": litert_scores(folder / "yamnet_float16.tflite", patches).ravel().tolist(),
    }
    (folder / "yamnet.json").write_text(json.dumps(expected))

    # 7 s; crates/features/tests/yamnet.rs generates the same signal.
    waveform = pcm16(16_000, 1, 112_000)[:, 0].astype(np.float32) / 32_768
    kept = spectrogram(waveform).ravel()[::STRIDE].astype("<f4")
    (CRATES / "features/tests/goldens/yamnet.f32").write_bytes(kept.tobytes())


if __name__ == "__main__":
    main()
