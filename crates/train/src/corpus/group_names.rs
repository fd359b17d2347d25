//! Names of groups of recordings, for the folds of a leave-one-group-out cross-validation.

use std::collections::HashSet;

use metrics::group_members;

/// Longest name, characters.
const MAX_CHARS: usize = 60;

/// A name for each group, `[n groups]`: its recorder, several joined by `+`, or the path of its first recording if no recorder
/// is known. `groups`, `recorders` and `paths` are `[n recordings]`. Each name can name a folder, and no two are equal, also
/// where case is ignored.
pub fn group_names(groups: &[usize], recorders: &[Option<&str>], paths: &[&str]) -> Vec<String> {
    let mut taken = HashSet::new();
    group_members(groups)
        .into_iter()
        .map(|members| {
            let mut known: Vec<&str> = Vec::new();
            for recorder in members.iter().filter_map(|index| recorders[*index]) {
                if !known.contains(&recorder) {
                    known.push(recorder);
                }
            }
            let name = match (known.is_empty(), members.first()) {
                (true, Some(first)) => folder_name(paths[*first]),
                _ => folder_name(&known.join("+")),
            };
            let numbered = (2..).map(|number| format!("{name}-{number}"));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.to_lowercase()));
            free.unwrap_or(name)
        })
        .collect()
}

/// `text` with `-` in place of what does not belong into the name of a folder.
fn folder_name(text: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_+.".contains(c) { c } else { '-' };
    let name: String = text.chars().map(plain).take(MAX_CHARS).collect();
    let name = name.trim_matches('.');
    if name.is_empty() { "group".into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_after_their_recorders_or_their_first_recording() {
        let groups = [0, 1, 0, 2, 3, 4, 5, 5];
        let recorders =
            [Some("anna"), None, Some("ben"), Some("Anna+ben"), Some("../x y"), Some(".."), Some("c"), None];
        let paths = ["0", "tired/b.wav", "2", "3", "4", "5", "6", "7"];
        let expected = ["anna+ben", "tired-b.wav", "Anna+ben-2", "-x-y", "group", "c"];
        assert_eq!(group_names(&groups, &recorders, &paths), expected);
        let long = "é".repeat(300);
        assert_eq!(group_names(&[0], &[Some(&long)], &["a"]), ["é".repeat(MAX_CHARS)]);
        assert!(group_names(&[], &[], &[]).is_empty());
    }
}
