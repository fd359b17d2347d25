"""Evaluates pretrained backbones on recorders that they were not trained on, and random ones for comparison: a Markdown table.

    python3 scripts/evaluate/compact_evaluation.py target/release/wail CRY512_FOLDER PRETRAINING_RUN...

Links the recordings of `split/val.csv` and `split/test.csv` of the pretrainings, which must all have the same, into ./held-out. Each line
is a run of configs/cv.toml on that folder with three repeats of five grouped folds, in ./runs; a run that exists is not repeated.
Standard library only.
"""

import csv
import pathlib
import sys
import tomllib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.evaluation import COLUMNS, GROUPED, cells, run
from wail_scripts.markdown import print_header, print_row


def link_held_out(data, run):
    """Links the recordings that a pretraining held out into a folder, and returns it."""
    folder = pathlib.Path("held-out")
    for part in ["val", "test"]:
        with open(run / "split" / f"{part}.csv") as lines:
            for line in csv.DictReader(lines):
                link = folder / line["path"]
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.is_symlink():
                    link.symlink_to(data / "raw" / line["path"])
    return folder


def main():
    parser = command_line.parser(__doc__, "wail", "data")
    parser.add_argument("pretrained", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    pretrained = [path.resolve() for path in args.pretrained]
    splits = {tuple((path / "split" / f"{part}.csv").read_text() for part in ["val", "test"]) for path in pretrained}
    if len(splits) > 1:
        sys.exit("the pretrainings held out different recordings; name runs with the same split")
    corpus = link_held_out(args.data.resolve(), pretrained[0])
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
        print_row(name, *cells(run(args.wail.resolve(), corpus, name, [GROUPED, *keys])["test"]))


if __name__ == "__main__":
    main()
