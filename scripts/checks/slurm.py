"""Trains a sweep in shards on a real Slurm of three nodes, takes nodes away in the middle, and compares the merged run with one process.

    python3 scripts/checks/slurm.py target/release/wail            # 20 units in 4 tasks, one node is killed
    python3 scripts/checks/slurm.py target/release/wail --long     # 1,000 units in 16 tasks, one is killed and one is cut off

Submits with `wail submit slurm`, from a folder whose name has to be quoted. Every process has one thread. Fails unless the tasks of the lost
nodes were requeued, every job ended with exit code 0, and the merged files are those of one process. Prints times, the speed-up and what
a task costs beside its training. Needs root, and Debian's slurmctld, slurmd, slurm-client and munge; starts and ends its own daemons.
"""

import dataclasses
import filecmp
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT, command_line, slurm_cluster
from wail_scripts.slurm_cluster import command_of, wait_until

BACKBONE = ROOT / "crates/model/tests/goldens/legacy_folded.onnx"

CONFIG = """\
name = "proof"
[data]
roots = []
synthetic_recordings = 40
[data.split]
kind = "cross_validation"
folds = 3
repeats = {repeats}
[features]
image_size = 32
[backbone]
weights = "backbone.onnx"
[train]
epochs = {epochs}
augmented_views = 1
[sweep]
learning_rate = {learning_rates}
inner = [8]
dropout = [0.5]
[gate]
sounds_per_kind = 2
"""


@dataclasses.dataclass
class Size:
    """(3 folds x repeats + 1) searches of as many trials as there are learning rates."""

    repeats: int
    learning_rates: list
    epochs: int
    shards: int

    @property
    def units(self):
        return (3 * self.repeats + 1) * len(self.learning_rates)


SHORT = Size(repeats=3, learning_rates=[1e-3, 1e-2], epochs=6000, shards=4)
LONG = Size(repeats=33, learning_rates=[1e-3 * 1.4**n for n in range(10)], epochs=600, shards=16)


class Run:
    """A sweep in a folder of its own, with caches of its own."""

    def __init__(self, wail, cluster, size, name):
        self.wail, self.cluster, self.size = wail, cluster, size
        self.folder = cluster.folder / name
        self.folder.mkdir()
        (self.folder / "proof.toml").write_text(CONFIG.format(**dataclasses.asdict(size)))
        shutil.copy(BACKBONE, self.folder / "backbone.onnx")
        cluster.environment["RAYON_NUM_THREADS"] = "1"
        cluster.environment.pop("WAIL_HOME", None)
        self.jobs = {}

    def alone(self):
        """Seconds that one process takes."""
        started = time.monotonic()
        command = [self.wail, "--config", "proof.toml", "--device", "cpu"]
        subprocess.run(
            command, cwd=self.folder, env=self.cluster.environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return time.monotonic() - started

    def submit(self):
        command = [self.wail, "submit", "slurm", "--config", "proof.toml", "--device", "cpu", "--shards", str(self.size.shards)]
        printed = self.cluster.run(*command, "--", "--comment=a comment", "--cpus-per-task", "1", cwd=self.folder)
        self.jobs = {name: number for name, number in re.findall(r"^(\w+) +job (\d+), ", printed, re.M)}
        assert list(self.jobs) == ["prepare", "shards", "merge"], printed

    def tasks(self, step):
        """Jobs of a step that were started or may start, and so are listed one by one."""
        return [job for job in self.cluster.jobs() if job.get("ArrayJobId", job["JobId"]) == self.jobs[step]]

    def release(self):
        self.cluster.release(self.cluster.jobs())

    def log(self, task):
        path = self.folder / "slurm/proof" / f"shards-{self.jobs['shards']}_{task}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def in_the_middle(self, node):
        """The task that is running on the node, if it has finished a trial and trains another."""
        for job in self.tasks("shards"):
            if job["JobState"] == "RUNNING" and job.get("NodeList") == node and " val macro-F1 " in self.log(job["ArrayTaskId"]):
                return job["ArrayTaskId"] if self.wail.name in map(command_of, self.cluster.processes(node)) else None
        return None

    def cut_off_in_the_middle(self, node):
        """Cuts the node off while it trains. Returns the task."""
        found = []

        def caught():
            self.release()
            if not self.in_the_middle(node):
                return False
            self.cluster.cut_off(node)
            found[:] = filter(None, [self.in_the_middle(node)])
            if not found:
                self.cluster.reconnect(node)
            return found

        wait_until(caught, 900, f"no task was in the middle of its work on {node}")
        return found[0]

    def wait_for_requeue(self, node, task):
        wait_until(lambda: self.cluster.node_state(node).startswith("DOWN"), 120, f"{node} did not count as down")
        wait_until(lambda: self.restarts(task) > 0, 60, f"task {task} of {node} was not requeued")

    def restarts(self, task):
        return sum(int(job["Restarts"]) for job in self.tasks("shards") if job.get("ArrayTaskId") == task)

    def finish(self):
        """Waits for the merge, and releases what was requeued."""

        def ended():
            self.release()
            return all(job["JobState"] not in ["PENDING", "RUNNING", "COMPLETING", "CONFIGURING"] for job in self.tasks("merge"))

        wait_until(ended, 1800, "the jobs did not end")
        for step, number in self.jobs.items():
            states = {(job["JobState"], job["ExitCode"]) for job in self.tasks(step)}
            assert states == {("COMPLETED", "0:0")}, f"job {number}, {step}: {states}"

    def compare(self, run_alone):
        """The folder of the merged run, and how many files it has, all of which are the same as in the other run."""
        [alone], [shared] = (list((run.folder / "experiments").iterdir()) for run in (run_alone, self))
        assert alone.name == shared.name, "the identities differ"
        paths = [sorted(path.relative_to(run) for path in run.rglob("*") if path.is_file() and path.name != "runtime.jsonl") for run in (alone, shared)]
        assert paths[0] == paths[1], f"files of one run only: {sorted(set(paths[0]) ^ set(paths[1]))[:5]}"
        differ = [str(path) for path in paths[0] if not filecmp.cmp(alone / path, shared / path, shallow=False)]
        assert not differ, f"these files differ: {differ[:5]}"
        return shared, len(paths[0])


def report(run, run_alone, seconds, seconds_alone, what):
    """Compares the runs, and prints times: of the whole, and of the processes of shards until they train and until they end."""
    shared, n_files = run.compare(run_alone)
    speed_up = seconds_alone / seconds
    print(f"{run.size.shards} tasks on 3 nodes, {what}: {seconds:.1f} s, {speed_up:.2f} times as fast; all {n_files} files are the same", flush=True)
    # The events of the merge, then those of each shard.
    events = [json.loads(line) for line in (shared / "runtime.jsonl").read_text().splitlines()]
    first = next(index for index, event in enumerate(events) if event["event"].startswith("merged shard"))
    processes = {}
    for event in events[first:]:
        processes.setdefault(event["pid"], {})[event["event"]] = event["seconds"]
    whole = [times for times in processes.values() if {"prepared", "finished"} <= times.keys()]
    prepared, finished = (statistics.mean(times[name] for times in whole) for name in ["prepared", "finished"])
    print(f"a task: {finished:.2f} s, of which {prepared:.2f} s until it trains", flush=True)


def main():
    arguments = command_line.parser(__doc__, "wail")
    arguments.add_argument("--long", action="store_true", help="1,000 units in 16 tasks, two nodes lost")
    arguments = arguments.parse_args()
    if missing := slurm_cluster.missing_programs():
        sys.exit(f"these programs are missing: {', '.join(missing)}; Debian: apt-get install slurmctld slurmd slurm-client munge")
    if os.geteuid() != 0:
        sys.exit("Slurm's daemons need root here")
    size = LONG if arguments.long else SHORT
    with slurm_cluster.running(3) as cluster:
        check(arguments.wail.resolve(), cluster, size, arguments.long)


def check(wail, cluster, size, long):
    alone = Run(wail, cluster, size, "alone")
    seconds_alone = alone.alone()
    print(f"one process: {size.units} units in {seconds_alone:.1f} s", flush=True)
    if long:
        run = Run(wail, cluster, size, "undisturbed")
        started = time.monotonic()
        run.submit()
        run.finish()
        report(run, alone, time.monotonic() - started, seconds_alone, "undisturbed")
    run = Run(wail, cluster, size, 'it\'s #1 "work"')
    started = time.monotonic()
    run.submit()
    killed = run.cut_off_in_the_middle("n2")
    cluster.kill("n2")
    run.wait_for_requeue("n2", killed)
    print(f"n2 was killed while it trained shard {killed}; Slurm requeued it", flush=True)
    cluster.start_node("n2")
    if long:
        cut_off = run.cut_off_in_the_middle("n3")
        run.wait_for_requeue("n3", cut_off)
        print(f"n3 was cut off while it trained shard {cut_off}; Slurm requeued it", flush=True)
        wait_until(lambda: (run.release(), run.restarts(cut_off) > 1)[1], 120, "the second process on the shard was not requeued")
        assert "is at work in this folder" in run.log(cut_off)
        print("a second process on its shard ended with 75 while the first held the lock; Slurm requeued it", flush=True)
        cluster.continue_jobs("n3")
    run.finish()
    report(run, alone, time.monotonic() - started, seconds_alone, "of which one was lost" if not long else "of which two were lost")


if __name__ == "__main__":
    main()
