//! Drops duplicates and contradictions: recordings that would distort training or test.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use dataset::Corpus;
use dataset::audit::Relations;

use crate::config::DataConfig;

/// Drops duplicates and contradictions if `config` asks for it: clears their flags in `usable`, `[n recordings]`, and returns
/// their paths.
pub fn drop(config: &DataConfig, corpus: &Corpus, relations: &Relations, usable: &mut [bool]) -> Vec<String> {
    let mut labels_of: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (recording, family) in corpus.recordings.iter().zip(&relations.families) {
        labels_of.entry(*family).or_default().insert(recording.label);
    }
    let mut seen = HashSet::new();
    let mut dropped = Vec::new();
    for (index, usable) in usable.iter_mut().enumerate().filter(|(_, usable)| **usable) {
        let contradicts = config.drop_contradictions && labels_of[&relations.families[index]].len() > 1;
        let repeats = config.drop_duplicates && !seen.insert(relations.identical[index]);
        if contradicts || repeats {
            *usable = false;
            dropped.push(corpus.recordings[index].path.clone());
        }
    }
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::Recording;

    #[test]
    fn duplicates_and_contradictions_are_dropped_on_request() {
        let recording = |path: &str, label| Recording { path: path.into(), label, ..Recording::default() };
        let corpus = Corpus {
            root: "r".into(),
            labels: ["a", "b"].map(String::from).to_vec(),
            recordings: vec![
                recording("0", 0),
                recording("1", 0),
                recording("2", 0),
                recording("3", 1),
                recording("4", 1),
            ],
            ..Corpus::default()
        };
        let relations =
            Relations { identical: vec![0, 0, 1, 2, 3], families: vec![0, 0, 1, 1, 2], groups: vec![0, 0, 1, 1, 2] };
        for (drop_duplicates, drop_contradictions, expected) in [
            (false, false, vec![]),
            (true, false, vec!["1"]),
            (false, true, vec!["2", "3"]),
            (true, true, vec!["1", "2", "3"]),
        ] {
            let config = DataConfig { drop_duplicates, drop_contradictions, ..DataConfig::default() };
            let mut usable = vec![true; 5];
            assert_eq!(drop(&config, &corpus, &relations, &mut usable), expected);
            assert_eq!(usable.iter().filter(|usable| !**usable).count(), expected.len());
        }
    }
}
