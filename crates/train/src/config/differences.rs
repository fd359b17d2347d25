//! How two configurations differ.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// The keys in which `config` differs from `expected`, each as `table.key: VALUE instead of VALUE`.
pub(crate) fn between(config: &Table, expected: &Table) -> Vec<String> {
    let [ours, theirs] = [config, expected].map(|table| {
        let mut values = BTreeMap::new();
        collect(table, "", &mut values);
        values
    });
    let keys = ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(*key)));
    let text = |value: Option<&&Value>| value.map_or_else(|| "nothing".into(), ToString::to_string);
    keys.filter(|key| ours.get(*key) != theirs.get(*key))
        .map(|key| format!("{key}: {} instead of {}", text(ours.get(key)), text(theirs.get(key))))
        .collect()
}

/// Adds the values of `table` with their dotted keys, which start with `prefix`.
fn collect<'a>(table: &'a Table, prefix: &str, values: &mut BTreeMap<String, &'a Value>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match value {
            Value::Table(inner) => collect(inner, &format!("{key}."), values),
            _ => _ = values.insert(key, value),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_differs_is_named_with_both_values() {
        let table = |text: &str| toml::from_str::<Table>(text).unwrap();
        let one = table("name = \"a\"\n[sweep]\ninner = [8, 16]\n[data.split]\nkind = \"csv\"\ndir = \"x\"\n");
        assert!(between(&one, &one).is_empty());
        let other = table("name = \"a\"\nseed = 7\n[sweep]\ninner = [8]\n[data.split]\nkind = \"csv\"\n");
        assert_eq!(
            between(&one, &other),
            [
                "data.split.dir: \"x\" instead of nothing",
                "sweep.inner: [8, 16] instead of [8]",
                "seed: nothing instead of 7"
            ]
        );
    }
}
