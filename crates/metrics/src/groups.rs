//! Groups of examples that belong together, such as the recordings of one recorder.

use std::collections::HashMap;
use std::hash::Hash;

/// Numbers groups by their keys in order of first appearance, `[n]`. An example without a key forms its own group.
pub fn group_ids<K: Eq + Hash>(keys: impl IntoIterator<Item = Option<K>>) -> Vec<usize> {
    let mut known: HashMap<K, usize> = HashMap::new();
    let mut next = 0;
    let mut new_group = || {
        next += 1;
        next - 1
    };
    keys.into_iter()
        .map(|key| match key {
            Some(key) => *known.entry(key).or_insert_with(&mut new_group),
            None => new_group(),
        })
        .collect()
}

/// The number of groups, from the group number of each example as [`group_ids`] gives it.
pub fn n_groups(ids: &[usize]) -> usize {
    ids.iter().max().map_or(0, |last| last + 1)
}

/// The examples of each group, ascending, from the group number of each example as [`group_ids`] gives it.
pub fn group_members(ids: &[usize]) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); n_groups(ids)];
    for (example, group) in ids.iter().enumerate() {
        members[*group].push(example);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_without_a_key_forms_its_own_group() {
        let ids = group_ids([Some("b"), None, Some("a"), None, Some("b")]);
        assert_eq!(ids, [0, 1, 2, 3, 0]);
        assert_eq!(group_members(&ids), [vec![0, 4], vec![1], vec![2], vec![3]]);
        assert!(group_members(&[]).is_empty());
        assert_eq!((n_groups(&ids), n_groups(&[])), (4, 0));
    }
}
