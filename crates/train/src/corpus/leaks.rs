//! Counts leaks: validation and test recordings that training contains in the same or another form.

use std::collections::HashSet;
use std::hash::Hash;

use dataset::audit::Relations;
use dataset::{Corpus, Split};
use experiment::{Leaks, PretrainingData};

use super::plan::{Places, Plan};

/// Counts the leaks of every scored split of `plan`. `recorder` gives the recorder of a recording by its index, `pretraining`
/// is what the backbone was pretrained on.
pub fn count<'a>(
    plan: &Plan,
    corpus: &Corpus,
    relations: &Relations,
    recorder: impl Fn(usize) -> Option<&'a str>,
    pretraining: &PretrainingData,
) -> Leaks {
    let known_groups = pretrained_groups(corpus, relations, &recorder, pretraining);
    let mut leaks = Leaks::default();
    for places in plan.scored() {
        leaks.held_out += places.iter().filter(|place| is_held_out(place)).count();
        leaks.copies += shared_with_training(places, |index| Some(relations.identical[index]));
        leaks.families += shared_with_training(places, |index| Some(relations.families[index]));
        leaks.recorders += shared_with_training(places, |index| corpus.recordings[index].source(recorder(index)));
        let held_out = places.iter().zip(&relations.groups).filter(|(place, _)| is_held_out(place));
        leaks.pretraining += held_out.filter(|(_, group)| known_groups.contains(group)).count();
    }
    leaks
}

/// Groups that hold a recording, or a recorder, of the pretraining.
fn pretrained_groups<'a>(
    corpus: &Corpus,
    relations: &Relations,
    recorder: impl Fn(usize) -> Option<&'a str>,
    pretraining: &PretrainingData,
) -> HashSet<usize> {
    let files: HashSet<&str> = pretraining.recordings.iter().map(String::as_str).collect();
    let recorders: HashSet<&str> = pretraining.recorders.iter().map(String::as_str).collect();
    let is_known = |index: &usize| {
        files.contains(corpus.recordings[*index].sha256.as_str())
            || recorder(*index).is_some_and(|recorder| recorders.contains(recorder))
    };
    (0..corpus.recordings.len()).filter(is_known).map(|index| relations.groups[index]).collect()
}

fn is_held_out(place: &Option<Split>) -> bool {
    matches!(place, Some(Split::Val | Split::Test))
}

/// Number of validation and test recordings that share `key` with a training recording.
fn shared_with_training<K: Eq + Hash>(places: &Places, key: impl Fn(usize) -> Option<K>) -> usize {
    let keys = |wanted: fn(&Option<Split>) -> bool| {
        let chosen = places.iter().enumerate().filter(move |(_, place)| wanted(place));
        chosen.filter_map(|(index, _)| key(index)).collect::<Vec<K>>()
    };
    let training: HashSet<K> = keys(|place| *place == Some(Split::Train)).into_iter().collect();
    keys(is_held_out).iter().filter(|key| training.contains(key)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::Recording;

    #[test]
    fn each_kind_of_leak_is_counted() {
        use Split::{Test, Train, Val};
        let plan = Plan {
            rule: String::new(),
            model: [Some(Train), Some(Val), Some(Test), Some(Test), None, Some(Train)].to_vec(),
            folds: Vec::new(),
        };
        let relations = Relations {
            identical: vec![0, 0, 1, 2, 3, 4],
            families: vec![0, 0, 0, 1, 2, 3],
            groups: vec![0, 0, 0, 0, 1, 2],
        };
        let recorders = [Some("a"), Some("a"), Some("a"), Some("a"), Some("b"), None];
        let recording =
            |i: usize| Recording { path: format!("{i}.wav"), label: 0, sha256: format!("{i}"), ..Recording::default() };
        let recordings = (0..6).map(recording).collect();
        let corpus = Corpus { root: "r".into(), labels: vec!["l".into()], recordings, ..Corpus::default() };
        let leaks =
            |pretraining: &PretrainingData| count(&plan, &corpus, &relations, |index| recorders[index], pretraining);
        let expected = Leaks { held_out: 3, copies: 1, families: 2, recorders: 3, pretraining: 0 };
        assert_eq!(leaks(&PretrainingData::default()), expected);
        assert!(expected.any() && !Leaks::default().any());
        let by_file = PretrainingData { recordings: vec!["3".into()], ..PretrainingData::default() };
        let by_recorder = PretrainingData { recorders: vec!["a".into()], ..PretrainingData::default() };
        for pretraining in [by_file, by_recorder] {
            assert_eq!(leaks(&pretraining), Leaks { pretraining: 3, ..expected.clone() }, "the whole group counts");
        }
        let others = PretrainingData { recordings: vec!["5".into()], recorders: vec!["b".into()], sounds_per_kind: 1 };
        assert_eq!(leaks(&others), expected);
        assert!(Leaks { pretraining: 1, ..Leaks::default() }.any());
    }
}
