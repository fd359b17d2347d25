"""Starts `serve`, and load on it by wrk (Debian: wrk), for the scripts that ask it things."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import threading


@contextlib.contextmanager
def running(serve, model, *arguments):
    """A service on a free port until the block ends: the process, and its address `http://127.0.0.1:PORT`."""
    command = [serve.resolve(), "--model", model.resolve(), "--listen", "127.0.0.1:0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if found := re.search(r"listening address=(\S+)", line):
            break
    else:
        sys.exit("the service does not start")
    # Somebody must go on reading, or the pipe fills up.
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        yield process, f"http://{found[1]}"
    finally:
        process.terminate()
        process.wait()


def load(url, files, connections, seconds, pause_seconds=0):
    """What wrk finds: `seconds`, `p50_ms`, `p99_ms`, `broken` connections, and how many answers of each status, in `statuses`.

    Each connection asks again `pause_seconds` after an answer.
    """
    script = pathlib.Path(__file__).with_name("wrk_post.lua")
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "60s"]
    command += ["--script", script, f"{url}/predict", "--", *files]
    environment = os.environ | {"PAUSE_MS": str(round(1000 * pause_seconds))}
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(result.stdout.splitlines()[-1])
