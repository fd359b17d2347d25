"""What plain logistic regression makes of the embeddings and folds of a run: a Markdown table.

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-metrics.txt
    venv/bin/python scripts/logistic_regression.py TRAIN_BINARY RUN RECORDINGS

RUN is one in cross-validation (configs/yamnet.toml, or configs/cv.toml) without augmented views, as YAMNet has it. For each fold a
balanced, penalised regression is fitted on the standardised embeddings of its training recordings, once alone and once with those of
its validation, which choose nothing here; the tests of all folds are scored together, as the run scores its heads. The columns are
scikit-learn's C: the lower, the stronger the penalty.
"""

import csv
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

PENALTIES = [0.003, 0.03, 0.3]
PARTS = {"train": ["train"], "train and validation": ["train", "val"]}


def embeddings(train, run, recordings, paths):
    """Of the backbone and front end that the run saved."""
    arch = tomllib.loads((run / "config.toml").read_text())["backbone"]["arch"]
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "embeddings.npy"
        command = [train, "embed", "--arch", arch, "--weights", run / "model.safetensors", "--out", out]
        subprocess.run([*command, *(recordings / path for path in paths)], check=True)
        return np.load(out)


def main():
    train, run, recordings = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    with open(run / "manifest.csv") as lines:
        paths = [line["path"] for line in csv.DictReader(lines)]
    rows = dict(zip(paths, np.maximum(embeddings(train, run, recordings, paths), 0.0)))
    folds = []
    for folder in sorted((run / "folds").iterdir()):
        split = {}
        for part in ["train", "val", "test"]:
            with open(folder / "split" / f"{part}.csv") as lines:
                split[part] = [(rows[line["path"]], line["class"]) for line in csv.DictReader(lines)]
        folds.append(split)
    print("| fitted on |", " | ".join(f"C = {penalty}" for penalty in PENALTIES), "|")
    print("| --- |" + " --- |" * len(PENALTIES))
    for name, parts in PARTS.items():
        scores = []
        for penalty in PENALTIES:
            truth, said = [], []
            for split in folds:
                x, y = zip(*(row for part in parts for row in split[part]))
                tested, labels = zip(*split["test"])
                model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, class_weight="balanced", max_iter=5000))
                truth += labels
                said += list(model.fit(np.stack(x), y).predict(np.stack(tested)))
            scores.append(f"{f1_score(truth, said, average='macro', zero_division=0):.3f}")
        print(f"| {name} |", " | ".join(scores), "|", flush=True)


main()
