"""Checks that no two files of the workspace import each other, directly or through others, and no two crates. Standard library only.

    python3 scripts/checks/import_cycles.py [ROOT]

Prints each cycle with the imported names, and exits 1 if there is one. wail_scripts/rust_imports.py says what counts as an import.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT
from wail_scripts.rust_imports import Workspace, cycles

MOST_NAMES = 8


def between_crates(edges):
    """The imports of files as imports of the crates' folders, the two directories above `src`."""
    crate = lambda file: file.split("/src/")[0]
    folded = {}
    for file, targets in edges.items():
        for target, names in targets.items():
            if crate(file) != crate(target):
                folded.setdefault(crate(file), {}).setdefault(crate(target), set()).update(names)
    return folded


def report(kind, edges):
    """Prints the cycles of one kind and returns their number."""
    found = cycles(edges)
    for number, members in enumerate(found, 1):
        print(f"cycle {number} of {len(found)}: {len(members)} {kind} import each other")
        for member in members:
            for target in sorted(edges.get(member, {}).keys() & set(members)):
                names = sorted(edges[member][target])
                more = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
                print(f"  {member} -> {target}: {', '.join(names[:MOST_NAMES])}{more}")
    return len(found)


def main():
    edges = Workspace(sys.argv[1] if len(sys.argv) > 1 else ROOT).imports()
    n_cycles = report("files", edges) + report("crates", between_crates(edges))
    if n_cycles:
        sys.exit("Move what both sides need into a separate file that both import.")
    n_imports = sum(len(targets) for targets in edges.values())
    print(f"no import cycles: {len(edges)} files, {n_imports} imports")


if __name__ == "__main__":
    main()
