//! Counted nouns in messages.

/// `1 file`, `2 files`, `2 classes`.
pub fn count(n: usize, noun: &str) -> String {
    match (n, noun.ends_with('s')) {
        (1, _) => format!("1 {noun}"),
        (_, true) => format!("{n} {noun}es"),
        (_, false) => format!("{n} {noun}s"),
    }
}

/// `is` for a count of 1, else `are`.
pub fn is(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_and_verbs_agree_with_their_count() {
        assert_eq!([count(1, "class"), count(2, "class"), count(0, "file")], ["1 class", "2 classes", "0 files"]);
        assert_eq!([0, 1, 2].map(is), ["are", "is", "are"]);
    }
}
