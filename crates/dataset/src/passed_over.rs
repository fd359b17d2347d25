//! What lies in a folder of recordings and is none.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::count;

/// Maximum number of folders, and of kinds of files, that [`PassedOver::lines`] lists.
const MAX_LISTED: usize = 10;

/// What the scan of a corpus passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// Hidden folders, those of operating systems such as `__MACOSX` and `@eaDir`, and folders without a recording where
    /// class folders are; relative to the root, in path order.
    pub folders: Vec<String>,
    /// Other files by kind: `hidden file`, `.txt file` and so on.
    pub files: BTreeMap<String, PassedFiles>,
}

/// Files of one kind that a scan passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedFiles {
    /// How many there are.
    pub count: usize,
    /// The first of them, relative to the root.
    pub example: String,
}

impl PassedOver {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.files.is_empty()
    }

    /// One line for people: `1 folder (empty), 2 hidden files (tired/._a.wav ...)`; empty if nothing was passed over.
    pub fn summary(&self) -> String {
        let more = |n: usize| if n > MAX_LISTED { " ..." } else { "" };
        let mut parts = Vec::new();
        if !self.folders.is_empty() {
            let listed: Vec<&str> = self.folders.iter().take(MAX_LISTED).map(String::as_str).collect();
            let n = self.folders.len();
            parts.push(format!("{} ({}{})", count(n, "folder"), listed.join(", "), more(n)));
        }
        let mut files: Vec<(&String, &PassedFiles)> = self.files.iter().collect();
        files.sort_by_key(|(_, files)| std::cmp::Reverse(files.count));
        for (kind, PassedFiles { count: n, example }) in files.iter().take(MAX_LISTED) {
            let and_so_on = if *n > 1 { " ..." } else { "" };
            parts.push(format!("{} ({example}{and_so_on})", count(*n, kind)));
        }
        let others: usize = files.iter().skip(MAX_LISTED).map(|(_, files)| files.count).sum();
        if others > 0 {
            parts.push(count(others, "other file"));
        }
        parts.join(", ")
    }

    /// Adds what a scan of the corpus `name` passed over.
    pub(crate) fn append(&mut self, name: &str, other: Self) {
        self.folders.extend(other.folders.into_iter().map(|folder| format!("{name}/{folder}")));
        for (kind, PassedFiles { count, example }) in other.files {
            let example = format!("{name}/{example}");
            self.files.entry(kind).or_insert(PassedFiles { count: 0, example }).count += count;
        }
    }

    /// Adds a file of `kind`.
    pub(crate) fn add_file(&mut self, kind: impl Into<String>, path: impl FnOnce() -> String) {
        let files = self.files.entry(kind.into()).or_insert_with(|| PassedFiles { count: 0, example: path() });
        files.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_everything_and_lists_the_most_frequent() {
        let mut passed_over = PassedOver::default();
        assert!(passed_over.is_empty() && passed_over.summary().is_empty());
        passed_over.folders.push("__MACOSX".into());
        passed_over.add_file("hidden file", || "tired/._a.wav".into());
        passed_over.add_file("hidden file", || "tired/._b.wav".into());
        passed_over.add_file(".txt file", || "notes.txt".into());
        assert_eq!(
            passed_over.summary(),
            "1 folder (__MACOSX), 2 hidden files (tired/._a.wav ...), 1 .txt file (notes.txt)"
        );
        let mut many = PassedOver::default();
        for kind in 0..12 {
            many.folders.push(format!("f{kind:02}"));
            (0..=kind).for_each(|_| many.add_file(format!(".{kind:02} file"), || "x".into()));
        }
        let summary = many.summary();
        assert!(
            summary.starts_with("12 folders (f00, ") && summary.contains("f09 ...), 12 .11 files (x ...)"),
            "{summary}"
        );
        assert!(summary.ends_with("3 .02 files (x ...), 3 other files"), "{summary}");
    }
}
