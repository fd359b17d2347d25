"""Embedding and one prediction beside ONNX Runtime and torch, on the same files in one run, as ratios.

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-peers.txt
    venv/bin/python scripts/bench_peers.py TRAIN_BINARY MODEL_FOLDER RECORDINGS

MODEL_FOLDER is what `train export` wrote. An engine's time an image is that of 65 recordings less that of one, over 64, so that start-up
drops out; it includes the features, under a millisecond. The Python peers get ready images. Features beside librosa: scripts/features_golden.py
--time. Medians of --repeat runs; all threads of the machine.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

N = 64

# What the project that Wail follows does for one file: librosa, torch, a ResNet18 with a head.
PYTHON_PEER = """
import sys, librosa, numpy as np, torch, torchvision
y, _ = librosa.load(sys.argv[1], sr=8000, mono=True)
y = np.pad(y[:56000], (0, max(0, 56000 - len(y))))
mel = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=8000, n_mels=128, n_fft=1024, hop_length=256), ref=np.max)
image = torch.from_numpy((mel - mel.min()) / (mel.max() - mel.min()))[None, None]
image = torch.nn.functional.interpolate(image, (224, 224), mode="bilinear", align_corners=False).expand(-1, 3, -1, -1)
net = torchvision.models.resnet18().eval()
net.fc = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(512, 64), torch.nn.Linear(64, 8))
with torch.no_grad():
    print(net(image).softmax(1))
"""


def run(command):
    """Seconds and peak MiB of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def median(repeat, measure):
    return statistics.median(measure() for _ in range(repeat))


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def embedding(arguments, files, folder):
    """Milliseconds an image, by engine."""
    import numpy as np
    import onnxruntime
    import torch
    import torchvision

    train, repeat = arguments.train, arguments.repeat
    subprocess.run([train, "features", *files[:N], "--out", folder / "images.npy"], check=True)
    images = np.load(folder / "images.npy")[:, None]
    session = onnxruntime.InferenceSession(arguments.model / "model.onnx", providers=["CPUExecutionProvider"])
    net = torchvision.models.resnet18().eval()
    times = {}
    for batch in [1, 8]:
        def ort():
            for start in range(0, N, batch):
                session.run(None, {"input": images[start : start + batch]})

        def torch_():
            with torch.no_grad():
                for start in range(0, N, batch):
                    net(torch.from_numpy(images[start : start + batch]).expand(-1, 3, -1, -1))

        times[f"onnxruntime, batch {batch}"] = median(repeat, lambda: timed(ort)) / N
        times[f"torch, batch {batch}"] = median(repeat, lambda: timed(torch_)) / N
    for engine in ["rten", "burn"]:
        command = [train, "embed", "--out", folder / "e.npy", "--weights", arguments.model / "model.onnx", "--engine", engine]
        seconds = lambda: run([*command, *files[: N + 1]])[0] - run([*command, files[0]])[0]
        times[f"wail with {engine}, batch 8"] = median(repeat, seconds) / N
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("recordings", type=pathlib.Path)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    arguments.train = arguments.train.resolve()
    files = sorted(arguments.recordings.rglob("*.wav"))
    if len(files) <= N:
        sys.exit(f"{arguments.recordings}: {N + 1} recordings are needed")
    # First, while this process is small: a child's peak memory counts from its parent's size.
    commands = {"python": [sys.executable, "-c", PYTHON_PEER, files[0]]}
    for engine in ["rten", "burn"]:
        commands[f"wail with {engine}"] = [arguments.train, "infer", files[0], "--model", arguments.model, "--engine", engine]
    print(f"{'one prediction, from start':<28} {'seconds':>12} {'peak MiB':>9}")
    for name, command in commands.items():
        runs = [run(command) for _ in range(arguments.repeat)]
        seconds, mib = (statistics.median(values) for values in zip(*runs))
        print(f"{name:<28} {seconds:>12.3f} {mib:>9.0f}")

    with tempfile.TemporaryDirectory() as folder:
        times = embedding(arguments, files, pathlib.Path(folder))
    reference = times["onnxruntime, batch 8"]
    print(f"\n{'embedding':<28} {'ms an image':>12} {'over ORT':>9}")
    for name, seconds in times.items():
        print(f"{name:<28} {1000 * seconds:>12.1f} {seconds / reference:>9.2f}")


if __name__ == "__main__":
    main()
