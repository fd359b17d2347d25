"""Puts load on a service with wrk (Debian: apt-get install wrk)."""

import json
import os
import pathlib
import subprocess


def load(url, files, connections, seconds, pause_seconds=0):
    """Posts the files in turn. Returns `seconds`, `p50_ms`, `p99_ms`, `broken` connections, and in `statuses` the number of answers by status.

    Each connection sends its next request `pause_seconds` after an answer.
    """
    script = pathlib.Path(__file__).with_name("wrk_post.lua")
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "60s"]
    command += ["--script", script, f"{url}/predict", "--", *files]
    environment = os.environ | {"PAUSE_MS": str(round(1000 * pause_seconds))}
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(result.stdout.splitlines()[-1])
