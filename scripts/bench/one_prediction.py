"""One prediction from process start: Wail beside a Python program with librosa and torch. Needs torch.

    venv/bin/python scripts/bench/one_prediction.py target/release/wail MODEL RECORDING [--repeat 5]

MODEL is a ResNet18 that Wail trained. Medians of --repeat runs with all threads of the machine.
"""

import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line, measure
from wail_scripts.markdown import print_header, print_row

# As Python programs usually make it.
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


def main():
    parser = command_line.parser(__doc__, "wail", "model", "recording")
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    commands = {"Python with librosa and torch": [sys.executable, "-c", PYTHON_PEER, args.recording]}
    for engine in ["simd", "rten", "burn"]:
        commands[f"Wail with {engine}"] = [args.wail, "infer", args.recording, "--model", args.model, "--engine", engine]
    print_header("one prediction, from process start", "seconds", "peak MiB")
    for name, command in commands.items():
        seconds, mib = map(statistics.median, zip(*(measure.run(command) for _ in range(args.repeat))))
        print_row(name, f"{seconds:.3f}", f"{mib:.0f}")


if __name__ == "__main__":
    main()
