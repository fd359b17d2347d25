"""Trains with `wail --track`, and reads back what TensorBoard and an MLflow server were told.

    venv/bin/python scripts/checks/tracking.py target/release/wail

Needs requirements-tracking.txt: TensorBoard's own reader and a real `mlflow server`. Also checked: a server that is down or hangs does
not stop a run, and `wail track` sends what was missed, once. Everything is in a temporary folder.
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT, command_line

EPOCHS = 4
TRIALS = 2


def check(statement, holds, found=""):
    print(f"{'ok' if holds else 'FAILED'}: {statement}" + ("" if holds else f": {found}"), flush=True)
    if not holds:
        sys.exit(1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(wail, folder, *arguments):
    """Standard error of a command, and the seconds that it took."""
    started = time.monotonic()
    found = subprocess.run([wail, *map(str, arguments)], cwd=folder, capture_output=True, text=True)
    if found.returncode != 0:
        sys.exit(f"wail {' '.join(map(str, arguments))}: exit code {found.returncode}\n{found.stderr}")
    return found.stderr, time.monotonic() - started


def train(wail, folder, name, *arguments):
    return run(wail, folder, "--config", ROOT / "configs/quick.toml", "--set", f"name='{name}'", "--set", f"train.epochs={EPOCHS}", *arguments)


def folder_of(folder, name):
    return next((folder / "experiments").glob(f"{name}-*"))


def scalars(folder):
    """{tag: [(step, value)]} of the event files in a folder, by TensorBoard's own reader."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return {tag: [(event.step, event.value) for event in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


def epochs(trial):
    """The lines of a trial's epochs.csv as {column: [value]}."""
    header, *lines = (trial / "epochs.csv").read_text().splitlines()
    return {name: [float(line.split(",")[i]) for line in lines] for i, name in enumerate(header.split(","))}


def check_event_files(run_folder, events):
    report = json.loads((run_folder / "report.json").read_text())
    trials = sorted((run_folder / "trials").iterdir())
    check(f"{TRIALS} trials were trained", len(trials) == TRIALS, trials)
    for trial in trials:
        found, expected = scalars(events / run_folder.name / trial.name), epochs(trial)
        for tag, column in [("loss/train", "train_loss"), ("loss/val", "val_loss"), ("macro-F1/val", "val_macro_f1"), ("learning rate", "learning_rate")]:
            steps = [step for step, _ in found[tag]]
            differences = [abs(value - want) for (_, value), want in zip(found[tag], expected[column], strict=True)]
            check(f"{trial.name}: TensorBoard reads {tag}", steps == list(range(1, EPOCHS + 1)) and max(differences) < 1e-6, found[tag])
    score = scalars(events / run_folder.name)["test/macro-F1"]
    check("TensorBoard reads the scores of the run", abs(score[0][1] - report["test"]["scores"]["macro_f1"]["value"]) < 1e-6, score)


@contextlib.contextmanager
def mlflow(folder, port):
    command = [
        pathlib.Path(sys.executable).with_name("mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artefacts"),
    ]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (folder / "mlflow.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read()
                    break
                if process.poll() is not None:
                    sys.exit((folder / "mlflow.log").read_text())
                time.sleep(0.2)
            else:
                sys.exit("the MLflow server did not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            # The server has workers in its own process group.
            os.killpg(process.pid, 15)
            process.wait()


def ask(url, path, body):
    request = urllib.request.Request(f"{url}/api/2.0/mlflow/{path}", json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def history(url, run_id, key):
    with urllib.request.urlopen(f"{url}/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key={key}", timeout=60) as response:
        return [(int(metric.get("step", 0)), metric["value"]) for metric in json.load(response).get("metrics", [])]


def check_mlflow(url, run_folder):
    """The server has one run for the run, one inside it for each trial, and each value once."""
    with urllib.request.urlopen(f"{url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=wail", timeout=60) as response:
        experiment = json.load(response)["experiment"]["experiment_id"]
    found = {}
    for one in ask(url, "runs/search", {"experiment_ids": [experiment], "max_results": 1000})["runs"]:
        tags = {tag["key"]: tag["value"] for tag in one["data"]["tags"]}
        if tags["wail.key"].split("/")[0] == run_folder.name:
            found[tags["wail.key"]] = one, tags
    trials = sorted((run_folder / "trials").iterdir())
    keys = [run_folder.name, *(f"{run_folder.name}/{trial.name}" for trial in trials)]
    check("MLflow has one run for the run and one for each trial", sorted(found) == sorted(keys), sorted(found))
    parent, _ = found[run_folder.name]
    params = {param["key"]: param["value"] for param in parent["data"]["params"]}
    check("  the configuration as parameters", params["train.epochs"] == str(EPOCHS), params)
    report = json.loads((run_folder / "report.json").read_text())
    score = {metric["key"]: metric["value"] for metric in parent["data"]["metrics"]}["test/macro-F1"]
    check("  the scores of the run", abs(score - report["test"]["scores"]["macro_f1"]["value"]) < 1e-9, score)
    check("  all are finished", all(one["info"]["status"] == "FINISHED" for one, _ in found.values()))
    for trial in trials:
        one, tags = found[f"{run_folder.name}/{trial.name}"]
        values = history(url, one["info"]["run_id"], "val_loss")
        expected = list(enumerate(epochs(trial)["val_loss"], 1))
        check(f"  {trial.name}: each epoch once, inside the run", sorted(values) == expected and tags["mlflow.parentRunId"] == parent["info"]["run_id"], values)
    listed = urllib.request.urlopen(f"{url}/api/2.0/mlflow/artifacts/list?run_id={parent['info']['run_id']}", timeout=60)
    names = sorted(file["path"] for file in json.load(listed).get("files", []))
    check("  the files of the run", names == ["config.toml", "leaderboard.csv", "report.html", "report.json"], names)


def same_files(one, other):
    """Whether two runs' folders hold the same bytes, except runtime.jsonl."""
    contents = lambda folder: {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "runtime.jsonl"}
    return contents(one) == contents(other)


def main():
    wail = command_line.parser(__doc__, "wail").parse_args().wail.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        train(wail, folder, "caches", "--out", "untracked")
        _, plain_seconds = train(wail, folder, "plain", "--out", "untracked")
        train(wail, folder, "events", "--track", "tensorboard")
        run_folder = folder_of(folder, "events")
        check_event_files(run_folder, folder / "tensorboard")
        train(wail, folder, "events", "--out", "untracked")
        check("a tracked run has the bytes of one that is not", same_files(run_folder, next((folder / "untracked").glob("events-*"))))
        run(wail, folder, "track", run_folder, "--track", "tensorboard:later")
        check_event_files(run_folder, folder / "later")

        port = free_port()
        with socket.create_server(("127.0.0.1", port)):  # accepts connections and never answers
            text, seconds = train(wail, folder, "hangs", "--track", f"mlflow:http://127.0.0.1:{port}")
        print(f"      {seconds:.1f} s with a server that hangs, of which at most 5 s at the end; {plain_seconds:.1f} s without one")
        check("a server that hangs does not stop a run, which says how to send what it missed", "wail track RUN --track mlflow:" in text, text)
        text, seconds = train(wail, folder, "down", "--track", f"mlflow:http://127.0.0.1:{port}")
        print(f"      {seconds:.1f} s with a server that is down")
        check("a server that is down does not stop a run, which says so once", text.count("the run goes on without it") == 1, text)
        with mlflow(folder, port) as url:
            train(wail, folder, "live", "--track", f"mlflow:{url}")
            check_mlflow(url, folder_of(folder, "live"))
            for _ in range(2):
                run(wail, folder, "track", folder_of(folder, "down"), folder_of(folder, "live"), "--track", f"mlflow:{url}")
            check_mlflow(url, folder_of(folder, "down"))
            check_mlflow(url, folder_of(folder, "live"))


if __name__ == "__main__":
    main()
