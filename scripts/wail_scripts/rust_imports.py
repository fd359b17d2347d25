"""Which file of a Rust workspace imports which, read from the source text. Standard library only.

A file imports the file that defines a name it uses. A re-export (`pub use`) is followed to the definition, so `use crate::Error` leads
to `error.rs` although `lib.rs` re-exports it. Declaring `mod child;` or naming a module is not an import; using a name inside it is.
Items under `#[cfg(test)]`, `tests/` and `benches/` are left out.

Names that macros generate are not found; they count as defined in the file of the module in which they are looked up.
"""

import collections
import pathlib
import tomllib

from .rust_modules import Module, Reader


class Workspace:
    """The crates below `root`, as its Cargo.toml lists them."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.libraries, self.roots = {}, []
        manifest = tomllib.loads((self.root / "Cargo.toml").read_text())
        members = manifest.get("workspace", {}).get("members", ["."])
        for folder in sorted(folder for pattern in members for folder in self.root.glob(pattern)):
            if (folder / "Cargo.toml").is_file():
                self.read_crate(folder)

    def read_crate(self, folder):
        manifest = tomllib.loads((folder / "Cargo.toml").read_text())
        name = manifest["package"]["name"].replace("-", "_")
        library = folder / manifest.get("lib", {}).get("path", "src/lib.rs")
        name = manifest.get("lib", {}).get("name", name)
        programs = {folder / program["path"] for program in manifest.get("bin", []) if "path" in program}
        programs |= {folder / "src/main.rs", *(folder / "src/bin").glob("*.rs")}
        for file in [library, *sorted(programs)]:
            if file.is_file():
                root = Module(file, None, name)
                Reader(file, file.parent).read(root)
                self.roots.append(root)
                if file == library:
                    self.libraries[name] = root

    def lookup(self, module, name, seen=frozenset()):
        """What `name` may be in `module`: modules, and items as (defining file, name)."""
        if (module, name) in seen:
            return set()
        seen = seen | {(module, name)}
        found = set(module.children.get(name, []))
        if name in module.items:
            found.add((module.file, name))
        for scope, path in module.aliases.get(name, []):
            found |= self.resolve(scope, path, seen)
        if not found:
            for path in module.globs:
                for target in modules(self.resolve(module, path, seen)):
                    found |= self.lookup(target, name, seen)
        return found

    def resolve(self, module, path, seen=frozenset()):
        """What a path may name, as `lookup` gives it; nothing for what is outside the workspace."""
        if not path:
            return set()
        first, *rest = path
        if first == "crate":
            current = {module.root}
        elif first in {"self", "super"}:
            current = {module if first == "self" else module.parent or module}
        else:
            current = self.lookup(module, first, seen)
            if not current and first in self.libraries:
                current = {self.libraries[first]}
        for name in rest:
            holders = modules(current)
            if name == "super":
                current = {holder.parent or holder for holder in holders}
            elif holders:  # else the name is a variant or an associated item of what was found
                current = set().union(*(self.lookup(holder, name, seen) or self.generated(holder, name) for holder in holders))
        return current

    def generated(self, module, name):
        """The name as an item that a macro may have put into the module; nothing if the module re-exports it from elsewhere."""
        return set() if name in module.aliases or module.globs else {(module.file, name)}

    def imports(self):
        """{file: {imported file: names}}, with paths relative to the workspace's root."""
        edges = collections.defaultdict(lambda: collections.defaultdict(set))
        for module in (module for root in self.roots for module in root.all()):
            for file, name in self.used_items(module):
                if file != module.file:
                    edges[self.short(module.file)][self.short(file)].add(name)
        return edges

    def used_items(self, module):
        """The items that the paths of a module name, as (defining file, name)."""
        for path in module.paths:
            yield from self.resolve(module, path) - modules(self.resolve(module, path))
        for path in module.globs:
            targets = self.resolve(module, path)
            yield from targets - modules(targets)
            for target in modules(targets):
                for word in module.words - module.items - module.aliases.keys():
                    found = self.lookup(target, word)
                    yield from found - modules(found)

    def short(self, file):
        return file.resolve().relative_to(self.root).as_posix()


def modules(targets):
    return {target for target in targets if isinstance(target, Module)}


def cycles(edges):
    """The strongly connected components of more than one node, by Tarjan's algorithm; `edges` is {node: nodes}."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in edges.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return sorted(found)
