"""Compares one prediction and the embedding of images with torch and ONNX Runtime, on the same files in one run. Needs torch.

    venv/bin/python scripts/bench/bench_peers.py target/release/wail MODEL_FOLDER RECORDINGS [--repeat 5]

MODEL_FOLDER is what `wail export` wrote. The time per image of a Wail engine is the time for 65 recordings minus that for one, divided by
64, so that start-up cancels out; it includes the features, under a millisecond. The Python peers get finished images. Medians of --repeat
runs with all threads of the machine. bench_librosa.py times the features.
"""

import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line, measure
from wail_scripts.markdown import print_header, print_row

N = 64

# One prediction as Python programs usually make it: librosa, torch, a ResNet18 with a head.
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


def embedding(args, files):
    """Seconds an image, by engine."""
    # Imported late: a child's peak memory counts from the size of this process.
    import numpy as np
    import onnxruntime
    import torch
    import torchvision

    from wail_scripts.arrays import array

    images = array(args.wail, "features", files[:N])[:, None]
    session = onnxruntime.InferenceSession(args.model / "model.onnx", providers=["CPUExecutionProvider"])
    net = torchvision.models.resnet18().eval()
    times = {}
    for batch in [1, 8]:
        batches = np.split(images, range(batch, N, batch))

        def run_onnxruntime():
            for part in batches:
                session.run(None, {"input": part})

        def run_torch():
            with torch.no_grad():
                for part in batches:
                    net(torch.from_numpy(part).expand(-1, 3, -1, -1))

        times[f"ONNX Runtime, batch {batch}"] = measure.median(args.repeat, lambda: measure.timed(run_onnxruntime)) / N
        times[f"torch, batch {batch}"] = measure.median(args.repeat, lambda: measure.timed(run_torch)) / N
    with tempfile.TemporaryDirectory() as folder:
        for engine in ["rten", "burn"]:
            command = [args.wail, "embed", "--out", pathlib.Path(folder) / "X.npy", "--weights", args.model / "model.onnx"]
            command += ["--engine", engine]
            seconds = lambda: measure.run([*command, *files[: N + 1]])[0] - measure.run([*command, files[0]])[0]
            times[f"wail with {engine}, batch 8, features included"] = measure.median(args.repeat, seconds) / N
    return times


def main():
    parser = command_line.parser(__doc__, "wail", "model", "recordings")
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    args.wail = args.wail.resolve()
    files = sorted(args.recordings.rglob("*.wav"))
    if len(files) <= N:
        sys.exit(f"{args.recordings} holds {len(files)} WAV files; {N + 1} are needed")
    commands = {"Python with librosa and torch": [sys.executable, "-c", PYTHON_PEER, files[0]]}
    for engine in ["rten", "burn"]:
        commands[f"wail with {engine}"] = [args.wail, "infer", files[0], "--model", args.model, "--engine", engine]
    print_header("one prediction, from process start", "seconds", "peak MiB")
    for name, command in commands.items():
        seconds, mib = map(statistics.median, zip(*(measure.run(command) for _ in range(args.repeat))))
        print_row(name, f"{seconds:.3f}", f"{mib:.0f}")
    times = embedding(args, files)
    reference = times["ONNX Runtime, batch 8"]
    print()
    print_header("embedding with ResNet18", "ms an image", "over ONNX Runtime, batch 8")
    for name, seconds in times.items():
        print_row(name, f"{1000 * seconds:.1f}", f"{seconds / reference:.2f}")


if __name__ == "__main__":
    main()
