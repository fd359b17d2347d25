"""Runs of configs/cv.toml for the scripts that make tables of their scores."""

import json
import pathlib
import subprocess
import sys

CONFIG = pathlib.Path(__file__).resolve().parent.parent / "configs" / "cv.toml"
COLUMNS = ["tested", "test macro-F1 (95 %)", "majority class", "balanced accuracy (95 %)", "p against chance"]


def run(train, corpus, name, keys):
    """The report of a run with some keys set, in runs/NAME; one that is there already is not made again."""
    out = pathlib.Path("runs") / name
    if not list(out.glob("*/report.json")):
        command = [train, "--config", CONFIG, "--device", "cpu", "--out", out, "--set", f"data.roots=['{corpus}']"]
        for key in keys:
            command += ["--set", key]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{name}: {result.stderr[-1000:]}")
    (report,) = out.glob("*/report.json")
    return json.loads(report.read_text())


def cells(test):
    """What COLUMNS name, of the scores on test."""

    def score(key):
        return "{:.3f} ({:.3f} to {:.3f})".format(test["scores"][key]["value"], *test["scores"][key]["interval"])

    majority = f"{test['majority']['macro_f1']:.3f}"
    return [test["n_examples"], score("macro_f1"), majority, score("balanced_accuracy"), f"{test['permutation']['p']:.4f}"]


def print_header(*columns):
    print_row(*columns)
    print("|", " | ".join("---" for _ in columns), "|")


def print_row(*row):
    print("|", " | ".join(map(str, row)), "|", flush=True)
