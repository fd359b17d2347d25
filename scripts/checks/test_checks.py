"""Tests of import_cycles.py and shared_features.py: python3 -m unittest discover -s scripts/checks"""

import pathlib
import tempfile
import unittest

from import_cycles import between_crates
from shared_features import dependency, missing, parsed
from wail_scripts.rust_imports import Workspace, cycles


def imports(**crates):
    """The imports of a workspace: {crate: {file below src: source}}."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "Cargo.toml").write_text('[workspace]\nmembers = ["crates/*"]\n')
        for crate, files in crates.items():
            for name, source in files.items():
                file = root / "crates" / crate / "src" / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(source)
            (root / "crates" / crate / "Cargo.toml").write_text(f'[package]\nname = "{crate}"\n')
        return Workspace(root).imports()


def of_one_crate(files):
    """Imports and cycles of a crate, without the folders before the file names."""
    edges = imports(one=files)
    short = lambda file: file.removeprefix("crates/one/src/")
    edges = {short(file): {short(target): names for target, names in targets.items()} for file, targets in edges.items()}
    return edges, cycles(edges)


class ImportCycles(unittest.TestCase):
    def test_a_cycle_through_a_reexport_is_found(self):
        edges, found = of_one_crate({
            "lib.rs": "mod a; mod b; pub use a::A; pub use b::{B as Other};",
            "a.rs": "use crate::Other;\npub struct A(Other);",
            "b.rs": "use crate::A;\npub struct B(Option<Box<A>>);",
        })  # fmt: skip
        self.assertEqual(found, [["a.rs", "b.rs"]])
        self.assertEqual(edges["a.rs"], {"b.rs": {"B"}})
        self.assertEqual(edges["b.rs"], {"a.rs": {"A"}})

    def test_a_tree_without_cycles_has_none(self):
        edges, found = of_one_crate({
            "lib.rs": "//! [`crate::a::A`]\nmod a; mod error; pub mod parts; pub use a::A; pub use error::Error;",
            "error.rs": "pub enum Error { Bad }",
            "a.rs": 'use crate::Error;\npub struct A; // crate::parts::left::L\nconst TEXT: &str = "crate::parts";\nfn f() -> Error { Error::Bad }',
            "parts.rs": "mod left; mod right; pub use left::L;",
            "parts/left.rs": "use super::right::R;\npub struct L(R);",
            "parts/right.rs": "use crate::{A, Error};\npub struct R(A, Error);\n#[cfg(test)]\nmod tests { use super::super::L; }",
        })  # fmt: skip
        self.assertEqual(found, [])
        self.assertEqual(edges["a.rs"], {"error.rs": {"Error"}})
        self.assertEqual(edges["parts/right.rs"], {"a.rs": {"A"}, "error.rs": {"Error"}})

    def test_declaring_a_child_or_naming_a_module_is_no_import(self):
        edges, found = of_one_crate({
            "lib.rs": "pub mod child; pub const LIMIT: usize = 3;",
            "child.rs": "use crate::child; pub fn f() -> usize { super::LIMIT }",
        })  # fmt: skip
        self.assertEqual((edges, found), ({"child.rs": {"lib.rs": {"LIMIT"}}}, []))

    def test_a_child_that_uses_its_parent_back_is_a_cycle(self):
        _, found = of_one_crate({
            "lib.rs": "mod parent;",
            "parent.rs": "mod child; pub struct P; fn f() { child::g() }",
            "parent/child.rs": "use super::P; pub fn g() {}",
        })  # fmt: skip
        self.assertEqual(found, [["parent.rs", "parent/child.rs"]])

    def test_paths_in_code_globs_and_attributes_count(self):
        edges, _ = of_one_crate({
            "lib.rs": "mod a; mod b; mod c; mod d;",
            "a.rs": "fn f<'a>(x: &'a str) -> char { crate::b::g::<u8>(); '\"' }",
            "b.rs": 'pub fn g<T>() {}\nstruct S { #[serde(with = "crate::c::h")] x: u8, #[serde(default = "crate::d::D")] y: u8 }',
            "c.rs": 'use crate::d::*;\npub mod h { pub fn serialize() { let _ = r#"crate::a::f"#; } }\nfn k() -> D { D }',
            "d.rs": "pub struct D; pub struct Unused;",
        })  # fmt: skip
        self.assertEqual(edges, {"a.rs": {"b.rs": {"g"}}, "b.rs": {"c.rs": {"serialize"}, "d.rs": {"D"}}, "c.rs": {"d.rs": {"D"}}})

    def test_a_module_used_by_its_name_leads_to_the_file_of_the_item(self):
        edges, _ = of_one_crate({
            "lib.rs": "mod a; mod outer;",
            "a.rs": "use crate::outer; fn f() { outer::g(); outer::inner::h() }",
            "outer.rs": "pub mod inner; pub use inner::g;",
            "outer/inner.rs": "pub fn g() {} pub fn h() {}",
        })  # fmt: skip
        self.assertEqual(edges["a.rs"], {"outer/inner.rs": {"g", "h"}})

    def test_imports_between_crates_and_their_cycle_are_found(self):
        edges = imports(
            first={"lib.rs": "mod x; pub use x::X;", "x.rs": "pub struct X; fn f() { second::g() }"},
            second={"lib.rs": "mod y; pub use y::g;", "y.rs": "use first::X; pub fn g() {}", "main.rs": "fn main() { second::g() }"},
        )
        self.assertEqual(cycles(edges), [["crates/first/src/x.rs", "crates/second/src/y.rs"]])
        self.assertEqual(cycles(between_crates(edges)), [["crates/first", "crates/second"]])
        self.assertEqual(edges["crates/second/src/main.rs"], {"crates/second/src/y.rs": {"g"}})


class SharedFeatures(unittest.TestCase):
    def test_features_that_only_the_tests_need_are_missing(self):
        some = parsed("serde v1.0.2|derive,std\nsyn v3.0.1|\nsame v0.3.1|std\nserde v1.0.2|derive,std (*)\n")
        all_ = parsed("serde v1.0.2|derive,rc,std\nsyn v3.0.1|\nsyn v3.0.1|fold\nsame v0.3.1|std\nother v2.0.0|\n")
        self.assertEqual(missing(some, all_), {"serde v1.0.2": {"rc"}})
        self.assertEqual(dependency("serde v1.0.2", {"rc", "a"}), 'serde = { version = "1", features = ["a", "rc"] }')
        self.assertEqual(dependency("x v0.3.1", {"a"}), 'x = { version = "0.3", features = ["a"] }')


if __name__ == "__main__":
    unittest.main()
