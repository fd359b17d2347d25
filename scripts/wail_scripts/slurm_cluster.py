"""A Slurm cluster on this machine, in a folder, without systemd: munged, slurmctld and a slurmd for each node, on ports of its own.

Needs root and Debian's slurmctld, slurmd, slurm-client and munge; no other privilege, neither cgroups nor namespaces.
"""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol"]

# Seconds without an answer after which a node counts as down.
PATIENCE = 5

CONFIG = """\
ClusterName=wail
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdSpoolDir={folder}/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
RequeueExit=75
ReturnToService=2
SlurmdTimeout={patience}
KillWait=5
MinJobAge=100000
MessageTimeout=5
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
MailProg=/bin/true
NodeName={nodes} NodeHostname=localhost NodeAddr=127.0.0.1 Port={first}-{last} CPUs=1
PartitionName=main Nodes=ALL Default=YES State=UP
"""


def missing_programs():
    # They are in sbin, which is not in every PATH.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    return [program for program in PROGRAMS if not any(os.access(f"{folder}/{program}", os.X_OK) for folder in os.get_exec_path())]


@contextlib.contextmanager
def running(n_nodes):
    """A cluster of nodes n1, n2, ... with a CPU each, until the block ends. Every process of it has ended then."""
    with tempfile.TemporaryDirectory(prefix="wail-slurm-") as folder:
        cluster = Cluster(pathlib.Path(folder), n_nodes)
        try:
            cluster.start()
            yield cluster
        except BaseException:
            cluster.print_logs()
            raise
        finally:
            cluster.stop()


class Cluster:
    def __init__(self, folder, n_nodes):
        self.folder = folder
        self.nodes = [f"n{number}" for number in range(1, n_nodes + 1)]
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self.slurmd = {}
        # When requeued jobs were first seen to wait.
        self.waiting = {}

    def start(self):
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        ports = free_ports(1 + len(self.nodes))
        text = CONFIG.format(
            host=socket.gethostname(), ports=ports, folder=self.folder, patience=PATIENCE,
            nodes=f"n[1-{len(self.nodes)}]", first=f"[{ports[1]}", last=f"{ports[-1]}]",
        )
        (self.folder / "slurm.conf").write_text(text)
        for name in ["state", *(f"spool-{node}" for node in self.nodes)]:
            (self.folder / name).mkdir()
        names = {"key-file": key.name, "socket": "munge.socket", "pid-file": "munge.pid", "log-file": "munge.out", "seed-file": "munge.seed"}
        munged = ["munged", "--foreground", "--force", *(f"--{option}={self.folder / name}" for option, name in names.items())]
        self.daemon("munged", munged)
        wait_until((self.folder / "munge.socket").exists, 20, "munged did not start")
        self.daemon("slurmctld", ["slurmctld", "-D", "-i"])
        for node in self.nodes:
            self.start_node(node)
        wait_until(lambda: all(self.node_state(node) == "IDLE" for node in self.nodes), 60, "the nodes did not come up")

    def daemon(self, name, command):
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def start_node(self, node):
        self.slurmd[node] = self.daemon(f"slurmd-{node}", ["slurmd", "-D", "-N", node])

    def run(self, *command, **options):
        """Standard output of a command that must succeed."""
        return subprocess.run(command, env=self.environment, check=True, text=True, stdout=subprocess.PIPE, **options).stdout

    def node_state(self, node):
        return re.search(r"State=(\w+)", self.run("scontrol", "show", "node", node))[1]

    def jobs(self):
        """The jobs that Slurm remembers, each with its fields; tasks of an array one by one."""
        text = self.run("scontrol", "show", "job", "--oneliner")
        return [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in text.splitlines() if line.startswith("JobId=")]

    def release(self, jobs):
        """Lets requeued jobs start after 3 s; Slurm makes them wait for two minutes. On the same node and within a second they would be
        refused ("credential revoked").
        """
        now = time.monotonic()
        waiting = [job for job in jobs if job["JobState"] == "PENDING" and job["Reason"] == "BeginTime"]
        keys = [(job["JobId"], job["Restarts"]) for job in waiting]
        self.waiting = {key: self.waiting.get(key, now) for key in keys}
        for (number, _), first_seen in self.waiting.items():
            if now - first_seen > 3:
                # It may have started by now.
                subprocess.run(
                    ["scontrol", "update", f"JobId={number}", "StartTime=now"],
                    env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )

    def kill(self, node):
        """As a power failure does: no process of the node is left, and no message is sent."""
        self.slurmd[node].kill()
        self.slurmd[node].wait()
        # slurmstepd first, or it would report that its job was killed.
        for pid in sorted(self.processes(node), key=is_stepd, reverse=True):
            send(pid, signal.SIGKILL)

    def cut_off(self, node):
        """As a lost network or a suspended virtual machine does: the node answers to nobody, and its jobs hold their locks."""
        self.slurmd[node].send_signal(signal.SIGSTOP)
        for pid in self.processes(node):
            send(pid, signal.SIGSTOP)

    def reconnect(self, node):
        for pid in self.processes(node):
            send(pid, signal.SIGCONT)
        self.slurmd[node].send_signal(signal.SIGCONT)

    def continue_jobs(self, node):
        """Lets the jobs of a node that was cut off go on. Slurm's own processes stay cut off."""
        for pid in self.processes(node):
            if not is_stepd(pid):
                send(pid, signal.SIGCONT)

    def processes(self, node=None):
        """Processes of the jobs on a node, with Slurm's own that started them; without a node, all of this cluster."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                found[int(entry.name)] = set((entry / "environ").read_bytes().split(b"\0"))
        ours = {pid for pid, environment in found.items() if f"SLURM_CONF={self.folder / 'slurm.conf'}".encode() in environment}
        ours.discard(os.getpid())
        if node is None:
            return ours
        of_jobs = {pid for pid in ours if f"SLURMD_NODENAME={node}".encode() in found[pid]}
        return of_jobs | {parent for pid in of_jobs if (parent := parent_of(pid)) and is_stepd(parent)}

    def print_logs(self):
        for path in sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")]):
            print(f"==> {path.name} <==", *path.read_text(errors="replace").splitlines()[-30:], sep="\n", file=sys.stderr)

    def stop(self):
        """Ends every process that was started for this cluster."""
        deadline = time.monotonic() + 20
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                send(pid, signal.SIGKILL)
            time.sleep(0.05)
            for daemon in self.slurmd.values():
                daemon.poll()
        if left:
            print(f"these processes did not end: {sorted(left)}", file=sys.stderr)


def free_ports(count):
    """A range of ports that are free now."""
    for first in range(20000 + os.getpid() % 10000, 60000, count):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return list(range(first, first + count))
    raise OSError("no free ports")


def wait_until(condition, seconds, problem):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(problem)
        time.sleep(0.2)


def send(pid, name):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, name)


def parent_of(pid):
    with contextlib.suppress(OSError):
        return int(re.search(r"^PPid:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def command_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def is_stepd(pid):
    return command_of(pid) == "slurmstepd"
