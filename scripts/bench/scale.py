"""How time, memory and disk grow with the corpus: a Markdown table for docs/scale.md. Standard library only.

    cargo build --release -p train && python3 scripts/bench/scale.py [target/release/wail] [--recordings 512 5000 50000]

For each size: a synthetic corpus (7 s each, 113 kB a recording), then a sweep with the compact encoder in models/wail-compact and the
gate, from empty caches (cold), with the caches and another name (warm), and again when it is finished. 50,000 recordings need 7 GB in
the folder for temporary files, and an hour on two cores. CPU seconds count all threads, also on a machine that does other things.
"""

import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT, command_line, measure
from wail_scripts.markdown import print_header, print_row

CONFIG = f"""
name = "cold"
[data]
roots = ["corpus"]
[features]
image_size = 112
[backbone]
arch = "resnet18-w8"
weights = {json.dumps(str(ROOT / "models/wail-compact/model.onnx"))}
[train]
epochs = 10
[sweep]
learning_rate = [1e-3, 1e-2]
inner = [64]
dropout = [0.5]
"""


def seconds_of(folder, out):
    """Seconds of each event of the only run below `out`."""
    (log,) = folder.glob(f"{out}/*/runtime.jsonl")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return {event["event"]: event["seconds"] for event in events}


def mebibytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def rows(wail, n):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "scale.toml").write_text(CONFIG)
        measure.run([wail, "synth", "--out", "corpus", "--recordings", str(n), "--seed", "11"], folder)
        sweep = [wail, "--config", "scale.toml", "--device", "cpu"]
        runs = {"cold": sweep, "warm": [*sweep, "--set", "name=warm"], "finished": sweep}
        for state, command in runs.items():
            wall, cpu, peak = measure.usage([*command, "--out", state if state != "finished" else "cold"], folder)
            row = [f"{n:,}", state, f"{wall:.1f}", f"{cpu:.1f}", f"{1000 * cpu / n:.2f}", f"{peak:.0f}"]
            if state == "finished":
                yield [*row, "", "", "", "", ""]
                continue
            seconds = seconds_of(folder, state)
            parts = [seconds["prepared"], seconds["searched"], seconds["gate"], seconds["encoder"]]
            disk = {part: mebibytes(folder / "data/cache" / part) for part in ["files", "fingerprints", "copies", "embeddings"]}
            yield [*row, *(f"{part:.1f}" for part in parts), " + ".join(f"{size:.0f}" for size in disk.values())]


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("wail", nargs="?", type=pathlib.Path, default=command_line.built("wail"))
    parser.add_argument("--recordings", nargs="+", type=int, default=[512, 5000, 50_000])
    args = parser.parse_args()
    parts = ["prepare s", "search s", "gate s", "of these, encoder s"]
    print_header("recordings", "caches", "wall s", "CPU s", "CPU ms per recording", "peak MiB", *parts, "caches MiB: files + fingerprints + copies + embeddings")
    for n in args.recordings:
        for row in rows(args.wail.resolve(), n):
            print_row(*row)


if __name__ == "__main__":
    main()
