"""Asks the service everything that its /openapi.json allows, and much that it does not, by schemathesis.

    python -m venv venv && venv/bin/pip install -r scripts/requirements-service.txt
    venv/bin/python scripts/api_check.py target/release/serve MODEL [--examples 30]

Fails on an answer of 5xx, one that the document does not describe or that is not of its schema, and a bad request that is not refused. That
a good request is refused counts for nothing: bytes made at random are no recording.
"""

import argparse
import pathlib
import subprocess
import sys

from service import running


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("serve", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--examples", type=int, default=30)
    args = parser.parse_args()
    with running(args.serve, args.model) as (_, url):
        schemathesis = pathlib.Path(sys.executable).with_name("schemathesis")
        command = [schemathesis, "--no-color", "run", f"{url}/openapi.json", "--seed", "1", "--generation-deterministic"]
        command += ["--exclude-checks", "positive_data_acceptance", "--max-examples", str(args.examples)]
        sys.exit(subprocess.run(command).returncode)


main()
