//! Which folders of a data folder are classes, and which are splits.

use std::collections::{BTreeSet, HashSet};

use crate::Split;

/// Where the class folders are.
pub(crate) struct Layout {
    /// How many folders are above them: 1 if these are named as splits, else 0.
    depth: usize,
}

impl Layout {
    /// The layout of the sound files `paths`, which are relative to the root.
    ///
    /// # Errors
    /// What is wrong with the folders, and what to do.
    pub fn of(paths: &[String], no_folders: bool) -> Result<Self, String> {
        let outer: BTreeSet<&str> = paths.iter().filter_map(|path| Some(path.split_once('/')?.0)).collect();
        let (splits, classes): (Vec<&str>, Vec<&str>) = outer.into_iter().partition(|name| split_named(name).is_some());
        let as_splits = || format!("the names of these folders are those of splits: {}", splits.join(", "));
        if no_folders {
            Err("there are no class folders in it; put the recordings of each class into a folder with its name".into())
        } else if splits.is_empty() && classes.is_empty() {
            Err("there is no sound file in its class folders; put recordings into them".into())
        } else if splits.is_empty() {
            Ok(Self { depth: 0 })
        } else if !classes.is_empty() {
            Err(format!(
                "{}, but these are beside them: {}. Rename those that are classes, or move the others into the folders of \
                 splits",
                as_splits(),
                classes.join(", ")
            ))
        } else if paths.iter().any(|path| path.matches('/').count() > 1) {
            Ok(Self { depth: 1 })
        } else {
            Err(format!("{}, but there are no class folders inside; rename those that are classes", as_splits()))
        }
    }

    /// The class of the sound file `path`; `None` if it lies outside the class folders.
    pub fn class<'a>(&self, path: &'a str) -> Option<&'a str> {
        let mut parts = path.split('/').skip(self.depth);
        parts.next().filter(|_| parts.next().is_some())
    }

    /// The classes of the sound files `paths`, sorted.
    pub fn classes(&self, paths: &[String]) -> Vec<String> {
        let classes: BTreeSet<&str> = paths.iter().filter_map(|path| self.class(path)).collect();
        classes.into_iter().map(String::from).collect()
    }

    /// Those of `folders` that could be classes or splits but hold none of the sound files `paths`.
    pub fn empty(&self, folders: impl Iterator<Item = String>, paths: &[String]) -> Vec<String> {
        let above = |path: &'_ str| path.match_indices('/').map(|(end, _)| path[..end].to_owned()).collect::<Vec<_>>();
        let used: HashSet<String> = paths.iter().flat_map(|path| above(path)).collect();
        folders.filter(|folder| folder.matches('/').count() <= self.depth && !used.contains(folder)).collect()
    }
}

/// The split that a folder is named after, in any case; `None` for another name.
pub(crate) fn split_named(folder: &str) -> Option<Split> {
    match folder.to_lowercase().as_str() {
        "train" | "training" => Some(Split::Train),
        "val" | "valid" | "validation" | "dev" => Some(Split::Val),
        "test" | "testing" | "eval" => Some(Split::Test),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_name_of_a_split_is_known() {
        for (names, split) in [
            (&["train", "Train", "TRAINING"][..], Some(Split::Train)),
            (&["val", "Valid", "validation", "DEV"], Some(Split::Val)),
            (&["test", "Testing", "eval"], Some(Split::Test)),
            (&["hungry", "trainer", "tests", "", "developer"], None),
        ] {
            for name in names {
                assert_eq!(split_named(name), split, "{name}");
            }
        }
    }
}
