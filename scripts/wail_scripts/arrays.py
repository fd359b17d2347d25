"""Arrays that `wail features` and `wail embed` write."""

import pathlib
import subprocess
import tempfile

import numpy as np


def array(wail, command, recordings, *arguments):
    """What `wail COMMAND RECORDINGS... --out X.npy ARGUMENTS...` writes."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "X.npy"
        subprocess.run([wail.resolve(), command, *recordings, "--out", out, *arguments], check=True, stdout=subprocess.DEVNULL)
        return np.load(out)
