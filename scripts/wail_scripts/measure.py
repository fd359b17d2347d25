"""Wall time and peak memory of a command. Standard library only."""

import os
import statistics
import subprocess
import sys
import time


def run(command, cwd=None):
    """Wall seconds and peak MiB of one process."""
    seconds, _, peak = usage(command, cwd)
    return seconds, peak


def usage(command, cwd=None):
    """Wall seconds, CPU seconds and peak MiB of one process. Its peak counts from the size of this process, so keep this one small."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, found = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{error.decode(errors='replace')[-2000:]}")
    return seconds, found.ru_utime + found.ru_stime, found.ru_maxrss / 1024


def timed(function):
    """Wall seconds of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def median(repeat, measure):
    """Median of what `measure` returns in `repeat` calls."""
    return statistics.median(measure() for _ in range(repeat))
