"""Prints the tables of docs/honest-evaluation.md as Markdown.

    python3 scripts/evaluate/honest_evaluation.py target/release/wail CRY512_FOLDER

Each line is a run of configs/cv.toml with some keys set. Runs and caches go to the current folder; a run that exists is not repeated.
Takes about half an hour on two cores. Standard library only.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.evaluation import COLUMNS, GROUPED, cells, run
from wail_scripts.markdown import print_header, print_row

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
    args = command_line.parser(__doc__, "wail", "data").parse_args()
    recordings = args.data.resolve() / "raw"
    for title, rows in TABLES.items():
        print(f"\n**{title}**\n")
        print_header("run", *COLUMNS, "known to training by sound, by recorder")
        for name, keys in rows:
            folder = "".join(c if c.isalnum() else "-" for c in " ".join(keys))
            report = run(args.wail.resolve(), recordings, folder or "default", [RANDOM, *keys])
            leaks = report["data"]["leaks"]
            known = [f"{100 * leaks[kind] / leaks['held_out']:.0f} %" for kind in ["families", "recorders"]]
            print_row(name, *cells(report["test"]), ", ".join(known))


if __name__ == "__main__":
    main()
