"""What pretrained backbones are worth to recorders that they never heard, beside random ones: a Markdown table.

    python3 scripts/compact_evaluation.py TRAIN_BINARY CRY512_FOLDER PRETRAINING_RUN...

The recordings that `split/val.csv` and `split/test.csv` of the pretrainings name (all runs must have the same) are linked into a
folder here; each line is configs/cv.toml on that folder, three deals of five grouped folds. A run that is there already is not
made again. Needs nothing but Python.
"""

import csv
import pathlib
import sys
import tomllib

from evaluation import COLUMNS, cells, print_header, print_row, run

GROUPED = 'data.split={kind="cross_validation",repeats=3}'


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
    print_header("backbone, image size", *COLUMNS)
    for name, keys in rows:
        print_row(name, *cells(run(train, corpus, name, [GROUPED, *keys])["test"]))


main()
