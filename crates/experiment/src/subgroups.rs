//! Scores of parts of the test recordings, such as those of one age.

use std::collections::{BTreeMap, BTreeSet};

use dataset::{CORPUS, Corpus};
use metrics::{Estimate, Scores, majority_scores, quantile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Scored;

/// Fewest recordings of a row.
pub const MIN_RECORDINGS: usize = 10;
/// Most rows of a table.
const MAX_ROWS: usize = 20;
/// A column of numbers with more values than this is divided at its quartiles.
const MAX_NUMBERS: usize = 8;
/// The value of recordings without one.
const UNKNOWN: &str = "unknown";

/// The test recordings, divided by what is known about them, such as their age.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubgroupTable {
    /// What divides them: `corpus`, `recorder`, or a column such as `age`.
    pub column: String,
    /// The subgroups with at least 10 recordings; of more than 20 the largest.
    pub rows: Vec<Subgroup>,
    /// Number of values without a row.
    pub others: usize,
    /// Recordings that have these values.
    pub recordings_of_others: usize,
}

/// The test recordings that have one value in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subgroup {
    /// The value, or a range of numbers; `unknown` for recordings without a value.
    pub value: String,
    /// Number of recordings, each counted once.
    pub n_recordings: usize,
    /// Number of groups they come from; every interval resamples the groups.
    pub n_groups: usize,
    /// Number of classes that have a recording in it.
    pub n_classes: usize,
    /// Share of correct answers, 0 to 1.
    pub accuracy: Estimate,
    /// Mean recall over the classes that have a recording in it, 0 to 1. Macro-F1 over all classes would be lower for a
    /// subgroup only because it lacks a class.
    pub balanced_accuracy: Estimate,
    /// Accuracy of always answering with the largest class of training, 0 to 1.
    pub majority_accuracy: f64,
}

/// Scores the subgroups of `test` by corpus, by recorder and by each column of the corpus; a division that has fewer than two
/// rows is left out. `recorders` and `groups` are `[n recordings]`, `training_counts` `[n_classes]`.
///
/// # Errors
/// [`metrics::Error`] as for the predictions of all test recordings.
pub fn score(
    corpus: &Corpus,
    recorders: &[Option<&str>],
    groups: &[usize],
    test: &Scored,
    training_counts: &[usize],
    seed: u64,
) -> Result<Vec<SubgroupTable>, metrics::Error> {
    let tested: BTreeSet<usize> = test.recordings.iter().copied().collect();
    let row = |value: &str, members: &BTreeSet<usize>| {
        let predictions = test.of(|index| members.contains(&index)).predictions(corpus, groups)?;
        let scores = Scores::estimated(&predictions, seed);
        Ok(Subgroup {
            value: value.to_owned(),
            n_recordings: members.len(),
            n_groups: predictions.groups().len(),
            n_classes: members.iter().map(|index| corpus.recordings[*index].label).collect::<BTreeSet<_>>().len(),
            accuracy: scores.accuracy,
            balanced_accuracy: scores.balanced_accuracy,
            majority_accuracy: majority_scores(&predictions, training_counts).accuracy,
        })
    };
    let mut tables = Vec::new();
    for (column, values) in divisions(corpus, recorders, &tested) {
        let (mut large, small): (Vec<_>, Vec<_>) =
            values.into_iter().partition(|(_, members)| members.len() >= MIN_RECORDINGS);
        // Stable: equally large subgroups stay in the order of their values.
        large.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
        let rest = large.split_off(large.len().min(MAX_ROWS));
        if large.len() < 2 {
            continue;
        }
        let rows: Vec<Subgroup> =
            large.iter().map(|(value, members)| row(value, members)).collect::<Result<_, metrics::Error>>()?;
        let others: Vec<usize> = small.iter().chain(&rest).map(|(_, members)| members.len()).collect();
        tables.push(SubgroupTable { column, rows, others: others.len(), recordings_of_others: others.iter().sum() });
    }
    Ok(tables)
}

/// The recordings of each value.
type Division = Vec<(String, BTreeSet<usize>)>;

/// Each column with its values among the recordings `tested`: the corpus, the recorder, and then the others.
fn divisions(corpus: &Corpus, recorders: &[Option<&str>], tested: &BTreeSet<usize>) -> Vec<(String, Division)> {
    let of_column = |name: &str| division(tested, |index| corpus.recordings[index].column(name));
    let mut divisions: Vec<_> = corpus.columns().into_iter().map(|name| (name.to_owned(), of_column(name))).collect();
    let n_of_corpora = divisions.iter().filter(|(name, _)| name == CORPUS).count();
    divisions.insert(n_of_corpora, ("recorder".to_owned(), division(tested, |index| recorders[index])));
    divisions
}

/// Divides the recordings `tested` by a value, or by quarters of it if it is a number.
fn division<'a>(tested: &BTreeSet<usize>, value: impl Fn(usize) -> Option<&'a str>) -> Division {
    let known: Vec<(usize, &str)> = tested.iter().filter_map(|index| Some((*index, value(*index)?))).collect();
    let distinct = known.iter().map(|(_, value)| value).collect::<BTreeSet<_>>().len();
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let numbers: Option<Vec<(usize, f64)>> = known.iter().map(|(index, text)| Some((*index, number(text)?))).collect();
    let mut named = match numbers.filter(|_| distinct > MAX_NUMBERS) {
        Some(numbers) => quarters(&numbers),
        None => {
            let mut by_value: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
            known.iter().for_each(|(index, value)| {
                by_value.entry(value).or_default().insert(*index);
            });
            by_value.into_iter().map(|(value, members)| (value.to_owned(), members)).collect()
        }
    };
    let unknown: BTreeSet<usize> = tested.iter().copied().filter(|index| value(*index).is_none()).collect();
    if !named.is_empty() && !unknown.is_empty() {
        named.push((UNKNOWN.to_owned(), unknown));
    }
    named
}

/// Divides recordings at the quartiles of their numbers. A number at a quartile belongs to the range above it.
fn quarters(numbers: &[(usize, f64)]) -> Division {
    let mut sorted: Vec<f64> = numbers.iter().map(|(_, number)| *number).collect();
    sorted.sort_by(f64::total_cmp);
    let mut cuts = [0.25, 0.5, 0.75].map(|share| quantile(&sorted, share)).to_vec();
    cuts.dedup();
    let place = |number: f64| cuts.iter().filter(|cut| number >= **cut).count();
    let name = |range: usize| match (range.checked_sub(1).map(|low| cuts[low]), cuts.get(range)) {
        (None, Some(high)) => format!("below {high}"),
        (Some(low), Some(high)) => format!("{low} to below {high}"),
        (Some(low), None) => format!("{low} or more"),
        (None, None) => "all".into(),
    };
    let of_range =
        |range: usize| numbers.iter().filter(|(_, number)| place(*number) == range).map(|(index, _)| *index).collect();
    (0..=cuts.len())
        .map(|range| (name(range), of_range(range)))
        .filter(|(_, members): &(_, BTreeSet<_>)| !members.is_empty())
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use dataset::Recording;

    use super::*;

    /// Recordings of class 0 and 1 in turn, those with an even number answered rightly, each alone in its group.
    fn example(n: usize, columns: impl Fn(usize) -> Vec<(&'static str, String)>) -> (Corpus, Scored) {
        let recording = |index: usize| Recording {
            path: index.to_string(),
            label: index % 2,
            columns: columns(index).into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            ..Recording::default()
        };
        let corpus = Corpus {
            labels: ["a", "b"].map(String::from).to_vec(),
            recordings: (0..n).map(recording).collect(),
            ..Corpus::default()
        };
        let answer = |index: usize| if (index / 2) % 2 == index % 2 { vec![0.75, 0.25] } else { vec![0.25, 0.75] };
        let scored = Scored { recordings: (0..n).collect(), probabilities: (0..n).map(answer).collect() };
        (corpus, scored)
    }

    fn tables(corpus: &Corpus, scored: &Scored, recorders: &[Option<&str>]) -> Vec<SubgroupTable> {
        let groups: Vec<usize> = (0..corpus.recordings.len()).collect();
        score(corpus, recorders, &groups, scored, &[3, 2], 1).unwrap()
    }

    #[test]
    fn each_value_has_the_scores_of_its_recordings() {
        // Of every four, the first two are answered rightly.
        let sex = |index: usize| if index % 4 < 2 { "female" } else { "male" };
        let (corpus, scored) = example(40, |index| vec![("sex", sex(index).into())]);
        let [table] = tables(&corpus, &scored, &[None; 40]).try_into().unwrap();
        assert_eq!((table.column.as_str(), table.others, table.recordings_of_others), ("sex", 0, 0));
        let rows: Vec<_> = table.rows.iter().map(|row| (row.value.as_str(), row.n_recordings, row.n_classes)).collect();
        assert_eq!(rows, [("female", 20, 2), ("male", 20, 2)]);
        let [female, male] = &table.rows[..] else { panic!("two rows") };
        assert_eq!((female.accuracy.value, male.accuracy.value), (1.0, 0.0));
        assert_eq!((female.balanced_accuracy.interval, male.majority_accuracy), (Some([1.0, 1.0]), 0.5));
    }

    #[test]
    fn small_subgroups_are_counted_and_a_division_needs_two_rows() {
        let room = |index: usize| match index {
            0..20 => Some("hall"),
            20..32 => Some("attic"),
            32..35 => Some("cellar"),
            _ => None,
        };
        let columns = |index: usize| {
            room(index)
                .map(|room| ("room", room.to_owned()))
                .into_iter()
                .chain([("building", "one".to_owned())])
                .collect()
        };
        let (corpus, scored) = example(46, columns);
        let recorders: Vec<Option<&str>> = (0..46).map(|index| Some(if index < 40 { "anna" } else { "ben" })).collect();
        let [table] = tables(&corpus, &scored, &recorders).try_into().unwrap();
        let rows: Vec<_> = table.rows.iter().map(|row| (row.value.as_str(), row.n_recordings)).collect();
        assert_eq!(rows, [("hall", 20), ("attic", 12), ("unknown", 11)]);
        assert_eq!((table.column.as_str(), table.others, table.recordings_of_others), ("room", 1, 3));
    }

    #[test]
    fn numbers_are_divided_at_their_quartiles_and_repeats_count_once() {
        let (corpus, mut scored) = example(48, |index| vec![("age", format!("{}", index))]);
        scored = Scored::joined([&scored, &scored]);
        let [table] = tables(&corpus, &scored, &[None; 48]).try_into().unwrap();
        let rows: Vec<_> = table.rows.iter().map(|row| (row.value.as_str(), row.n_recordings)).collect();
        let names = ["below 11.75", "11.75 to below 23.5", "23.5 to below 35.25", "35.25 or more"];
        assert_eq!(rows, names.map(|name| (name, 12)));
        let few = |index: usize| vec![("age", format!("{}", index % 4))];
        let (corpus, scored) = example(48, few);
        let [table] = tables(&corpus, &scored, &[None; 48]).try_into().unwrap();
        assert_eq!(table.rows.iter().map(|row| row.value.as_str()).collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    }
}
