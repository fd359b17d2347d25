"""Runs of configs/cv.toml with some keys set, and Markdown tables of their scores. Standard library only."""

import json
import pathlib
import subprocess
import sys

from . import ROOT

COLUMNS = ["tested", "test macro-F1 (95 %)", "majority class", "balanced accuracy (95 %)", "p against chance"]
GROUPED = 'data.split={kind="cross_validation",repeats=3}'


def run(wail, corpus, name, keys):
    """The report of a run in runs/NAME with some keys set; a run that exists is not repeated."""
    out = pathlib.Path("runs") / name
    if not list(out.glob("*/report.json")):
        command = [wail, "--config", ROOT / "configs/cv.toml", "--device", "cpu", "--out", out, "--set", f"data.roots=['{corpus}']"]
        for key in keys:
            command += ["--set", key]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"the run {name} failed: {result.stderr[-1000:]}")
    (report,) = out.glob("*/report.json")
    return json.loads(report.read_text())


def cells(test):
    """The values of COLUMNS, from the test scores of a report."""

    def score(key):
        value, interval = test["scores"][key]["value"], test["scores"][key]["interval"]
        return "{:.3f} ({})".format(value, "{:.3f} to {:.3f}".format(*interval) if interval else "fewer than 5 groups")

    majority = f"{test['majority']['macro_f1']:.3f}"
    return [test["n_examples"], score("macro_f1"), majority, score("balanced_accuracy"), f"{test['permutation']['p']:.4f}"]
