"""Throughput and latency of `serve` beside FastAPI, librosa and ONNX Runtime, with the same model and files, as ratios of one run.

    apt-get install wrk
    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-bench-service.txt
    venv/bin/python scripts/bench_service.py target/release/serve MODEL_FOLDER RECORDINGS [--seconds 20]

MODEL_FOLDER is what `train export` wrote. Both answer in turn, `serve` first and again last; each is warmed up. The peer runs with one worker
process and with one for each core.
"""

import argparse
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

from service import load, running

N_FILES = 64


@contextlib.contextmanager
def peer(model, workers):
    """The FastAPI service until the block ends: its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "fastapi_peer:app", "--port", str(port), "--workers", str(workers)]
    command += ["--log-level", "error"]
    environment = os.environ | {"MODEL": str(model.resolve())}
    process = subprocess.Popen(command, cwd=pathlib.Path(__file__).parent, env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/health")
                break
            time.sleep(0.1)
        time.sleep(5 if workers > 1 else 0)
        yield url
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("serve", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("recordings", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=20)
    args = parser.parse_args()
    files = sorted(args.recordings.rglob("*.wav"))
    files = files[:: max(1, len(files) // N_FILES)][:N_FILES]
    cores = os.cpu_count()
    services = [("serve", lambda: ours()), ("FastAPI, 1 worker", lambda: peer(args.model / "model.onnx", 1))]
    services += [(f"FastAPI, {cores} workers", lambda: peer(args.model / "model.onnx", cores))]
    services += [("serve, again", lambda: ours())]

    @contextlib.contextmanager
    def ours():
        with running(args.serve, args.model) as (_, url):
            yield url

    print("| service | connections | answers a second | p50, ms | p99, ms |\n| --- | --- | --- | --- | --- |")
    for name, start in services:
        with start() as url:
            load(url, files, 4, 5)
            for connections in [1, 2 * cores]:
                found = load(url, files, connections, args.seconds)
                if set(found["statuses"]) != {"200"} or found["broken"]:
                    sys.exit(f"{name}: {found}")
                rate = found["statuses"]["200"] / found["seconds"]
                print(f"| {name} | {connections} | {rate:.1f} | {found['p50_ms']:.1f} | {found['p99_ms']:.1f} |", flush=True)


main()
