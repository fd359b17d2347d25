"""Throughput and latency of `wail-serve` compared with FastAPI, librosa and ONNX Runtime, with the same model and files in one run.

    venv/bin/python scripts/bench/bench_service.py target/release/wail-serve MODEL_FOLDER RECORDINGS [--seconds 20]

MODEL_FOLDER is what `wail export` wrote. The services run one after the other, `wail-serve` first and last, each after a warm-up. The peer
runs with one worker process and with one for each core. Needs wrk (Debian: apt-get install wrk).
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

from wrk import load

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.markdown import print_header, print_row
from wail_scripts.service import running, stop

N_FILES = 64


@contextlib.contextmanager
def peer(model, workers):
    """Address of the FastAPI service, which runs until the block ends."""
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
        stop(process)


@contextlib.contextmanager
def wail_serve(serve, model):
    """Address of `wail-serve`, which runs until the block ends."""
    with running(serve, model) as (_, url):
        yield url


def main():
    parser = command_line.parser(__doc__, "serve", "model", "recordings")
    parser.add_argument("--seconds", type=int, default=20)
    args = parser.parse_args()
    files = sorted(args.recordings.rglob("*.wav"))
    files = files[:: max(1, len(files) // N_FILES)][:N_FILES]
    cores = os.cpu_count()
    services = [
        ("wail-serve", wail_serve(args.serve, args.model)),
        ("FastAPI, 1 worker", peer(args.model / "model.onnx", 1)),
        (f"FastAPI, {cores} workers", peer(args.model / "model.onnx", cores)),
        ("wail-serve, again", wail_serve(args.serve, args.model)),
    ]
    print_header("service", "connections", "answers a second", "p50, ms", "p99, ms")
    for name, service in services:
        with service as url:
            load(url, files, 4, 5)
            for connections in [1, 2 * cores]:
                found = load(url, files, connections, args.seconds)
                if set(found["statuses"]) != {"200"} or found["broken"]:
                    sys.exit(f"{name} did not answer every request: {found}")
                rate = found["statuses"]["200"] / found["seconds"]
                print_row(name, connections, f"{rate:.1f}", f"{found['p50_ms']:.1f}", f"{found['p99_ms']:.1f}")


if __name__ == "__main__":
    main()
