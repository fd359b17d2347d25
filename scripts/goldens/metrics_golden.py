"""Writes crates/metrics/tests/goldens.json: scikit-learn's scores of random predictions and of edge cases.

    venv/bin/python scripts/goldens/metrics_golden.py

scikit-learn has no calibration error, no reliability diagram and no temperature; numpy and scipy compute them from the definitions that crates/metrics cites.
The stratified random baseline is the mean over every possible answer of a small case.
"""

import itertools
import json
import pathlib
import sys
import warnings

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn import metrics
from sklearn.dummy import DummyClassifier

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT

N_BINS = 15


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def calibration_error(labels, probabilities):
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    bins = np.digitize(confidence, np.arange(1, N_BINS) / N_BINS, right=True)
    error = 0.0
    for b in range(N_BINS):
        inside = bins == b
        if inside.any():
            error += inside.mean() * abs((predicted[inside] == labels[inside]).mean() - confidence[inside].mean())
    return error


def curves(labels, probabilities):
    """The precision-recall curve of each class, highest threshold first: [recall, precision, threshold]."""
    found = []
    for c in range(probabilities.shape[1]):
        precision, recall, thresholds = metrics.precision_recall_curve(labels == c, probabilities[:, c])
        points = zip(recall[:-1], precision[:-1], thresholds) if (labels == c).any() else []
        found.append([[float(x) for x in point] for point in points][::-1])
    return found


def bins(labels, probabilities):
    """The bins of the reliability diagram that hold an example: [bin, examples, confidence, accuracy]."""
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    of_each = np.digitize(confidence, np.arange(1, N_BINS) / N_BINS, right=True)
    row = lambda inside, b: [b, int(inside.sum()), confidence[inside].mean(), (predicted[inside] == labels[inside]).mean()]
    return [row(of_each == b, b) for b in range(N_BINS) if (of_each == b).any()]


def top_k(labels, probabilities, k):
    """Of equal probabilities scikit-learn prefers the higher index and Wail the lower, so the classes are counted from the other end."""
    n = probabilities.shape[1]
    if k >= n:
        return 1.0
    return metrics.top_k_accuracy_score(n - 1 - labels, probabilities[:, ::-1], k=k, labels=range(n))


def average_precision(labels, probabilities, c):
    return float(metrics.average_precision_score(labels == c, probabilities[:, c])) if (labels == c).any() else None


def scores(labels, probabilities):
    n = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    one_hot = np.eye(n)[labels]
    precisions = [average_precision(labels, probabilities, c) for c in range(n)]
    return {
        "macro_f1": metrics.f1_score(labels, predicted, labels=range(n), average="macro", zero_division=0),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted),
        "accuracy": metrics.accuracy_score(labels, predicted),
        "macro_average_precision": np.mean([p for p in precisions if p is not None]),
        "top_2_accuracy": top_k(labels, probabilities, 2),
        "top_3_accuracy": top_k(labels, probabilities, 3),
        "log_loss": metrics.log_loss(labels, probabilities, labels=range(n)),
        "brier": np.mean(np.sum((probabilities - one_hot) ** 2, axis=1)) if n == 2
        else metrics.brier_score_loss(labels, probabilities, labels=range(n), scale_by_half=False),
        "calibration_error": calibration_error(labels, probabilities),
    }


def classes(labels, probabilities):
    n = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(n), zero_division=np.nan
    )
    f1_zero = metrics.f1_score(labels, predicted, labels=range(n), average=None, zero_division=0)
    number = lambda x: None if np.isnan(x) else float(x)
    return [
        {
            "precision": number(precision[c]),
            "recall": number(recall[c]),
            "f1": float(f1_zero[c]),
            "support": int(support[c]),
            "average_precision": average_precision(labels, probabilities, c),
        }
        for c in range(n)
    ]


def majority(labels, training_counts):
    n = len(training_counts)
    trained = np.repeat(np.arange(n), training_counts)
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(trained), 1)), trained)
    given = dummy.predict_proba(np.zeros((len(labels), 1)))
    probabilities = np.zeros((len(labels), n))
    probabilities[:, dummy.classes_] = given
    return scores(labels, probabilities)


def stratified(labels, training_counts):
    """Mean scores over every possible answer, weighted by its probability; None unless the case is small."""
    n = len(training_counts)
    if n ** len(labels) > 20_000:
        return None
    shares = np.array(training_counts) / np.sum(training_counts)
    sums = np.zeros(3)
    for answer in itertools.product(range(n), repeat=len(labels)):
        weight = np.prod(shares[list(answer)])
        if weight > 0:
            sums += weight * np.array([
                metrics.f1_score(labels, answer, labels=range(n), average="macro", zero_division=0),
                metrics.balanced_accuracy_score(labels, answer),
                metrics.accuracy_score(labels, answer),
            ])
    return dict(zip(["macro_f1", "balanced_accuracy", "accuracy"], map(float, sums)))


def temperature(labels, probabilities):
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    loss = lambda u: -log_softmax(logits / np.exp(u), axis=1)[np.arange(len(labels)), labels].mean()
    found = minimize_scalar(loss, bounds=np.log([0.05, 100]), method="bounded", options={"xatol": 1e-11})
    return {"temperature": float(np.exp(found.x)), "log_loss": float(found.fun)}


def cases(rng):
    def random(name, n, n_classes, sharp=2.0, absent=(), rounded=None):
        allowed = [c for c in range(n_classes) if c not in absent]
        labels = rng.choice(allowed, n)
        logits = rng.normal(size=(n, n_classes)) * sharp
        logits[np.arange(n), labels] += sharp / 2
        probabilities = softmax(logits)
        if rounded:  # few distinct values, hence ties within rows and columns
            counts = np.floor(probabilities * rounded)
            counts[:, 0] += rounded - counts.sum(axis=1)
            probabilities = (counts / rounded).astype(np.float32)
        return name, labels, probabilities, rng.integers(1, 30, n_classes)

    yield random("eight classes", 60, 8)
    yield random("two classes", 25, 2)
    yield random("classes without an example", 40, 6, absent=(1, 4))
    yield random("ties", 50, 4, rounded=4)
    yield random("ties and a missing class", 30, 5, absent=(0,), rounded=8)
    yield random("sure of itself", 30, 3, sharp=40.0)
    yield random("six examples", 6, 4)
    name, labels, probabilities, counts = random("a class that was not in training", 8, 3)
    yield name, labels, probabilities, np.array([5, 0, 2])
    yield "one class only", np.zeros(7, int), softmax(rng.normal(size=(7, 3))), np.array([4, 1, 1])
    yield "one example", np.array([2]), softmax(rng.normal(size=(1, 3))), np.array([1, 1, 1])
    yield "no opinion", np.array([0, 1, 2, 3, 1]), np.full((5, 4), 0.25, np.float32), np.array([2, 2, 1, 1])
    yield "certain, right and wrong", np.array([0, 1, 1]), np.eye(2, dtype=np.float32)[[0, 1, 0]], np.array([1, 2])


def main():
    warnings.simplefilter("ignore")  # undefined scores, which some cases are about
    goldens = []
    for name, labels, probabilities, training_counts in cases(np.random.default_rng(20170806)):
        exact = probabilities.astype(np.float64)
        goldens.append({
            "name": name,
            "labels": labels.tolist(),
            "probabilities": exact.tolist(),
            "training_counts": training_counts.tolist(),
            "scores": {k: float(v) for k, v in scores(labels, exact).items()},
            "classes": classes(labels, exact),
            "majority": {k: float(v) for k, v in majority(labels, training_counts).items()},
            "stratified_random": stratified(labels, training_counts),
            "rescaled": temperature(labels, exact),
            "bins": bins(labels, exact),
            # of small cases, to keep the file small
            "curves": curves(labels, exact) if exact.size <= 200 else None,
        })
    path = ROOT / "crates/metrics/tests/goldens.json"
    path.write_text("[\n" + ",\n".join(json.dumps(golden) for golden in goldens) + "\n]\n")
    print(f"{path}: {len(goldens)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
