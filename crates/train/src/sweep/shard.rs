//! A shard: one of the parts that a run is divided into.

use std::fmt;
use std::str::FromStr;

use experiment::folder::SHARDS_FOLDER;

/// Name of the file in a shard's folder that holds what its identity hashes.
pub(super) const IDENTITY_FILE: &str = "identity.json";

/// One of the parts that a run is divided into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    count: usize,
    index: usize,
}

impl Shard {
    /// Shard `index` of `count`, counted from 1; `None` if there is no such shard.
    pub fn new(index: usize, count: usize) -> Option<Self> {
        (1..=count).contains(&index).then_some(Self { count, index })
    }

    /// Its number, from 1.
    pub fn index(self) -> usize {
        self.index
    }

    /// The number of shards.
    pub fn count(self) -> usize {
        self.count
    }

    /// Whether it takes the `n`-th of equal pieces of work.
    pub fn takes(self, n: usize) -> bool {
        n % self.count == self.index - 1
    }

    /// Its folder below the run's.
    pub(super) fn folder(self) -> String {
        format!("{SHARDS_FOLDER}/{}", self.folder_name())
    }

    /// Its own name in a folder of shards.
    pub(crate) fn folder_name(self) -> String {
        format!("{}-of-{}", self.index, self.count)
    }

    /// The shard whose folder is called `name`.
    pub(crate) fn of_folder(name: &str) -> Option<Self> {
        let shard: Self = name.replacen("-of-", "/", 1).parse().ok()?;
        (shard.folder_name() == name).then_some(shard)
    }
}

/// `2 of 3`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} of {}", self.index, self.count)
    }
}

/// Reads `2/3`.
impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        let shard = numbers.and_then(|(index, count)| Self::new(index, count));
        shard.ok_or_else(|| "the form is I/N, with I from 1 to N, such as 2/3".into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_read_from_the_command_line_and_from_its_folder() {
        let shard: Shard = "2/3".parse().unwrap();
        assert_eq!((shard.index(), shard.count(), shard.to_string().as_str()), (2, 3, "2 of 3"));
        assert_eq!(shard.folder(), "shards/2-of-3");
        assert_eq!(Shard::of_folder("2-of-3"), Some(shard));
        assert_eq!((0..6).filter(|n| shard.takes(*n)).collect::<Vec<_>>(), [1, 4]);
        for wrong in ["", "2", "0/3", "4/3", "1/0", "-1/3", "1/2/3", "a/b"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
        for wrong in ["2/3", "02-of-3", "4-of-3", "2-of-3-of-4", "2", ".2-of-3"] {
            assert_eq!(Shard::of_folder(wrong), None, "{wrong}");
        }
    }
}
