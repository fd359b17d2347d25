"""Checks the manifest that `wail submit kubernetes` prints against the schemas of Kubernetes' API, and what it asks for.

    venv/bin/pip install -r scripts/requirements.txt
    venv/bin/python scripts/checks/kubernetes.py target/release/wail
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml

# The first version that has all fields of the manifest in a stable form.
VERSION = "1.33"
CONFIG = 'name = "Tiny_1"\n# a comment: "quoted", {{ }}\n\t# and a tab\n'
SET = ["--set", r'''data.licence="it's: 50% #1 \\ \""''']
SHARDS = ["--shard", "auto", "--shards", "3"]
SWEEP = ["--config", "/etc/wail/config.toml", *SET]


def manifest(wail: str) -> list[dict]:
    """The documents of the manifest for CONFIG."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "tiny.toml")
        config.write_text(CONFIG)
        options = ["--shards", "3", "--parallel", "2", "--image", "registry.example/wail:1", "--claim", "cries"]
        resources = ["--resource", "nvidia.com/gpu=1", "--resource", "cpu=4"]
        command = [wail, "submit", "kubernetes", "--config", config, *SET, *options, *resources]
        return list(yaml.safe_load_all(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def main(wail: str) -> None:
    documents = manifest(wail)
    for document in documents:
        # Strict: a field that the API does not know is an error.
        kubernetes_validate.validate(document, VERSION, strict=True)
    configuration, shards, merge = documents
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert names == [("ConfigMap", "tiny-1-config"), ("Job", "tiny-1-shards"), ("Job", "tiny-1-merge")], names
    assert configuration["data"] == {"config.toml": CONFIG}, configuration

    spec = shards["spec"]
    assert (spec["completions"], spec["parallelism"], spec["completionMode"]) == (3, 2, "Indexed"), spec
    rules = [(rule["action"], rule.get("onExitCodes", {}).get("values")) for rule in spec["podFailurePolicy"]["rules"]]
    assert rules == [("Ignore", [75]), ("FailIndex", [2, 3, 4]), ("Ignore", None)], rules
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never", pod
    [prepare], [shard] = pod["initContainers"], pod["containers"]
    [merged] = merge["spec"]["template"]["spec"]["containers"]
    for container, arguments in [
        (prepare, ["prepare", *SWEEP, *SHARDS]),
        (shard, [*SWEEP, *SHARDS]),
        (merged, ["merge", *SWEEP]),
    ]:
        assert (container["command"], container["args"]) == (["wail"], arguments), container
        assert container["resources"]["limits"] == {"nvidia.com/gpu": "1", "cpu": "4"}, container
    print(f"the manifest has {len(documents)} valid documents for Kubernetes {VERSION}")


if __name__ == "__main__":
    main(sys.argv[1])
