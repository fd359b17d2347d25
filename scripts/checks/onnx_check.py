"""Checks an exported model against ONNX's own checker and ONNX Runtime.

    venv/bin/python scripts/checks/onnx_check.py target/release/wail MODEL_FOLDER RECORDINGS

The inputs come from `wail features`. The logits of ONNX Runtime and of each engine are compared as log-probabilities, because a softmax
ignores only an offset that all logits share. The gate's scores are compared, too.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.arrays import array

# The engines add float32 in different orders. Relative to the largest logit if that is above 1: embeddings of a random backbone differ
# little between recordings, and a head trained on them magnifies these differences together with the rounding errors.
TOLERANCE = 1e-5
# The gate magnifies them in the same way.
SCORE_TOLERANCE = 1e-4


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def sizes(value):
    """The dimensions of an input or output: numbers, or names where they are dynamic."""
    return [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]


def check_file(path):
    """Checks the documented properties of model.onnx; returns its information and the stage of `wail features` that each input takes."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    graph = model.graph
    assert model.opset_import[0].version >= 13
    used = {name for node in graph.node for name in node.input}
    unused = [tensor.name for tensor in graph.initializer if tensor.name not in used]
    assert not unused, f"unused initialisers: {unused}"
    info = json.loads({entry.key: entry.value for entry in model.metadata_props}["wail"])["info"]
    front_ends = info["features"]["front_end"].split("+")
    stages = {}
    for value in graph.input:
        dims = sizes(value)
        stages[value.name] = "patches" if value.name == "patches" else "image"
        if value.name == "patches":
            expected = ["batch", dims[1], 96, 64]
        elif info["arch"] == "onnx":  # an encoder in an ONNX file may take one recording at a time
            expected = [dims[0] if dims[0] == 1 else "batch", 1, *[size for size in dims[2:] if size > 0]]
        elif value.name == "image" or front_ends == ["image"]:
            expected = ["batch", 1, info["features"]["image_size"], info["features"]["image_size"]]
        else:
            expected = ["batch", 1, dims[2], 64]
        assert dims == expected, (value.name, dims)
    assert stages.keys() == ({"input"} if len(front_ends) == 1 else {"image", "patches"}), stages
    logits, cry = graph.output
    assert (logits.name, cry.name) == ("logits", "cry"), (logits.name, cry.name)
    batch = sizes(graph.input[0])[0]
    assert sizes(logits) == [batch, len(info["labels"])] and sizes(cry) == [batch, 1]
    assert info["provenance"]["data"]["fingerprint"] and 0 <= info["gate"]["threshold"] <= 1
    return info, stages


def inputs_of(wail, recordings, model, stages):
    """The graph's inputs for all recordings, by name."""
    inputs = {}
    for name, stage in stages.items():
        values = array(wail, "features", [recordings], "--model", model, "--stage", stage)
        inputs[name] = values if stage == "patches" else values[:, None]
    return inputs


def run(session, inputs):
    """Logits and gate's scores of all recordings, one by one if the graph takes one at a time."""
    outputs = ["logits", "cry"]
    if session.get_inputs()[0].shape[0] != 1:
        return session.run(outputs, inputs)
    (name, values), = inputs.items()
    rows = [session.run(outputs, {name: value[None]}) for value in values]
    return [np.concatenate(column) for column in zip(*rows)]


def main():
    args = command_line.parser(__doc__, "wail", "model", "recordings").parse_args()
    path = args.model / "model.onnx"
    info, stages = check_file(path)
    labels, temperature = info["labels"], info["calibration"]["temperature"]
    inputs = inputs_of(args.wail, args.recordings, path, stages)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits, cries = run(session, inputs)
    expected = log_softmax(logits / temperature)
    for engine in ["burn", "rten"]:
        command = [args.wail.resolve(), "infer", args.recordings, "--model", args.model, "--engine", engine, "--format", "jsonl"]
        answers = [json.loads(line) for line in subprocess.check_output(command).splitlines()]
        found = np.log([[answer["all_probs"][label] for label in labels] for answer in answers])
        largest = np.maximum(1, np.abs(expected).max(axis=1, keepdims=True))
        difference = (np.abs(found - expected) / largest).max()
        same = sum(labels[row.argmax()] == answer["label"] for row, answer in zip(expected, answers))
        scores = np.abs(np.array([answer["cry_score"] for answer in answers]) - cries[:, 0]).max()
        print(
            f"{engine} against ONNX Runtime: {len(answers)} recordings, largest difference of log-probabilities {difference:.1e}, "
            f"of the gate's scores {scores:.1e}, {same} equal labels"
        )
        assert difference <= TOLERANCE and scores <= SCORE_TOLERANCE and same == len(answers) == len(expected)


if __name__ == "__main__":
    main()
