"""Modules that scripts of several folders share."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
