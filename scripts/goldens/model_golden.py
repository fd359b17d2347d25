"""Writes the golden files of crates/model: ResNets in every export style, with torchvision's embeddings. Needs torch.

    venv/bin/python scripts/goldens/model_golden.py                # crates/model/tests/goldens, width 3, under 2 MB
    venv/bin/python scripts/goldens/model_golden.py --full DIR     # width 64, 224 x 224, about 0.5 GB, for WAIL_FULL_GOLDENS=DIR

All ResNet18 files hold the same weights, so they share the expected embeddings. Weights and batch norm statistics are random and seeded.
The files of torch.save and those in float16 and bfloat16 have width 1; classifiers.json holds the outputs of each. Every file comes out
the same but legacy.pth: its format names and orders the same tensors by their addresses in memory.
"""

import argparse
import copy
import json
import pathlib
import sys

import numpy as np
import onnx
import safetensors.torch
import torch
from onnx import TensorProto, helper
from torch.onnx import TrainingMode
from torchvision.models.resnet import BasicBlock, ResNet

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT, command_line

# Of 40 seeds the one with which a network of width 1 depends most on its image: in most, the only channel of the stem is dead.
NARROW_SEED = 33
DEPTHS = {"resnet18": [2, 2, 2, 2], "resnet34": [3, 4, 6, 3]}


class NarrowResNet(ResNet):
    """torchvision's ResNet with `width` instead of 64 channels in its first stage."""

    def __init__(self, depths, width):
        torch.nn.Module.__init__(self)
        self._norm_layer = torch.nn.BatchNorm2d
        self.inplanes, self.dilation, self.groups, self.base_width = width, 1, 1, 64
        self.conv1 = torch.nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(width)
        self.relu = torch.nn.ReLU(inplace=True)
        self.maxpool = torch.nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        for stage, depth in enumerate(depths):
            layer = self._make_layer(BasicBlock, width << stage, depth, stride=1 if stage == 0 else 2)
            setattr(self, f"layer{stage + 1}", layer)
        self.avgpool = torch.nn.AdaptiveAvgPool2d((1, 1))
        self.fc = torch.nn.Linear(width * 8, 5)


def random_resnet(name, width, seed=None):
    """Random weights and random batch norm, which tests its folding. The residual branches are damped to keep outputs near 1."""
    torch.manual_seed(seed or len(name) + sum(DEPTHS[name]))
    model = NarrowResNet(DEPTHS[name], width)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.3, 0.9)
            torch.nn.init.normal_(module.bias, 0.0, 0.2)
            torch.nn.init.normal_(module.running_mean, 0.0, 0.3)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            module.momentum = 0.0  # tracing in training mode must not change the statistics
    return model.eval()


def images(n, size):
    """[n, 1, size, size] in 0..1, generated from integers only; the Rust test generates the same images."""
    pixels = np.arange(n * size * size, dtype=np.int64) * 7919 % 1021
    return torch.from_numpy((pixels.astype(np.float32) / np.float32(1020)).reshape(n, 1, size, size))


def embed(model, x):
    headless = copy.deepcopy(model)
    headless.fc = torch.nn.Identity()
    with torch.no_grad():
        return headless(x)


def mxnet_style(model, shape):
    """The layout of the ONNX model zoo's resnet18-v1-7: IR 3, opset 8, batch norm nodes, weights as inputs too, in float_data."""
    nodes, initializers = [], []

    def tensor(name, value):
        value = value.detach().numpy().astype(np.float32)
        initializers.append(helper.make_tensor(name, TensorProto.FLOAT, value.shape, value.ravel().tolist()))
        return name

    def node(operator, inputs, name, **attributes):
        nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def conv_norm(x, conv, norm, prefix, index):
        weight = tensor(f"{prefix}_conv{index}_weight", conv.weight)
        padding = list(conv.padding) * 2
        x = node("Conv", [x, weight], f"{prefix}_conv{index}_fwd", kernel_shape=list(conv.kernel_size), strides=list(conv.stride),
                 pads=padding, dilations=[1, 1], group=1)
        parts = {"gamma": norm.weight, "beta": norm.bias, "running_mean": norm.running_mean, "running_var": norm.running_var}
        parts = [tensor(f"{prefix}_batchnorm{index}_{part}", value) for part, value in parts.items()]
        return node("BatchNormalization", [x, *parts], f"{prefix}_batchnorm{index}_fwd", epsilon=norm.eps, momentum=0.9, spatial=1)

    x = conv_norm("data", model.conv1, model.bn1, "resnetv15", 0)
    x = node("Relu", [x], "resnetv15_relu0_fwd")
    x = node("MaxPool", [x], "resnetv15_pool0_fwd", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for stage in range(1, 5):
        prefix, index, relus = f"resnetv15_stage{stage}", 0, 0
        for block in getattr(model, f"layer{stage}"):
            y = conv_norm(x, block.conv1, block.bn1, prefix, index)
            y = node("Relu", [y], f"{prefix}_relu{relus}_fwd")
            y = conv_norm(y, block.conv2, block.bn2, prefix, index + 1)
            index += 2
            if block.downsample is not None:
                x = conv_norm(x, block.downsample[0], block.downsample[1], prefix, index)
                index += 1
            y = node("Add", [x, y], f"{prefix}__plus{relus // 2}")
            x = node("Relu", [y], f"{prefix}_activation{relus // 2}")
            relus += 2
    x = node("GlobalAveragePool", [x], "resnetv15_pool1_fwd")
    x = node("Flatten", [x], "flatten_170")
    weights = [tensor("resnetv15_dense0_weight", model.fc.weight), tensor("resnetv15_dense0_bias", model.fc.bias)]
    x = node("Gemm", [x, *weights], "resnetv15_dense0_fwd", alpha=1.0, beta=1.0, transA=0, transB=1)
    inputs = [helper.make_tensor_value_info("data", TensorProto.FLOAT, shape)]
    inputs += [helper.make_tensor_value_info(t.name, TensorProto.FLOAT, list(t.dims)) for t in initializers]
    outputs = [helper.make_tensor_value_info(x, TensorProto.FLOAT, [shape[0], 5])]
    graph = helper.make_graph(nodes, "mxnet_converted_model", inputs, outputs, initializers)
    return helper.make_model(graph, ir_version=3, opset_imports=[helper.make_opsetid("", 8)])


def drop_stack_traces(path):
    """Removes the local paths that the dynamo exporter writes into each node; the graph stays the same."""
    model = onnx.load(path, load_external_data=False)
    for part in [model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    path.write_bytes(model.SerializeToString())


def write(folder, width, n, size):
    folder.mkdir(parents=True, exist_ok=True)
    x = images(n, size)
    x3 = x.expand(-1, 3, -1, -1).contiguous()
    model = random_resnet("resnet18", width)

    def export(file, model=model, **options):
        # A copy, because an export in training mode changes the model.
        torch.onnx.export(copy.deepcopy(model), (x3,), str(folder / file), **options)
        drop_stack_traces(folder / file)

    legacy = {"dynamo": False, "opset_version": 17, "input_names": ["input"], "output_names": ["logits"]}
    export("legacy_folded.onnx", **legacy)
    export("legacy_unfolded.onnx", **legacy, do_constant_folding=False, training=TrainingMode.PRESERVE)
    export("legacy_training.onnx", **legacy, do_constant_folding=False, training=TrainingMode.TRAINING)
    export("legacy_initializers_as_inputs.onnx", **legacy, keep_initializers_as_inputs=True)
    export("dynamo_external.onnx", dynamo=True)
    export("dynamo_embedded.onnx", dynamo=True, external_data=False)
    export("dynamo_unoptimized.onnx", dynamo=True, external_data=False, optimize=False)
    onnx.save(mxnet_style(model, list(x3.shape)), folder / "mxnet.onnx")
    (folder / "torch.safetensors").write_bytes(safetensors.torch.save(model.state_dict()))

    deeper = random_resnet("resnet34", width)
    export("resnet34.onnx", deeper, **legacy)

    embeddings = {name: embed(m, x3).flatten().tolist() for name, m in [("resnet18", model), ("resnet34", deeper)]}
    for name, values in embeddings.items():
        print(name, "embeddings from", min(values), "to", max(values))
    (folder / "expected.json").write_text(json.dumps({"images": n, "size": size, "embeddings": embeddings}) + "\n")


class Renamed(torch.nn.Module):
    """A ResNet18 and its head as two modules of another one."""

    def __init__(self, resnet):
        super().__init__()
        self.head, resnet.fc = resnet.fc, torch.nn.Identity()
        self.backbone = resnet

    def forward(self, x):
        return self.head(self.backbone(x))


def classifiers(folder):
    """Whole classifiers of width 1, in the forms in which people publish theirs, with the outputs of each."""
    x3 = images(2, 64).expand(-1, 3, -1, -1).contiguous()
    expected = {}

    def classifier(dtype=torch.float32):
        model = random_resnet("resnet18", 1, NARROW_SEED)
        layers = torch.nn
        model.fc = layers.Sequential(layers.ReLU(), layers.Dropout(0.8), layers.Linear(8, 6), layers.Linear(6, 3))
        model.fc[2].weight.data *= 8
        return model.eval().to(dtype)

    def save(file, model, write):
        write(folder / file)
        model = copy.deepcopy(model).float()
        with torch.no_grad():
            embeddings = model.backbone(x3) if isinstance(model, Renamed) else embed(model, x3)
            expected[file] = {"embeddings": embeddings.flatten().tolist(), "logits": model(x3).flatten().tolist()}

    plain = classifier()
    save("state_dict.pt", plain, lambda path: torch.save(plain.state_dict(), path))
    parallel = torch.nn.DataParallel(plain).state_dict()
    save("legacy.pth", plain, lambda path: torch.save(parallel, path, _use_new_zipfile_serialization=False))

    half = classifier(torch.float16).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(half.fc.parameters(), lr=0.01, momentum=0.9)
    half(x3.half()).sum().backward()
    optimizer.step()
    compiled = {f"_orig_mod.{name}": tensor for name, tensor in half.state_dict().items()}
    checkpoint = {"epoch": 3, "best": np.float64(0.25), "args": argparse.Namespace(lr=0.01),
                  "model_state_dict": compiled, "optimizer_state_dict": optimizer.state_dict()}
    save("checkpoint.pt", half, lambda path: torch.save(checkpoint, path))
    contiguous = {name: tensor.contiguous() for name, tensor in half.state_dict().items()}
    save("float16.safetensors", half, lambda path: path.write_bytes(safetensors.torch.save(contiguous)))
    save("float16.onnx", half, lambda path: torch.onnx.export(
        copy.deepcopy(half), (x3.half(),), str(path), dynamo=False, opset_version=17, input_names=["input"], output_names=["logits"]))
    drop_stack_traces(folder / "float16.onnx")

    brain = random_resnet("resnet18", 1, NARROW_SEED)
    brain.fc = torch.nn.Linear(8, 3)
    brain = Renamed(brain).eval().to(torch.bfloat16)
    parameters = dict(brain.named_parameters()) | dict(brain.named_buffers())
    save("bfloat16.pth", brain, lambda path: torch.save(parameters, path))
    save("bfloat16.safetensors", brain, lambda path: path.write_bytes(safetensors.torch.save(brain.state_dict())))
    (folder / "classifiers.json").write_text(json.dumps(expected) + "\n")


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("--full", type=pathlib.Path, metavar="DIR", help="write models of full width to DIR")
    full = parser.parse_args().full
    if full:
        write(full, width=64, n=2, size=224)
    else:
        write(ROOT / "crates/model/tests/goldens", width=3, n=2, size=64)
        classifiers(ROOT / "crates/model/tests/goldens")


if __name__ == "__main__":
    main()
