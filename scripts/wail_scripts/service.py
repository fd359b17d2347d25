"""Starts `wail-serve` for the scripts that send it requests."""

import contextlib
import re
import subprocess
import sys
import threading


def address(process):
    """Waits until a service that was started with a pipe as stderr listens; returns `http://HOST:PORT`."""
    for line in process.stderr:
        if found := re.search(r"listening address=(\S+)", line):
            break
    else:
        sys.exit("the service did not start")
    # Keep reading, or the pipe fills up and blocks the service.
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return f"http://{found[1]}"


@contextlib.contextmanager
def running(serve, model, *arguments):
    """A service on a free port until the block ends: its process and its address, `http://127.0.0.1:PORT`."""
    command = [serve.resolve(), "--model", model.resolve(), "--listen", "127.0.0.1:0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process, address(process)
    finally:
        stop(process)


def stop(process):
    process.terminate()
    process.wait()
