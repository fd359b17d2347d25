"""Macro-F1 of logistic regression on the embeddings and folds of a run: a Markdown table.

    venv/bin/python scripts/evaluate/logistic_regression.py target/release/wail RUN RECORDINGS

RUN is a cross-validation (configs/yamnet.toml or configs/cv.toml) without augmented views, as with YAMNet. For each fold a class-balanced,
penalised regression is fitted on the standardised embeddings of the training recordings, and again with the validation recordings added,
which select nothing here. The test sets of all folds are scored together, as in the run. The columns are scikit-learn's C: lower values
mean a stronger penalty.
"""

import csv
import pathlib
import sys
import tomllib

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.arrays import array
from wail_scripts.markdown import print_header, print_row

PENALTIES = [0.003, 0.03, 0.3]
PARTS = {"train": ["train"], "train and validation": ["train", "val"]}


def main():
    args = command_line.parser(__doc__, "wail", "run", "recordings").parse_args()
    run = args.run
    with open(run / "manifest.csv") as lines:
        paths = [line["path"] for line in csv.DictReader(lines)]
    arch = tomllib.loads((run / "config.toml").read_text())["backbone"]["arch"]
    files = [args.recordings / path for path in paths]
    embeddings = array(args.wail, "embed", files, "--arch", arch, "--weights", run / "model.safetensors")
    rows = dict(zip(paths, np.maximum(embeddings, 0.0)))
    folds = []
    for folder in sorted((run / "folds").iterdir()):
        split = {}
        for part in ["train", "val", "test"]:
            with open(folder / "split" / f"{part}.csv") as lines:
                split[part] = [(rows[line["path"]], line["class"]) for line in csv.DictReader(lines)]
        folds.append(split)
    print_header("fitted on", *(f"C = {penalty}" for penalty in PENALTIES))
    for name, parts in PARTS.items():
        scores = []
        for penalty in PENALTIES:
            labels, predicted = [], []
            for split in folds:
                x, y = zip(*(row for part in parts for row in split[part]))
                tested, true = zip(*split["test"])
                model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, class_weight="balanced", max_iter=5000))
                labels += true
                predicted += list(model.fit(np.stack(x), y).predict(np.stack(tested)))
            scores.append(f"{f1_score(labels, predicted, average='macro', zero_division=0):.3f}")
        print_row(name, *scores)


if __name__ == "__main__":
    main()
