"""Checks an exported model against ONNX's own checker and ONNX Runtime.

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-onnx.txt
    venv/bin/python scripts/onnx_check.py TRAIN_BINARY MODEL_FOLDER RECORDINGS

The inputs come from `train features`. ONNX Runtime's logits are compared with those of each engine, as log-probabilities: a
softmax drops only what all logits have in common. So are the gate's scores.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
import onnxruntime

# float32 sums in another order; as a share of the largest logit where that is over 1. A random backbone's embeddings differ little
# between recordings, and a head trained on them magnifies the differences, rounding included.
TOLERANCE = 1e-5
# The gate magnifies, too: it weighs small differences.
SCORE_TOLERANCE = 1e-4


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def sizes(value):
    return [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]


def check_file(path):
    """The promises of DESIGN.md about model.onnx; returns the labels, the temperature, the front ends and the stage of each input."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    graph = model.graph
    assert model.opset_import[0].version >= 17
    used = {name for node in graph.node for name in node.input}
    unused = [tensor.name for tensor in graph.initializer if tensor.name not in used]
    assert not unused, f"unused initialisers: {unused}"
    info = json.loads({entry.key: entry.value for entry in model.metadata_props}["wail"])["info"]
    features = info["features"]
    front_ends = features["front_end"].split("+")
    stages = {}
    for value in graph.input:
        dims = sizes(value)
        if value.name == "patches":
            expected, stages["patches"] = ["batch", dims[1], 96, 64], "patches"
        elif front_ends[0] == "image" or value.name == "image":
            side = features["image_size"]
            expected, stages[value.name] = ["batch", 1, side, side], "image"
        else:
            expected, stages[value.name] = ["batch", 1, dims[2], 64], "image"
        assert dims == expected, (value.name, dims)
    expected = {"input"} if len(front_ends) == 1 else {"image", "patches"}
    assert set(stages) == expected, stages
    logits, cry = graph.output
    assert (logits.name, cry.name) == ("logits", "cry"), (logits.name, cry.name)
    assert sizes(logits) == ["batch", len(info["labels"])] and sizes(cry) == ["batch", 1]
    assert info["provenance"]["data"]["fingerprint"] and 0 <= info["gate"]["threshold"] <= 1
    return info["labels"], info["calibration"]["temperature"], features["front_end"], stages


def read_inputs(train, recordings, front_end, stages):
    """The graph's inputs for all recordings, by name."""
    inputs = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, stage in stages.items():
            array = pathlib.Path(folder) / f"{name}.npy"
            command = [train, "features", recordings, "--out", array, "--front-end", front_end, "--stage", stage]
            subprocess.run(command, check=True)
            values = np.load(array)
            inputs[name] = values if stage == "patches" else values[:, None]
    return inputs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("recordings", type=pathlib.Path)
    arguments = parser.parse_args()
    train, path = arguments.train.resolve(), arguments.model / "model.onnx"
    labels, temperature, front_end, stages = check_file(path)
    inputs = read_inputs(train, arguments.recordings, front_end, stages)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits, cries = session.run(["logits", "cry"], inputs)
    expected = log_softmax(logits / temperature)
    for engine in ["burn", "rten"]:
        command = [train, "infer", arguments.recordings, "--model", arguments.model, "--engine", engine, "--format", "jsonl"]
        answers = [json.loads(line) for line in subprocess.check_output(command).splitlines()]
        found = np.log([[answer["all_probs"][label] for label in labels] for answer in answers])
        largest = np.maximum(1, np.abs(expected).max(axis=1, keepdims=True))
        difference = (np.abs(found - expected) / largest).max()
        same = sum(labels[row.argmax()] == answer["label"] for row, answer in zip(expected, answers))
        scores = np.abs(np.array([answer["cry_score"] for answer in answers]) - cries[:, 0]).max()
        print(f"{engine} against ONNX Runtime: {len(answers)} recordings, largest difference {difference:.1e}, of the gate's scores {scores:.1e}, {same} labels the same")
        assert difference <= TOLERANCE and scores <= SCORE_TOLERANCE and same == len(answers) == len(expected)


if __name__ == "__main__":
    main()
