"""Checks the documents: every relative link leads to a file and a heading, and every file of the repository that they name exists.

    python3 scripts/docs/links.py

A name in backticks counts as a file if it has a folder that exists at the top of the repository or in crates/, such as
`scripts/docs/links.py` or `features/src/extractor.rs`. Needs only Python and git.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Not in git: files that programs write, placeholders, and paths outside the repository.
ELSEWHERE = re.compile(r"^(\.\.|data|experiments|models|splits/mine)/|NAME|VERSION")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([\w.-]+(?:/[\w.-]+)+/?)`")


def without_blocks(text):
    """The text without fenced and indented code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)


def anchors(path):
    """The anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ +(.*)$", without_blocks(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def problems(document):
    text = without_blocks(document.read_text())
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists():
            yield f"the link {target} leads nowhere"
        elif anchor and anchor not in anchors(path):
            yield f"the link {target}: there is no such heading"
    for name in CODE.findall(text):
        folder = name.split("/")[0]
        for top in [ROOT, ROOT / "crates"]:
            if (top / folder).is_dir() and not (top / name).exists() and not ELSEWHERE.search(name):
                yield f"`{name}` does not exist"


def main():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = [f"{name}: {problem}" for name in listed.splitlines() for problem in problems(ROOT / name)]
    print("\n".join(found) or "every link and every file in the documents exists")
    sys.exit(bool(found))


main()
