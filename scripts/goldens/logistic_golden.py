"""Writes crates/train/tests/goldens/logistic.json: probabilities of scikit-learn's converged logistic regression.

    venv/bin/python scripts/goldens/logistic_golden.py

The features are standardised by StandardScaler; the solver is Newton's method with a tolerance near rounding. A recording with several views is given once for each view, with the weight 1 / n_views.
"""

import json
import pathlib
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT

# Name, recordings, views of each, features, classes, C, class weights.
CASES = [
    ("more recordings than features", 60, 1, 6, 4, 1.0, "balanced"),
    ("a weak penalty", 60, 1, 6, 4, 1e4, "balanced"),
    ("without class weights", 60, 1, 6, 4, 0.1, None),
    ("fewer recordings than features", 25, 1, 40, 3, 0.01, "balanced"),
    ("fewer recordings than features, a weak penalty", 25, 1, 40, 3, 100.0, "balanced"),
    ("two classes", 30, 1, 8, 2, 0.3, "balanced"),
    ("several views", 30, 3, 10, 3, 0.5, "balanced"),
]


def golden(rng, name, n, n_views, n_features, n_classes, c, class_weight):
    labels = np.sort(rng.choice(n_classes, n, p=np.arange(n_classes, 0, -1) / sum(range(n_classes + 1))))
    labels[:n_classes] = np.arange(n_classes)  # each class is there
    centres = rng.normal(size=(n_classes, n_features))
    scale = 10.0 ** rng.integers(-2, 3, n_features)
    rows = centres[np.repeat(labels, n_views)] * 0.3 + rng.normal(size=(n * n_views, n_features))
    rows = np.round(rows, 3) * scale
    rows[:, 1] = 7.0  # constant
    rows = rows.astype(np.float32)
    regression = LogisticRegression(C=c, class_weight=class_weight, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    model = make_pipeline(StandardScaler(), regression)
    weights = np.full(n * n_views, 1.0 / n_views)
    model.fit(rows.astype(np.float64), np.repeat(labels, n_views), logisticregression__sample_weight=weights)
    return {
        "name": name,
        "n_features": n_features,
        "c": c,
        "balanced": class_weight == "balanced",
        "labels": labels.tolist(),
        "rows": [float(str(x)) for x in rows.ravel()],
        "probabilities": model.predict_proba(rows.astype(np.float64)).tolist(),
    }


def main():
    rng = np.random.default_rng(19)
    path = ROOT / "crates/train/tests/goldens/logistic.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([golden(rng, *case) for case in CASES]) + "\n")


if __name__ == "__main__":
    main()
