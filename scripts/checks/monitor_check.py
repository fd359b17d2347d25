"""The monitor of `wail-serve` through a bad night: sources that die, a server that is killed, a full disk, and hours of sound.

    python3 scripts/checks/monitor_check.py target/release/wail target/release/wail-serve [--hours 24]

Everything is in a temporary folder, with the model in the box and made nights. Checked: a source that is killed or silent is started
again and its status says why; a server that is killed in the middle of an episode leaves a whole history, in which the episode is
interrupted and numbers go on; on a full disk it listens on, says so, and writes all of it once there is room; after SIGTERM no command
is left; and the memory of the last quarter of `--hours` of sound, sent faster than it sounds, is within 5 % of that of the second: the
first is shorter than it takes until the allocator has all that it needs.
"""

import contextlib
import json
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import wave

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.service import address, stop

RATE = 16000
PATIENCE_SECONDS = 60


def check(statement, holds, found=""):
    print(f"{'ok' if holds else 'FAILED'}: {statement}" + ("" if holds else f": {found}"), flush=True)
    if not holds:
        sys.exit(1)


def wait_for(statement, condition):
    """Waits until `condition()` returns something true, and returns it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            check(statement, True)
            return found
        time.sleep(0.05)
    check(statement, False, "it did not happen")


class Server:
    """A running `wail-serve --monitor`."""

    def __init__(self, serve, folder, **options):
        command = [serve.resolve(), "--listen", "127.0.0.1:0", "--monitor", folder / "monitor.toml"]
        self.process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, **options)
        self.address = address(self.process)

    def get(self, path):
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return json.load(answer)

    def source(self, name):
        return next(source for source in self.get("/v1/monitor")["sources"] if source["name"] == name)

    def episodes(self):
        """The oldest first."""
        return self.get("/v1/episodes")["episodes"][::-1]

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@contextlib.contextmanager
def running(serve, folder, **options):
    server = Server(serve, folder, **options)
    try:
        yield server
    finally:
        stop(server.process)


def configure(folder, sources, more=""):
    """Writes `monitor.toml`; `sources` are scripts of the shell by name."""
    tables = [f"[[source]]\nname = {json.dumps(name)}\ncommand = [\"sh\", \"-c\", {json.dumps(script)}]\n" for name, script in sources.items()]
    (folder / "monitor.toml").write_text("".join(tables) + more)


def night(wail, folder, hours):
    """PCM of a made night, and the episodes that the model finds in it."""
    command = [wail.resolve(), "synth", "--out", folder / "nights", "--nights", "1", "--hours", str(hours), "--cries-per-hour", "20"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file = folder / "nights/night-001.wav"
    with wave.open(str(file)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        pcm = sound.readframes(sound.getnframes())
    found = subprocess.run([wail.resolve(), "infer", file, "--episodes", "--format", "json"], check=True, capture_output=True, text=True)
    return pcm, json.loads(found.stdout)["episodes"]


def facts(folder):
    lines = (folder / "wail-monitor/history.jsonl").read_text().splitlines()
    return [next(iter(json.loads(line).items())) for line in lines]


def processes():
    """Name and process group of each process that has not ended."""
    for file in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, fields = file.read_text().split("(", 1)[1].rsplit(")", 1)
            state, _, group = fields.split()[:3]
            if state not in "ZX":
                yield name, int(group)


def check_sources(serve, folder):
    looped = "echo $$ > {0}.pid; while :; do cat night.pcm || exit; sleep 1; done"
    configure(folder, {"nursery": looped.format("nursery"), "attic": looped.format("attic"), "cellar": "exec sleep 100", "roof": "no-such-program"})
    with running(serve, folder) as server:
        for name in ("nursery", "attic"):
            wait_for(f"{name}: sound arrives", lambda: server.source(name)["state"] == "listening")
        wait_for("a command that fails is named", lambda: "exit code 127" in server.source("roof").get("problem", ""))
        group = int((folder / "attic.pid").read_text())
        os.killpg(group, signal.SIGKILL)
        problem = wait_for("a source that is killed says so", lambda: server.source("attic").get("problem"))
        check("  its status names the signal", "signal 9" in problem, problem)
        wait_for("  it is started again", lambda: server.source("attic")["state"] == "listening")
        check("  the other one went on", server.source("nursery")["state"] == "listening" and "problem" not in server.source("nursery"))
        problem = wait_for("a silent source says so", lambda: server.source("cellar").get("problem"))
        check("  its status says for how long", "sent no sound for 10 s" in problem, problem)
        groups = [int((folder / f"{name}.pid").read_text()) for name in ("nursery", "attic")]
        server.process.send_signal(signal.SIGTERM)
        check("SIGTERM ends the server", server.process.wait(timeout=20) == 0)

    left = [process for process in processes() if process[1] in groups]
    check("  and all that it started", not left, left)


def check_kill(serve, folder, pcm, episodes):
    longest = max(episodes, key=lambda episode: episode["end_seconds"] - episode["start_seconds"])
    middle = (longest["confirmed_seconds"] + longest["end_seconds"]) / 2
    n_before = sum(episode["end_seconds"] < longest["start_seconds"] for episode in episodes)
    (folder / "half.pcm").write_bytes(pcm[: 2 * int(middle * RATE)])
    configure(folder, {"nursery": "cat half.pcm; exec sleep 100"}, "[clips]\n")
    with running(serve, folder) as server:
        wait_for("an episode lasts", lambda: server.source("nursery").get("episode") == n_before + 1)
        before = server.episodes()
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    history = folder / "wail-monitor/history.jsonl"
    with history.open("a") as file:
        file.write('{"end": {"id": ')
    with running(serve, folder) as server:
        after = server.episodes()
        # It hears the same night again.
        wait_for("the server starts again, and hears on", lambda: server.source("nursery").get("episode") == 2 * (n_before + 1))
        again = server.episodes()
        clips = sorted(int(path.stem) for path in (folder / "wail-monitor/clips").glob("*.flac"))
    check("what ended before the kill is as it was", after[:n_before] == before[:n_before], (before, after))
    check("the episode that lasted is interrupted", after[n_before]["interrupted"] and after[n_before]["ended"] > before[-1]["began"], after[n_before])
    check("numbers go on", [episode["id"] for episode in again] == list(range(1, 2 * n_before + 3)), again)
    complete = [episode["id"] for episode in again if "ended" in episode and not episode["interrupted"]]
    check("episodes that ended have a clip", set(complete) <= set(clips), (complete, clips))
    check("no line of the history is torn", all(kind in ("start", "end") for kind, _ in facts(folder)))


def check_full_disk(serve, folder):
    configure(folder, {"nursery": "until [ -e go ]; do sleep 0.1; done; cat night.pcm; exec sleep 100"}, "[clips]\n")

    def fill():
        # SIGXFSZ would end the process; a full disk does not.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))

    with running(serve, folder, preexec_fn=fill, restore_signals=False) as server:
        (folder / "go").touch()
        problem = wait_for("a full disk is a problem of the sources", lambda: server.source("nursery").get("problem"))
        check("  which says what is not written, and that it listens on", "cannot be written" in problem and "listening goes on" in problem, problem)
        n = wait_for("  episodes are found all the same", lambda: len(server.episodes()) >= 2 and len(server.episodes()))
        check("  the file ends with a whole line", all(kind in ("start", "end") for kind, _ in facts(folder)))
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wait_for("with room again, further episodes come", lambda: len(server.episodes()) > n)
        wait_for("  and the problem is gone", lambda: "problem" not in server.source("nursery"))
        found = server.episodes()
    begun = [fact["id"] for kind, fact in facts(folder) if kind == "start"]
    check("  nothing is missing in the history", begun[: len(found)] == [episode["id"] for episode in found], begun)


def read_events(server):
    """Reads the stream of events to its end, as a page does."""
    with contextlib.suppress(OSError), urllib.request.urlopen(server.address + "/v1/events", timeout=60) as events:
        for _ in events:
            pass


def soak(serve, folder, hours, n_seconds):
    """Two sources hear the night again and again until both have heard `hours`."""
    n_nights = max(1, round(hours * 3600 / n_seconds))
    names = ("nursery", "attic")
    script = "i=0; while :; do echo $i > {}.n; cat night.pcm || exit; i=$((i + 1)); done"
    configure(folder, {name: script.format(name) for name in names}, "[clips]\nmax_mib = 20\n")

    def n_heard(name):
        file = folder / f"{name}.n"
        return int(file.read_text() or 0) if file.exists() else 0

    memory = []
    started = time.monotonic()
    with running(serve, folder) as server:
        threading.Thread(target=read_events, args=[server], daemon=True).start()
        while min(map(n_heard, names)) < n_nights:
            time.sleep(0.5)
            memory.append(server.resident_mib())
            silent = [source for source in server.get("/v1/monitor")["sources"] if "problem" in source]
            if silent or server.process.poll() is not None:
                check("all is well", False, silent)
        n_episodes = server.get("/v1/episodes?limit=1")["episodes"][0]["id"]
        n_clips = len(list((folder / "wail-monitor/clips").iterdir()))
    quarter = max(1, len(memory) // 4)
    first, last = statistics.median(memory[quarter : 2 * quarter]), statistics.median(memory[-quarter:])
    seconds = time.monotonic() - started
    print(f"two sources, {n_nights * n_seconds / 3600:.1f} h each in {seconds:.0f} s; {n_episodes} episodes, {n_clips} clips kept; "
          f"{first:.1f} MiB in the second quarter, {last:.1f} in the last, {max(memory):.1f} at most")
    check("memory does not grow", abs(last - first) <= 0.05 * first, (first, last))


def main():
    parser = command_line.parser(__doc__, "wail", "serve")
    parser.add_argument("--hours", type=float, default=4, help="how much sound each of two sources sends [default: 4]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        pcm, episodes = night(arguments.wail, work, min(1, arguments.hours))
        check(f"the model finds {len(episodes)} episodes in a made night", len(episodes) >= 4)

        def folder(name):
            (work / name).mkdir()
            (work / name / "night.pcm").write_bytes(pcm)
            return work / name

        check_sources(arguments.serve, folder("sources"))
        check_kill(arguments.serve, folder("kill"), pcm, episodes)
        check_full_disk(arguments.serve, folder("disk"))
        soak(arguments.serve, folder("soak"), arguments.hours, len(pcm) / 2 / RATE)


if __name__ == "__main__":
    main()
