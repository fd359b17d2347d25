"""The tables of docs/honest-evaluation.md, as Markdown.

    python3 scripts/honest_evaluation.py TRAIN_BINARY CRY512_FOLDER

Each line is a run of configs/cv.toml with some keys set; runs and caches go to the current folder, and a run that is there already
is not made again. Takes about half an hour on two cores; needs nothing but Python.
"""

import json
import pathlib
import subprocess
import sys

CONFIG = pathlib.Path(__file__).resolve().parent.parent / "configs" / "cv.toml"

GROUPED = 'data.split={kind="cross_validation",repeats=3}'
ORDINARY = 'data.split={kind="cross_validation",repeats=3,grouped=false}'
PLAIN = "train.whiten=false"
RESNET34 = "backbone.arch=resnet34"

TABLES = {
    "Split protocol x features": [
        ("the original project's split, whitened", ['data.split={kind="csv",dir="{root}/../splits"}']),
        ("the original project's split, plain", ['data.split={kind="csv",dir="{root}/../splits"}', PLAIN]),
        ("one stratified split, whitened", ['data.split={kind="stratified"}']),
        ("one grouped split, whitened", ['data.split={kind="grouped"}']),
        ("ordinary cross-validation, whitened", [ORDINARY]),
        ("ordinary cross-validation, plain", [ORDINARY, PLAIN]),
        ("ordinary cross-validation, ResNet34, whitened", [ORDINARY, RESNET34, "backbone.weights=random"]),
        ("grouped cross-validation, whitened", [GROUPED]),
        ("grouped cross-validation, plain", [GROUPED, PLAIN]),
        ("grouped cross-validation, ResNet34, whitened", [GROUPED, RESNET34, "backbone.weights=random"]),
    ],
    "Remedies, in ordinary and in grouped cross-validation": [
        (f"{name}, {remedy}", [split, *keys])
        for name, split in [("ordinary", ORDINARY.replace("repeats=3", "repeats=1")), ("grouped", GROUPED.replace("repeats=3", "repeats=1"))]
        for remedy, keys in [
            ("none", []),
            ("exact duplicates dropped", ["data.drop_duplicates=true"]),
            ("contradictions dropped", ["data.drop_contradictions=true"]),
            ("both dropped", ["data.drop_duplicates=true", "data.drop_contradictions=true"]),
            ("mel bands up to 3.4 kHz", ["features.f_max_hz=3400.0"]),
            ("mel bands up to 2 kHz", ["features.f_max_hz=2000.0"]),
        ]
    ],
    "Each recorder left out once": [("whitened", ['data.split={kind="leave_one_group_out"}'])],
}


def run(train, data, keys):
    name = "".join(c if c.isalnum() else "-" for c in " ".join(keys))
    out = pathlib.Path("runs") / (name or "default")
    if not list(out.glob("*/report.json")):
        command = [train, "--config", CONFIG, "--device", "cpu", "--out", out, "--set", f"data.roots=['{data}/raw']"]
        for key in keys:
            command += ["--set", key]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{keys}: {result.stderr[-1000:]}")
    (report,) = out.glob("*/report.json")
    return json.loads(report.read_text())


def main():
    train, data = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    for title, rows in TABLES.items():
        print(f"\n**{title}**\n")
        print("| run | tested | test macro-F1 (95 %) | majority class | balanced accuracy (95 %) | p against chance | known to training by sound, by recorder |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for name, keys in rows:
            report = run(train, data, keys)
            test, leaks = report["test"], report["data"]["leaks"]

            def score(key):
                return "{:.3f} ({:.3f} to {:.3f})".format(test["scores"][key]["value"], *test["scores"][key]["interval"])

            known = [f"{100 * leaks[kind] / leaks['held_out']:.0f} %" for kind in ["families", "recorders"]]
            cells = [name, test["n_examples"], score("macro_f1"), f"{test['majority']['macro_f1']:.3f}", score("balanced_accuracy")]
            print("|", " | ".join(map(str, [*cells, f"{test['permutation']['p']:.4f}", ", ".join(known)])), "|", flush=True)


if __name__ == "__main__":
    main()
