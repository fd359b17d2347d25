"""Checks a model card and the Croissant description of a corpus with the Python packages of the Hugging Face Hub and of MLCommons.

    venv-hub/bin/python scripts/checks/hub_check.py target/release/wail RUN CORPUS

Exports the run with a licence and a data set, and reads the card's metadata and scores. Describes the corpus, and compares the records that
mlcroissant reads with the files. mlcroissant 1.1 decodes MP3 only, so the sounds themselves are not read.
"""

import hashlib
import json
import logging
import pathlib
import subprocess
import sys
import tempfile

import mlcroissant
from huggingface_hub import ModelCard

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line


def check_card(wail, run, folder):
    """The problems of the card of an exported run."""
    licence = ["--licence-name", 'odbl: "1.0"', "--licence-link", "https://example.org/odbl", "--dataset", "someone/cries"]
    subprocess.run([wail, "export", run, "--out", folder / "tiny", *licence], check=True, stdout=subprocess.DEVNULL)
    data = ModelCard.load(folder / "tiny" / "MODEL_CARD.md").data
    scores = json.loads((run / "report.json").read_text())["test"]["scores"]
    tested = {result.metric_type: result.metric_value for result in data.eval_results}
    expected = {"f1": scores["macro_f1"]["value"], "accuracy": scores["accuracy"]["value"]}
    found = {
        "license": (data.license, "other"),
        "license_name": (data.license_name, 'odbl: "1.0"'),
        "license_link": (data.license_link, "https://example.org/odbl"),
        "datasets": (data.datasets, ["someone/cries"]),
        "library": (data.library_name, "wail"),
        "model": (data.model_name, "tiny"),
        "scores": (tested, {name: round(value, 4) for name, value in expected.items()}),
        "tasks": ({result.task_type for result in data.eval_results}, {"audio-classification"}),
    }
    return [f"{name}: {value}, expected {wanted}" for name, (value, wanted) in found.items() if value != wanted]


def check_croissant(wail, corpus, folder):
    """The problems of the description of a corpus."""
    description = folder / "croissant.json"
    audit = [wail, "audit", corpus, "--out", folder / "audit", "--croissant", description]
    subprocess.run(audit, check=True, stdout=subprocess.DEVNULL)
    dataset = mlcroissant.Dataset(jsonld=str(description))
    problems = [f"mlcroissant: {error}" for error in dataset.metadata.ctx.issues.errors]
    text = lambda value: value.decode() if isinstance(value, bytes) else value
    rows = [{name: text(value) for name, value in row.items()} for row in dataset.records("recordings")]
    labels = {text(row["labels/name"]) for row in dataset.records("labels")}
    hashes = {file.content_url: file.sha256 for file in dataset.metadata.file_objects}
    files = {str(path.relative_to(corpus)): path for path in corpus.rglob("*.wav")}
    if {row["recordings/path"] for row in rows} != set(files) or set(hashes) != set(files):
        problems.append(f"{len(rows)} rows and {len(hashes)} files, {len(files)} recordings")
    for row in rows:
        path = row["recordings/path"]
        if row["recordings/label"] != path.split("/")[0] or row["recordings/label"] not in labels:
            problems.append(f"{path}: its label is {row['recordings/label']}")
        if path in files and hashes.get(path) != hashlib.sha256(files[path].read_bytes()).hexdigest():
            problems.append(f"{path}: its hash differs")
    return problems


def main():
    logging.disable(logging.WARNING)  # licence, creator and the like are recommended, but not known
    args = command_line.parser(__doc__, "wail", "run", "corpus").parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        problems = check_card(args.wail.resolve(), args.run, folder) + check_croissant(args.wail.resolve(), args.corpus, folder)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"the model card and Croissant: {len(problems)} problems")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
