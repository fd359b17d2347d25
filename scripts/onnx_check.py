"""Checks an exported model against ONNX's own checker and ONNX Runtime.

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-onnx.txt
    venv/bin/python scripts/onnx_check.py TRAIN_BINARY MODEL_FOLDER RECORDINGS

The images come from `train features`. ONNX Runtime's logits are compared with those of each engine, as log-probabilities: a
softmax forgets what is common to all logits, and nothing else. So are the gate's scores.
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
# between recordings, and a head trained on them magnifies what little differs, rounding included.
TOLERANCE = 1e-5
# The gate magnifies, too: it weighs what differs little.
SCORE_TOLERANCE = 1e-4


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def check_file(path):
    """The promises of DESIGN.md about model.onnx; returns the labels, the temperature and the front end."""
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("recordings", type=pathlib.Path)
    arguments = parser.parse_args()
    train, path = arguments.train.resolve(), arguments.model / "model.onnx"
    labels, temperature, front_end = check_file(path)
    with tempfile.TemporaryDirectory() as folder:
        images = pathlib.Path(folder) / "images.npy"
        subprocess.run([train, "features", arguments.recordings, "--out", images, "--front-end", front_end], check=True)
        images = np.load(images)[:, None]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits, cries = session.run(["logits", "cry"], {"input": images})
    expected = log_softmax(logits / temperature)
    for engine in ["burn", "rten"]:
        command = [train, "infer", arguments.recordings, "--model", arguments.model, "--engine", engine, "--format", "jsonl"]
        answers = [json.loads(line) for line in subprocess.check_output(command).splitlines()]
        found = np.log([[answer["all_probs"][label] for label in labels] for answer in answers])
        largest = np.maximum(1, np.abs(expected).max(axis=1, keepdims=True))
        difference = (np.abs(found - expected) / largest).max()
        same = sum(labels[row.argmax()] == answer["label"] for row, answer in zip(expected, answers))
        scores = np.abs(np.array([answer["cry_score"] for answer in answers]) - cries[:, 0]).max()
        print(f"{engine} against ONNX Runtime: {len(answers)} images, largest difference {difference:.1e}, of the gate's scores {scores:.1e}, {same} labels the same")
        assert difference <= TOLERANCE and scores <= SCORE_TOLERANCE and same == len(answers) == len(expected)


if __name__ == "__main__":
    main()
