"""Checks the service against its /openapi.json with schemathesis: valid requests, invalid ones, and their answers.

    venv/bin/python scripts/checks/api_check.py target/release/wail-serve MODEL [--examples 30]

Fails on an answer of 5xx, on an answer that the document does not describe or whose schema differs, and on an invalid request that is
accepted. A valid request may be refused: random bytes are not a recording.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.service import running


def main():
    parser = command_line.parser(__doc__, "serve", "model")
    parser.add_argument("--examples", type=int, default=30)
    args = parser.parse_args()
    with running(args.serve, args.model) as (_, url):
        schemathesis = pathlib.Path(sys.executable).with_name("schemathesis")
        command = [schemathesis, "--no-color", "run", f"{url}/openapi.json", "--seed", "1", "--generation-deterministic"]
        command += ["--exclude-checks", "positive_data_acceptance", "--max-examples", str(args.examples)]
        sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
