#!/usr/bin/env python3
"""Wall time and peak memory of the real commands, on cry512. Needs Python's standard library only.

    cargo build --release -p train && scripts/bench.py target/release/train

Each command runs in a folder of its own; medians of --repeat runs, except for the cold sweep, which runs once.
Whole-command figures are shown beside the budgets of docs/benchmarks.md; they are noisy on shared machines.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time


def run(command, cwd):
    """Seconds and peak MiB of one command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def median(command, cwd, repeat):
    runs = [run(command, cwd) for _ in range(repeat)]
    return statistics.median(seconds for seconds, _ in runs), max(mib for _, mib in runs)


def trial_seconds(experiments):
    """Seconds a trial, from runtime.jsonl of the newest sweep."""
    log = max(experiments.glob("*/runtime.jsonl"), key=lambda path: path.stat().st_mtime)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    trained = [line["seconds"] for line in lines if line["event"] == "trained"]
    n_trials = sum(1 for _ in (log.parent / "trials").iterdir())
    return trained[-1] / n_trials


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=pathlib.Path, help="the built binary")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    train = arguments.train.resolve()
    root = pathlib.Path(__file__).resolve().parent.parent
    data = pathlib.Path(os.environ.get("WAIL_DATA", root.parent / "shared" / "data")).resolve()
    corpus = data if (data / "raw").is_dir() else data / "cry512"
    if not (corpus / "raw").is_dir():
        sys.exit(f"{data}: cry512 is not there; set WAIL_DATA")
    os.environ["WAIL_DATA"] = str(corpus)
    recording = sorted((corpus / "raw" / "hungry").glob("*.wav"))[0]

    with tempfile.TemporaryDirectory() as folder:
        sweep = [train, "--config", root / "configs" / "cry512.toml", "--device", "cpu"]
        rows = [("sweep, cold caches", *run(sweep, folder))]
        rows.append(("sweep, embeddings cached", *median(sweep, folder, arguments.repeat)))
        rows.append(("one trial", trial_seconds(pathlib.Path(folder) / "experiments"), None))
        infer = [train, "infer", recording, "--model", "newest", "--device", "cpu"]
        rows.append(("infer one file", *median(infer, folder, arguments.repeat)))
    print(f"{'command':<28} {'seconds':>8} {'peak MiB':>9}")
    for name, seconds, mib in rows:
        print(f"{name:<28} {seconds:>8.3f} {'' if mib is None else format(mib, '.0f'):>9}")


if __name__ == "__main__":
    main()
