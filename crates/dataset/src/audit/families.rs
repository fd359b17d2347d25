//! Recordings that belong together, as disjoint sets.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::LazyLock;

use metrics::{group_ids, group_members};
use regex::Regex;

/// Disjoint sets of `0..n`, such as recordings that come from one sound or from one recorder.
#[derive(Debug, Clone)]
pub struct Families {
    parent: Vec<usize>,
}

impl Families {
    /// `n` sets with one member each.
    pub fn new(n: usize) -> Self {
        Self { parent: (0..n).collect() }
    }

    /// Merges the sets of `a` and `b`, both below `n`.
    pub fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The smallest member is the root, so that the order of the joins does not matter.
        self.parent[a.max(b)] = a.min(b);
    }

    /// Merges the sets of all members with the same key. `keys` is `[n]`; members without a key are not merged.
    pub fn join_equal<K: Hash + Eq>(&mut self, keys: impl IntoIterator<Item = Option<K>>) {
        let mut first = HashMap::new();
        for (member, key) in keys.into_iter().enumerate() {
            if let Some(key) = key {
                let earlier = *first.entry(key).or_insert(member);
                self.join(earlier, member);
            }
        }
    }

    /// Whether `a` and `b` are in one set.
    pub fn joined(&self, a: usize, b: usize) -> bool {
        self.root(a) == self.root(b)
    }

    /// The set of each member, `[n]`, numbered by first appearance.
    pub fn numbered(&self) -> Vec<usize> {
        group_ids((0..self.parent.len()).map(|member| Some(self.root(member))))
    }

    /// The sets with at least two members, each ascending, in the order of their first members.
    pub fn sets(&self) -> Vec<Vec<usize>> {
        let mut sets = group_members(&self.numbered());
        sets.retain(|set| set.len() > 1);
        sets
    }

    fn root(&self, mut member: usize) -> usize {
        while self.parent[member] != member {
            member = self.parent[member];
        }
        member
    }
}

/// Prefixes that programs put before the name of the recording that they changed.
static MADE_BY_PROGRAM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^(?:generated|augmented|aug|copy|noisy|noise|pitch|stretched|stretch|shifted|shift|speed|slow|fast)\d*_(.{8,})$",
    )
    .ok()
});

/// The name of the recording that a file was made from, without folder and extension, according to its own name:
/// `generated2_x.wav` was made from `x`. `None` for other names.
pub fn made_from(path: &str) -> Option<&str> {
    let mut name = stem(path);
    let whole = name;
    let pattern = MADE_BY_PROGRAM.as_ref()?;
    while let Some(original) = pattern.captures(name).and_then(|found| found.get(1)) {
        name = original.as_str();
    }
    (name.len() < whole.len()).then_some(name)
}

/// File name without extension.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sets_are_the_equivalence_closure_in_any_order_of_joins(
            joins in prop::collection::vec((0_usize..20, 0_usize..20), 0..30)
        ) {
            let mut forward = Families::new(20);
            joins.iter().for_each(|(a, b)| forward.join(*a, *b));
            let mut backward = Families::new(20);
            joins.iter().rev().for_each(|(a, b)| backward.join(*b, *a));
            let numbers = forward.numbered();
            prop_assert_eq!(&numbers, &backward.numbered());
            for (a, b) in &joins {
                prop_assert_eq!(numbers[*a], numbers[*b]);
            }
            // The closure by Warshall's algorithm.
            let mut reach = [[false; 20]; 20];
            (0..20).for_each(|i| reach[i][i] = true);
            joins.iter().for_each(|(a, b)| { reach[*a][*b] = true; reach[*b][*a] = true; });
            for k in 0..20 { for i in 0..20 { for j in 0..20 { reach[i][j] |= reach[i][k] && reach[k][j]; } } }
            for i in 0..20 { for j in 0..20 {
                prop_assert_eq!(numbers[i] == numbers[j], reach[i][j]);
            } }
            // Numbered by first appearance.
            let mut highest = 0;
            for (i, number) in numbers.iter().enumerate() {
                let next = if i == 0 { 0 } else { highest + 1 };
                prop_assert!(*number <= next);
                highest = highest.max(*number);
            }
        }
    }

    #[test]
    fn names_of_changed_copies_give_the_original() {
        assert_eq!(made_from("scared/generated2_5f651112-d2a3.wav"), Some("5f651112-d2a3"));
        assert_eq!(made_from("a/noise_generated1_recording.flac"), Some("recording"));
        for plain in ["a/recording_01.wav", "a/generated.wav", "a/aug_1.wav", "generated1_x/recording.wav"] {
            assert_eq!(made_from(plain), None, "{plain}");
        }
    }
}
