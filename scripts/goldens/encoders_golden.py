"""Writes the golden files of encoders in ONNX files: small ones of each kind, with ONNX Runtime's embeddings. Needs torch.

    venv/bin/python scripts/goldens/encoders_golden.py             # crates/model/tests/goldens/encoders, under 200 kB a file

Weights are random and seeded. Each encoder is like one that is in use, and each comes from another exporter:

    waveform.onnx   wav2vec2's start: convolutions on samples, a transformer layer; [n, samples] -> [n, t, d]; dynamo, opset 18
    log_mel.onnx    PANNs' CNN: batch norm over bands, convolutions; [n, 1, frames, bands] -> [n, d]; TorchScript, opset 17
    patches.onnx    AST: overlapping patches as tokens; [1, frames, bands] -> [1, t, d]; dynamo, opset 20, weights in another file
    image.onnx      a CNN on three channels, batch norm and activations not folded; [n, 3, height, width] -> [n, d, h, w]; TorchScript, opset 13
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT, command_line

FOLDER = ROOT / "crates/model/tests/goldens/encoders"
N_RECORDS = 3


class Waveform(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv1d(1, 24, 10, 5, bias=False), nn.Conv1d(24, 24, 8, 4), nn.Conv1d(24, 24, 8, 4)])
        self.norm = nn.GroupNorm(24, 24)
        self.layer_norm = nn.LayerNorm(24)
        self.layer = nn.TransformerEncoderLayer(24, 4, 48, activation="gelu", batch_first=True, norm_first=True)

    def forward(self, waveform):
        x = waveform[:, None]
        for index, convolution in enumerate(self.convolutions):
            x = convolution(x)
            x = nn.functional.gelu(self.norm(x) if index == 0 else x)
        return self.layer(self.layer_norm(x.transpose(1, 2)))


class LogMel(nn.Module):
    def __init__(self, n_mels=64):
        super().__init__()
        self.norm = nn.BatchNorm2d(n_mels)
        self.convolutions = nn.ModuleList([nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)])
        self.fc = nn.Linear(32, 40)

    def forward(self, x):
        x = self.norm(x.transpose(1, 3)).transpose(1, 3)
        for convolution in self.convolutions:
            x = nn.functional.avg_pool2d(torch.relu(convolution(x)), 2)
        x = x.mean(dim=3)
        return torch.relu(self.fc(x.amax(dim=2) + x.mean(dim=2)))


class Patches(nn.Module):
    def __init__(self, frames, bands, d=24):
        super().__init__()
        self.patches = nn.Conv2d(1, d, 16, stride=10)
        n_patches = ((frames - 16) // 10 + 1) * ((bands - 16) // 10 + 1)
        self.tokens = nn.Parameter(torch.randn(1, 2, d) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, n_patches + 2, d) * 0.02)
        self.layer = nn.TransformerEncoderLayer(d, 3, 48, activation="gelu", batch_first=True, norm_first=True)
        self.norm = nn.LayerNorm(d)

    def forward(self, x):
        x = self.patches(x[:, None].transpose(2, 3)).flatten(2).transpose(1, 2)
        x = torch.cat([self.tokens.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        return self.norm(self.layer(x))


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
            nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8), nn.ReLU6(),
            nn.Conv2d(8, 20, 1), nn.Hardswish(),
        )

    def forward(self, x):
        return self.layers(x)


def randomised(model, seed):
    """Random parameters and running statistics."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if "running_var" in name:
            tensor.uniform_(0.5, 2.0, generator=generator)
        elif "running_mean" in name:
            tensor.normal_(0.0, 0.3, generator=generator)
        elif tensor.dim() > 1:
            tensor.normal_(0.0, (2.0 / tensor[0].numel()) ** 0.5, generator=generator)
        elif tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.4 + (0.8 if name.endswith("weight") else -0.2))
    return model.eval()


def records(rows, columns):
    """[n, rows, columns] in -1..1, generated from integers only; the Rust test generates the same."""
    numbers = np.arange(N_RECORDS * rows * columns, dtype=np.int64) * 7919 % 1021
    return (numbers.astype(np.float32) / np.float32(510) - np.float32(1)).reshape(N_RECORDS, rows, columns)


def without_paths(path):
    """Removes the local paths that the dynamo exporter writes into each node; the graph stays the same."""
    model = onnx.load(path, load_external_data=False)
    for part in [model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del part.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    path.write_bytes(model.SerializeToString())


def export(name, model, example, dynamo, opset, dynamic, **options):
    path = FOLDER / f"{name}.onnx"
    names = {"input_names": ["x"], "output_names": ["y"]}
    if dynamo:
        shapes = ({0: torch.export.Dim("n", min=1, max=64)},) if dynamic else None
        program = torch.onnx.export(model, (example,), dynamo=True, opset_version=opset, dynamic_shapes=shapes, **names)
        program.save(path, **options)
        without_paths(path)
    else:
        axes = {"x": {0: "n"}, "y": {0: "n"}} if dynamic else None
        torch.onnx.export(model, (example,), path, dynamo=False, opset_version=opset, dynamic_axes=axes, **names, **options)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def embeddings(session, x, axes):
    """The outputs for each record by itself, averaged over `axes`."""
    outputs = [session.run(None, {"x": record[None]})[0] for record in x]
    return np.concatenate([output.mean(axis=axes) if axes else output for output in outputs])


def main():
    command_line.parser(__doc__).parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    expected = {}

    x = records(1, 8000)[:, 0]
    normalised = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-7)
    session = export("waveform", randomised(Waveform(), 1), torch.from_numpy(x[:2]), True, 18, True, external_data=False)
    expected["waveform"] = embeddings(session, normalised.astype(np.float32), 1)

    x = records(51, 64)
    session = export("log_mel", randomised(LogMel(), 2), torch.from_numpy(x[:2, None]), False, 17, True)
    expected["log_mel"] = embeddings(session, x[:, None], None)

    x = records(96, 32)
    session = export("patches", randomised(Patches(96, 32), 3), torch.from_numpy(x[:1]), True, 20, False, external_data=True)
    expected["patches"] = embeddings(session, (x - np.float32(0.1)) / np.float32(1.5), 1)

    x = records(64, 64)
    mean, std = [np.array(numbers, np.float32)[:, None, None] for numbers in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    model = randomised(Image(), 4)
    session = export("image", model, torch.from_numpy(np.repeat(x[:2, None], 3, axis=1)), False, 13, True,
                     training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    expected["image"] = embeddings(session, (x[:, None] - mean) / std, (2, 3))

    numbers = {name: [float(np.float32(number)) for number in rows.ravel()] for name, rows in expected.items()}
    for rows in numbers.values():
        assert max(rows) - min(rows) > 0.1, rows
    (FOLDER / "expected.json").write_text(json.dumps(numbers) + "\n")


if __name__ == "__main__":
    main()
