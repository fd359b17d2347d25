"""The modules of a Rust crate with what they define, import and use, read from the source text. Standard library only.

Items under `#[cfg(test)]` are left out.
"""

import collections
import re

TOKEN = re.compile(
    r"""
      (?P<skip>\s+|//[^\n]*)
    | (?P<comment>/\*)
    | (?P<raw>(?:b|c|br|cr|r)?r(?P<hashes>\#*)")
    | (?P<string>[bc]?"(?:\\.|[^"\\])*")
    | (?P<char>b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.)|[^'\\])')
    | (?P<lifetime>'\w+)
    | (?P<word>(?:r\#)?\w+)
    | (?P<colons>::)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
DEFINITIONS = {"struct", "enum", "union", "trait", "type", "const", "static", "fn"}
BRACKETS = {"(": ")", "[": "]", "{": "}"}
PATH_IN_STRING = re.compile(r'"(\w+(?:::\w+)+)"')


def tokens(source):
    """The words, marks and strings of Rust source, without comments, characters and lifetimes."""
    found, at = [], 0
    while at < len(source):
        match = TOKEN.match(source, at)
        at, kind = match.end(), match.lastgroup
        if kind == "comment":
            depth = 1
            while depth and (mark := re.compile(r"/\*|\*/").search(source, at)):
                depth += 1 if mark[0] == "/*" else -1
                at = mark.end()
        elif match["raw"]:
            end = source.index('"' + match["hashes"], at) + 1 + len(match["hashes"])
            found.append('"' + source[at : end - 1 - len(match["hashes"])] + '"')
            at = end
        elif kind in {"string", "word", "colons", "mark"}:
            found.append(match[0].removeprefix("r#"))
    return found


def closing(words, start):
    """Index behind the bracket that closes the one at `start`."""
    depth = 0
    for at in range(start, len(words)):
        depth += (words[at] in BRACKETS) - (words[at] in BRACKETS.values())
        if depth == 0:
            return at + 1
    return len(words)


class Module:
    """A module: what it defines, what it imports and which paths it uses."""

    def __init__(self, file, parent, name):
        self.file, self.parent, self.name = file, parent, name
        self.root = parent.root if parent else self
        self.children = collections.defaultdict(list)
        self.items = set()
        self.aliases = collections.defaultdict(list)  # name: paths
        self.globs = []  # paths
        self.paths = set()  # every path that is used, import or not
        self.words = set()

    def all(self):
        yield self
        for children in self.children.values():
            for child in children:
                yield from child.all()


class Reader:
    """Reads one file's tokens into a module and, below it, the modules that the file declares."""

    def __init__(self, file, folder):
        self.file, self.folder = file, folder
        self.words = tokens(file.read_text())

    def read(self, module):
        self.scan(module, 0, len(self.words), self.folder)

    def scan(self, module, at, end, folder):
        """Reads the tokens from `at` to `end` as the body of `module`, whose child files are in `folder`."""
        words, depth, file_path = self.words, 0, None
        while at < end:
            word, following = words[at], words[at + 1] if at + 1 < end else ""
            if word == "#" and (following == "[" or words[at + 1 : at + 3] == ["!", "["]):
                opening = at + 1 if following == "[" else at + 2
                behind = closing(words, opening)
                attribute = words[opening + 1 : behind - 1]
                at = behind
                if is_test(attribute):
                    at = self.behind_item(at, end)
                elif attribute[:2] == ["path", "="]:
                    file_path = self.file.parent / attribute[2].strip('"')
                else:
                    for text in attribute:
                        if found := PATH_IN_STRING.fullmatch(text):
                            # serde's `with` names a module and calls its functions.
                            module.paths.add((*found[1].split("::"), "serialize"))
                continue
            if word == "use" and following not in {"<", ""}:
                at = self.read_use(module, at + 1)
                continue
            if word == "mod" and depth == 0 and following.isidentifier():
                at = self.read_mod(module, at + 1, folder, file_path)
                file_path = None
                continue
            if depth == 0:
                self.read_definition(module, at)
            if word.isidentifier():
                at = self.read_path(module, at, end)
                continue
            depth += (word in BRACKETS) - (word in BRACKETS.values())
            at += 1

    def behind_item(self, at, end):
        """Index behind the item at `at`: behind its `;` or its braces."""
        words = self.words
        while at < end:
            if words[at] == ";":
                return at + 1
            if words[at] in BRACKETS.values():
                return at
            if words[at] in BRACKETS:
                behind = closing(words, at)
                # `= { .. };` and `[..]` end at their semicolon.
                if words[at] == "{" and words[behind : behind + 1] != [";"]:
                    return behind
                at = behind
            else:
                at += 1
        return end

    def read_mod(self, module, at, folder, file_path):
        """Reads `name;` or `name { .. }`."""
        name, mark = self.words[at], self.words[at + 1]
        if mark == "{":
            child, behind = Module(self.file, module, name), closing(self.words, at + 1)
            module.children[name].append(child)
            self.scan(child, at + 2, behind - 1, folder / name)
            return behind
        candidates = [file_path] if file_path else [folder / f"{name}.rs", folder / name / "mod.rs"]
        for file in candidates:
            if file.is_file():
                child = Module(file, module, name)
                module.children[name].append(child)
                inside = file.parent if file_path or file.name == "mod.rs" else file.with_suffix("")
                Reader(file, inside).read(child)
                break
        return at + 2

    def read_definition(self, module, at):
        """Notes the item whose keyword is at `at`."""
        words = self.words
        if words[at] in DEFINITIONS and words[at + 1].isidentifier() and words[at + 1] not in DEFINITIONS | {"unsafe", "extern", "async"}:
            module.items.add(words[at + 2] if words[at + 1] == "mut" else words[at + 1])
        if words[at] == "macro_rules" and words[at + 1] == "!":
            # An exported macro is found at the crate's root.
            module.items.add(words[at + 2])
            if words[at - 2 : at] == ["macro_export", "]"]:
                module.root.aliases[words[at + 2]].append((module, (words[at + 2],)))

    def read_path(self, module, at, end):
        """Reads `a::b::c` or a lone word."""
        words, parts = self.words, [self.words[at]]
        if at and words[at - 1] == "$":
            parts = ["crate"] if parts == ["crate"] else ["$"]
        at += 1
        while at + 1 < end and words[at] == "::" and words[at + 1].isidentifier():
            parts.append(words[at + 1])
            at += 2
        module.words.add(parts[0])
        if len(parts) > 1:
            module.paths.add(tuple(parts))
        return at

    def read_use(self, module, at):
        """Reads a `use` declaration behind its keyword; returns the index behind its semicolon."""
        end = self.words.index(";", at)
        self.read_tree(module, at, end, ())
        return end + 1

    def read_tree(self, module, at, end, prefix):
        words = self.words
        while at < end:
            path, alias = list(prefix), None
            while at < end and words[at] not in {",", "{"}:
                if words[at] == "as":
                    alias = words[at + 1]
                    at += 2
                    continue
                if words[at] not in {"::", "$"}:
                    path.append(words[at])
                at += 1
            if at < end and words[at] == "{":
                behind = closing(words, at)
                self.read_tree(module, at + 1, behind - 1, tuple(path))
                at = behind
            elif path and path[-1] == "*":
                module.globs.append(tuple(path[:-1]))
            elif path:
                path = path[:-1] if path[-1] == "self" and len(path) > 1 else path
                module.aliases[alias or path[-1]].append((module, tuple(path)))
                module.paths.add(tuple(path))
            at += 1


def is_test(attribute):
    """Whether what follows is compiled for tests only."""
    return attribute[:3] == ["cfg", "(", "test"] or attribute[:5] == ["cfg", "(", "all", "(", "test"] or attribute == ["test"]
