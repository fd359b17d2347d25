"""What pretrained backbones are worth to recorders that they never heard, beside random ones: a Markdown table.

    python3 scripts/compact_evaluation.py TRAIN_BINARY CRY512_FOLDER PRETRAINING_RUN...

The recordings that `split/val.csv` and `split/test.csv` of the pretrainings name (all runs must have the same) are linked into a
folder here; each line is configs/cv.toml on that folder, three deals of five grouped folds. A run that is there already is not
made again. Needs nothing but Python.
"""

import csv
import json
import pathlib
import subprocess
import sys
import tomllib

CONFIG = pathlib.Path(__file__).resolve().parent.parent / "configs" / "cv.toml"


def link_unheard(data, run):
    folder = pathlib.Path("unheard")
    for part in ["val", "test"]:
        with open(run / "split" / f"{part}.csv") as lines:
            for line in csv.DictReader(lines):
                link = folder / line["path"]
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.is_symlink():
                    link.symlink_to(data / "raw" / line["path"])
    return folder


def run(train, corpus, name, keys):
    out = pathlib.Path("runs") / name
    if not list(out.glob("*/report.json")):
        command = [train, "--config", CONFIG, "--device", "cpu", "--out", out, "--set", f"data.roots=['{corpus}']"]
        for key in ['data.split={kind="cross_validation",repeats=3}', *keys]:
            command += ["--set", key]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{name}: {result.stderr[-1000:]}")
    (report,) = out.glob("*/report.json")
    return json.loads(report.read_text())


def main():
    train, data, *pretrained = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    splits = {tuple((path / "split" / f"{part}.csv").read_text() for part in ["val", "test"]) for path in pretrained}
    assert len(splits) == 1, "the pretrainings kept different recordings"
    corpus = link_unheard(data, pretrained[0])
    rows = [("random-resnet18-224", ["backbone.weights=random"])]
    for arch in ["resnet18-w16", "resnet18-w8"]:
        keys = ["backbone.weights=random", f"backbone.arch={arch}", "features.image_size=112"]
        rows.append((f"random-{arch}-112", keys))
    for path in pretrained:
        config = tomllib.loads((path / "config.toml").read_text())
        size = config["features"]["image_size"]
        keys = [f"backbone.weights={path}/backbone.safetensors", f"backbone.arch={config['arch']}", f"features.image_size={size}"]
        rows.append((path.name, keys))
    print("| backbone, image size | tested | test macro-F1 (95 %) | majority class | balanced accuracy (95 %) | p against chance |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, keys in rows:
        test = run(train, corpus, name, keys)["test"]

        def score(key):
            return "{:.3f} ({:.3f} to {:.3f})".format(test["scores"][key]["value"], *test["scores"][key]["interval"])

        cells = [name, test["n_examples"], score("macro_f1"), f"{test['majority']['macro_f1']:.3f}", score("balanced_accuracy")]
        print("|", " | ".join(map(str, [*cells, f"{test['permutation']['p']:.4f}"])), "|", flush=True)


main()
