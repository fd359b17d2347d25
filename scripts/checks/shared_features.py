"""Checks that `cargo run -p train`, `cargo run -p serve` and `cargo build --workspace` compile every dependency with the features that the tests need.

    python3 scripts/checks/shared_features.py [ROOT]

A crate whose features differ between two commands is compiled twice, and all that depend on it with it. `crates/workspace-hack` lists
the features that would differ. Prints the missing features, and exits 1 if there are any. Needs cargo; nothing is compiled.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT

COMMANDS = {
    "cargo run -p train": ["-p", "train"],
    "cargo run -p serve": ["-p", "serve"],
    "cargo build --workspace": ["--workspace"],
}


def features(root, selection, edges):
    """{package: sets of features that it is compiled with}; more than one where build scripts and the program need different ones."""
    command = ["cargo", "tree", "--locked", *selection, "--edges", edges, "--prefix", "none", "--format", "{p}|{f}"]
    output = subprocess.run(command, cwd=root, check=True, text=True, stdout=subprocess.PIPE).stdout
    return parsed(output)


def parsed(output):
    found = {}
    for line in filter(None, output.splitlines()):
        package, names = line.removesuffix(" (*)").split("|")
        found.setdefault(package, set()).add(frozenset(filter(None, names.split(","))))
    return found


def missing(some, all_):
    """{package: features to add}, for the packages that `some` compiles in a way that `all_` does not."""
    found = {}
    for package, sets in some.items():
        for names in sets - all_[package]:
            found[package] = found.get(package, set()) | (frozenset.union(*all_[package]) - names)
    return found


def dependency(package, names):
    """A line of a Cargo.toml."""
    name, version = package.split()[:2]
    major, minor = version.lstrip("v").split(".")[:2]
    listed = ", ".join(f'"{feature}"' for feature in sorted(names))
    return f'{name} = {{ version = "{major if major != "0" else f"0.{minor}"}", features = [{listed}] }}'


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else ROOT
    tests = features(root, ["--workspace"], "normal,build,dev")
    differ = False
    for command, selection in COMMANDS.items():
        if lines := [dependency(*entry) for entry in missing(features(root, selection, "normal,build"), tests).items()]:
            differ = True
            print(f"`{command}` compiles these with fewer features than the tests; add to crates/workspace-hack/Cargo.toml,")
            print("under [build-dependencies] where only build scripts and procedural macros use it, else under [dependencies]:")
            print("\n".join(f"  {line}" for line in lines))
    if differ:
        sys.exit(1)
    print(f"the same features everywhere: {len(tests)} packages")


if __name__ == "__main__":
    main()
