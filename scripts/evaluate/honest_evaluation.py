"""The tables of docs/honest-evaluation.md, as Markdown.

    python3 scripts/honest_evaluation.py TRAIN_BINARY CRY512_FOLDER

Each line is a run of configs/cv.toml with some keys set; runs and caches go to the current folder, and a run that is there already
is not made again. Takes about half an hour on two cores; needs nothing but Python.
"""

import pathlib
import sys

from evaluation import COLUMNS, cells, print_header, print_row, run

GROUPED = 'data.split={kind="cross_validation",repeats=3}'
ORDINARY = 'data.split={kind="cross_validation",repeats=3,grouped=false}'
PLAIN = "train.whiten=false"
RANDOM = "backbone.weights=random"
RESNET34 = "backbone.arch=resnet34"

TABLES = {
    "Split protocol x features": [
        ("the original project's split, whitened", ['data.split={kind="csv",dir="{root}/../splits"}']),
        ("the original project's split, plain", ['data.split={kind="csv",dir="{root}/../splits"}', PLAIN]),
        ("one stratified split, whitened", ['data.split={kind="stratified"}']),
        ("one grouped split, whitened", ['data.split={kind="grouped"}']),
        ("ordinary cross-validation, whitened", [ORDINARY]),
        ("ordinary cross-validation, plain", [ORDINARY, PLAIN]),
        ("ordinary cross-validation, ResNet34, whitened", [ORDINARY, RESNET34]),
        ("grouped cross-validation, whitened", [GROUPED]),
        ("grouped cross-validation, plain", [GROUPED, PLAIN]),
        ("grouped cross-validation, ResNet34, whitened", [GROUPED, RESNET34]),
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
}


def main():
    train, data = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    for title, rows in TABLES.items():
        print(f"\n**{title}**\n")
        print_header("run", *COLUMNS, "known to training by sound, by recorder")
        for name, keys in rows:
            folder = "".join(c if c.isalnum() else "-" for c in " ".join(keys))
            report = run(train, data / "raw", folder or "default", [RANDOM, *keys])
            leaks = report["data"]["leaks"]
            known = [f"{100 * leaks[kind] / leaks['held_out']:.0f} %" for kind in ["families", "recorders"]]
            print_row(name, *cells(report["test"]), ", ".join(known))


if __name__ == "__main__":
    main()
