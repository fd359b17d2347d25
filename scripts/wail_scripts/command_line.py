"""Arguments of the scripts."""

import argparse
import os
import pathlib

from . import ROOT


def parser(description, *paths):
    """A parser with the module's docstring as its help, and required paths as positional arguments."""
    found = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for path in paths:
        found.add_argument(path, type=pathlib.Path)
    return found


def built(program):
    """Where `cargo build --release` puts a program."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / program
