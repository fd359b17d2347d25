"""Writes crates/dataset/tests/goldens/statistics.json: the audit's statistics as scipy and scikit-learn compute them.

    venv/bin/python scripts/goldens/audit_golden.py
"""

import json
import pathlib
import sys

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT

OUT = ROOT / "crates/dataset/tests/goldens/statistics.json"


def ranked(rng, n):
    values = np.round(rng.normal(size=n), 1)  # rounded to make ties
    positive = rng.random(n) < 0.3
    positive[:2] = [True, False]
    return {
        "values": values.tolist(),
        "positive": positive.tolist(),
        "ranks": stats.rankdata(values).tolist(),
        "auc": roc_auc_score(positive, values),
    }


def contingency(rng, rows, columns, high):
    table = rng.integers(0, high, size=(rows, columns)).astype(float)
    table[0] += 1
    table[:, 0] += 1
    n = table.sum()
    chi2 = stats.chi2_contingency(table, correction=False).statistic
    phi2 = max(0.0, chi2 / n - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1))
    return {"table": table.tolist(), "chi_squared": chi2, "cramers_v": np.sqrt(phi2 / (smaller - 1))}


def grouped(rng, n_groups):
    groups = [rng.normal(loc=rng.normal(), size=rng.integers(1, 6)) for _ in range(n_groups)]
    groups[0] = rng.normal(size=3)
    sizes = np.array([len(group) for group in groups])
    f = stats.f_oneway(*groups).statistic
    size = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (n_groups - 1)
    return {"groups": [group.tolist() for group in groups], "icc": max(0.0, (f - 1) / (f - 1 + size))}


def main():
    rng = np.random.default_rng(4)
    p_values = [rng.random(n) ** 3 for n in (1, 5, 40)]
    wilson = []
    for hits, n in [(0, 1), (1, 1), (1, 3), (3, 3), (5, 10), (77, 77), (41, 103)]:
        interval = stats.binomtest(hits, n).proportion_ci(method="wilson")
        wilson.append({"hits": hits, "n": n, "interval": [interval.low, interval.high]})
    goldens = {
        "ranked": [ranked(rng, n) for n in (5, 20, 200)],
        "contingency": [contingency(rng, *size) for size in [(2, 2, 9), (8, 3, 30), (5, 6, 200)]],
        "grouped": [grouped(rng, n) for n in (2, 12, 60)],
        "p_values": [{"p": p.tolist(), "q": stats.false_discovery_control(p).tolist()} for p in p_values],
        "wilson": wilson,
    }
    OUT.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
