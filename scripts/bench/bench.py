"""Wall time and peak memory of the program on cry512: a Markdown table for docs/benchmarks.md. Standard library only.

    cargo build --release -p train && python3 scripts/bench/bench.py [target/release/wail] [--repeat 3]

The corpus is $WAIL_DATA, a folder cry512 below it, or ../shared/data/cry512. Sweeps are configs/cry512.toml with a random ResNet18: "cold"
starts in an empty folder, "warm" has the caches of the cold one and a new run folder. Medians of --repeat runs, with the range; a
single prediction is repeated five times as often. On a shared machine compare only figures of one call.
"""

import json
import os
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT, command_line, measure
from wail_scripts.markdown import print_header, print_row

# Wall seconds and peak MiB that docs/benchmarks.md allows.
BUDGETS = {
    "sweep, cold caches": (120, 1024),
    "sweep, warm caches": (15, 1024),
    "one of its trials, writing included": (0.15, None),
    "`infer` of one file with the sweep's model": (0.4, 200),
}


def corpus():
    """The folder of cry512."""
    data = pathlib.Path(os.environ.get("WAIL_DATA", ROOT.parent / "shared/data")).resolve()
    for folder in [data, data / "cry512"]:
        if (folder / "raw").is_dir():
            return folder
    sys.exit(f"{data} does not contain cry512; set WAIL_DATA to its folder")


def trial_seconds(runs):
    """Seconds of the search, divided by the number of its trials, from the run's runtime.jsonl."""
    (log,) = runs.glob("*/runtime.jsonl")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    (searched,) = [event["seconds"] for event in events if event["event"] == "searched"]
    return searched / len(list((log.parent / "trials").iterdir()))


def sweeps(wail, repeat):
    """Rows of (name, seconds of each run, peak MiB of each run), and the last run's model."""
    sweep = [wail, "--config", ROOT / "configs/cry512.toml", "--device", "cpu", "--set", "backbone.weights=random"]
    sweep += ["--set", "backbone.arch=resnet18"]
    cold, warm, trials = [], [], []
    for number in range(repeat):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            cold.append(measure.run(sweep, folder))
            warm.append(measure.run([*sweep, "--out", "warm"], folder))
            trials.append(trial_seconds(folder / "warm"))
            if number == repeat - 1:
                (model,) = folder.glob("warm/*/model.safetensors")
                content = model.read_bytes()
    rows = [("sweep, cold caches", *zip(*cold)), ("sweep, warm caches", *zip(*warm))]
    return [*rows, ("one of its trials, writing included", trials, [])], content


def predictions(wail, repeat, recordings, model):
    """Rows as those of `sweeps`."""
    infer = [wail, "infer", recordings[0], "--device", "cpu"]
    features = [wail, "features", *recordings, "--out", model.with_name("features.npy")]
    commands = {
        "`infer` of one file with the sweep's model": ([*infer, "--model", model], 5 * repeat),
        "`infer` of one file with the model in the box": (infer, 5 * repeat),
        f"`features` of {len(recordings)} files": (features, repeat),
    }
    return [(name, *zip(*(measure.run(command, model.parent) for _ in range(n)))) for name, (command, n) in commands.items()]


def cell(values, number_format):
    """Median and range."""
    median, least, most = (format(value, number_format) for value in (statistics.median(values), min(values), max(values)))
    return f"{median} ({least} to {most})"


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("wail", type=pathlib.Path, nargs="?", default=command_line.built("wail"))
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    wail, folder = args.wail.resolve(), corpus()
    os.environ["WAIL_DATA"] = str(folder)
    recordings = sorted((folder / "raw").rglob("*.wav"))
    with tempfile.TemporaryDirectory() as scratch:
        rows, content = sweeps(wail, args.repeat)
        model = pathlib.Path(scratch) / "model.safetensors"
        model.write_bytes(content)
        rows += predictions(wail, args.repeat, recordings, model)
    print_header("command", "seconds", "budget", "peak MiB", "budget")
    for name, seconds, mib in rows:
        most_seconds, most_mib = BUDGETS.get(name, (None, None))
        print_row(name, cell(seconds, ".3g"), most_seconds or "", cell(mib, ".0f") if mib else "", most_mib or "")


if __name__ == "__main__":
    main()
