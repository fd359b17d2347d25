"""Checks an exported model against ONNX's own checker and ONNX Runtime.

    venv/bin/python scripts/checks/onnx_check.py target/release/wail MODEL_FOLDER RECORDINGS

The images come from `wail features`. The logits of ONNX Runtime and of each engine are compared as log-probabilities, because a softmax
forgets only what all logits have in common. The gate's scores are compared, too.
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
# The gate magnifies in the same way.
SCORE_TOLERANCE = 1e-4


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def check_file(path):
    """Checks what is promised about model.onnx; returns the labels, the temperature and the front end."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    graph = model.graph
    assert model.opset_import[0].version >= 17
    used = {name for node in graph.node for name in node.input}
    unused = [tensor.name for tensor in graph.initializer if tensor.name not in used]
    assert not unused, f"unused initialisers: {unused}"
    (image,), (logits, cry) = graph.input, graph.output
    dims = [d.dim_param or d.dim_value for value in (image, logits, cry) for d in value.type.tensor_type.shape.dim]
    assert (image.name, logits.name, cry.name) == ("input", "logits", "cry"), (image.name, logits.name, cry.name)
    assert dims[0] == dims[4] == dims[6] == "batch" and dims[1] == dims[7] == 1, dims
    info = json.loads({entry.key: entry.value for entry in model.metadata_props}["wail"])["info"]
    features = info["features"]
    side = features["image_size"]
    shape = {"image": [side, side], "image_and_yamnet": [dims[2], side]}.get(features["front_end"], [dims[2], 64])
    assert dims[5] == len(info["labels"]) and shape == dims[2:4], dims
    assert info["provenance"]["data"]["fingerprint"] and 0 <= info["gate"]["threshold"] <= 1
    return info["labels"], info["calibration"]["temperature"], features["front_end"]


def main():
    args = command_line.parser(__doc__, "wail", "model", "recordings").parse_args()
    path = args.model / "model.onnx"
    labels, temperature, front_end = check_file(path)
    images = array(args.wail, "features", [args.recordings], "--front-end", front_end)[:, None]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits, cries = session.run(["logits", "cry"], {"input": images})
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
            f"{engine} against ONNX Runtime: {len(answers)} images, largest difference of log-probabilities {difference:.1e}, "
            f"of the gate's scores {scores:.1e}, {same} equal labels"
        )
        assert difference <= TOLERANCE and scores <= SCORE_TOLERANCE and same == len(answers) == len(expected)


if __name__ == "__main__":
    main()
