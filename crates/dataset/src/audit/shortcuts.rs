//! What predicts the class before the cry itself is heard: one number or category at a time.
//!
//! A number's effect is its one-vs-rest AUC, a category's is Cramér's V. The p-value comes from permuting labels. Recordings
//! of one recorder are not independent, so a *block*, all recordings of one group in one class, gets a new label as a
//! whole: the labels of the blocks are permuted among the blocks. Two blocks of one recorder differ in label when
//! observed and are alike in sound, which makes the test careful rather than bold. Blocks differ in size, so the class
//! sizes vary a little between permutations; the statistics are standardised for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::statistics::{auc, chi_squared, cramers_v, intraclass_correlation, mid_ranks, q_values};

/// Permutations; the smallest p-value is one in 10,000, small enough for the correction over 140 tests.
pub const N_PERMUTATIONS: usize = 9_999;

/// How one fact goes with the classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shortcut {
    /// Name of the fact, such as `bandwidth_hz` or `mel_band_17`.
    pub fact: String,
    /// The effect.
    pub effect: Effect,
    /// Share of permutations with at least this effect, at least 0.0001.
    pub p_value: f64,
    /// Benjamini and Hochberg's q-value over all facts of the audit.
    pub q_value: f64,
    /// How much of the fact is the recorder's: intraclass correlation by group, 0 to 1; absent for categories and where no
    /// group has two recordings.
    pub by_group: Option<f64>,
}

/// How strongly a fact goes with the classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "statistic", rename_all = "snake_case")]
pub enum Effect {
    /// For a number.
    Auc {
        /// Index of the class that stands out most, in standard deviations.
        class: usize,
        /// Its AUC against all others, 0 to 1: above 0.5 if its values are higher.
        value: f64,
        /// AUC of every class; absent for one without recordings.
        by_class: Vec<Option<f64>>,
    },
    /// For a category.
    CramersV {
        /// 0 (nothing) to 1 (the category is the class).
        value: f64,
    },
}

impl Effect {
    /// Strength on one scale, 0 to 1: Cramér's V, or `|2 AUC - 1|`.
    pub fn strength(&self) -> f64 {
        match self {
            Self::Auc { value, .. } => (2.0 * value - 1.0).abs(),
            Self::CramersV { value } => *value,
        }
    }
}

/// A fact of every recording that takes part.
pub(super) enum Values {
    Numbers(Vec<f64>),
    Categories(Vec<String>),
}

/// Tests every fact that varies against the labels, in the given order. `labels` and `groups` have one entry a recording
/// as each fact has; labels are below `n_classes`.
pub(super) fn shortcuts(
    facts: &[(String, Values)],
    labels: &[usize],
    n_classes: usize,
    groups: &[usize],
    seed: u64,
) -> Vec<Shortcut> {
    let blocks = Blocks::new(labels, groups);
    let tests: Vec<Test> = facts.iter().filter_map(|(name, values)| Test::new(name, values, &blocks)).collect();
    if tests.is_empty() || labels.iter().all(|label| *label == labels[0]) {
        return Vec::new();
    }
    let observed: Vec<f64> =
        tests.iter().map(|test| test.statistic(&blocks.labels, n_classes, &blocks.sizes)).collect();
    let exceeded = (0..N_PERMUTATIONS)
        .into_par_iter()
        .map(|permutation| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(permutation as u64);
            let mut permuted = blocks.labels.clone();
            permuted.shuffle(&mut rng);
            let at_least = |(test, observed): (&Test, &f64)| {
                let statistic = test.statistic(&permuted, n_classes, &blocks.sizes);
                usize::from(statistic >= observed - 1e-9 * observed.abs()) // equal up to rounding
            };
            tests.iter().zip(&observed).map(at_least).collect()
        })
        .reduce(|| vec![0; tests.len()], |a: Vec<usize>, b: Vec<usize>| a.iter().zip(b).map(|(a, b)| a + b).collect());
    let p_values: Vec<f64> = exceeded.iter().map(|count| (1 + count) as f64 / (1 + N_PERMUTATIONS) as f64).collect();
    let q_values = q_values(&p_values);
    tests
        .iter()
        .zip(p_values.into_iter().zip(q_values))
        .map(|(test, (p_value, q_value))| Shortcut {
            fact: test.name.to_owned(),
            effect: test.effect(&blocks.labels, n_classes, &blocks.sizes),
            p_value,
            q_value,
            by_group: group_share(test.values, groups),
        })
        .collect()
}

/// Recordings of one group with one label, in order of appearance.
struct Blocks {
    of: Vec<usize>,
    labels: Vec<usize>,
    sizes: Vec<f64>,
}

impl Blocks {
    fn new(labels: &[usize], groups: &[usize]) -> Self {
        let mut known = HashMap::new();
        let mut blocks = Self { of: Vec::with_capacity(labels.len()), labels: Vec::new(), sizes: Vec::new() };
        for key in groups.iter().zip(labels) {
            let block = *known.entry(key).or_insert_with(|| {
                blocks.labels.push(*key.1);
                blocks.sizes.push(0.0);
                blocks.sizes.len() - 1
            });
            blocks.sizes[block] += 1.0;
            blocks.of.push(block);
        }
        blocks
    }
}

/// A fact, summed over blocks, so that a permutation costs one addition a block.
struct Test<'a> {
    name: &'a str,
    values: &'a Values,
    sums: Sums,
}

enum Sums {
    /// Sum of the mid-ranks in each block.
    Ranks(Vec<f64>),
    /// Recordings of each category in each block, `[blocks][n_categories]` as (category, count) pairs.
    Counts { n_categories: usize, blocks: Vec<Vec<(usize, f64)>> },
}

impl<'a> Test<'a> {
    /// `None` for a fact that is the same in every recording.
    fn new(name: &'a str, values: &'a Values, blocks: &Blocks) -> Option<Self> {
        let sums = match values {
            Values::Numbers(numbers) => {
                numbers.iter().any(|x| *x != numbers[0]).then_some(())?;
                let mut sums = vec![0.0; blocks.sizes.len()];
                for (block, rank) in blocks.of.iter().zip(mid_ranks(numbers)) {
                    sums[*block] += rank;
                }
                Sums::Ranks(sums)
            }
            Values::Categories(categories) => {
                let names: BTreeMap<&String, usize> =
                    categories.iter().collect::<BTreeSet<_>>().into_iter().zip(0..).collect();
                (names.len() > 1).then_some(())?;
                let mut counts = vec![Vec::new(); blocks.sizes.len()];
                for (block, category) in blocks.of.iter().zip(categories) {
                    let category = names[category];
                    let counts: &mut Vec<(usize, f64)> = &mut counts[*block];
                    match counts.iter_mut().find(|(known, _)| *known == category) {
                        Some((_, count)) => *count += 1.0,
                        None => counts.push((category, 1.0)),
                    }
                }
                Sums::Counts { n_categories: names.len(), blocks: counts }
            }
        };
        Some(Self { name, values, sums })
    }

    /// Largest standardised deviation of a class' rank sum, or chi-squared.
    fn statistic(&self, labels: &[usize], n_classes: usize, sizes: &[f64]) -> f64 {
        match &self.sums {
            Sums::Ranks(sums) => {
                deviations(&class_sums(sums, labels, n_classes), &class_sums(sizes, labels, n_classes))
                    .into_iter()
                    .flatten()
                    .map(f64::abs)
                    .fold(0.0, f64::max)
            }
            Sums::Counts { n_categories, blocks } => chi_squared(&table(blocks, *n_categories, labels, n_classes)),
        }
    }

    fn effect(&self, labels: &[usize], n_classes: usize, sizes: &[f64]) -> Effect {
        match &self.sums {
            Sums::Ranks(sums) => {
                let (ranks, sizes) = (class_sums(sums, labels, n_classes), class_sums(sizes, labels, n_classes));
                let n = sizes.iter().sum::<f64>() as usize;
                let by_class: Vec<Option<f64>> =
                    ranks.iter().zip(&sizes).map(|(ranks, size)| auc(*ranks, *size as usize, n)).collect();
                let strength = deviations(&ranks, &sizes);
                let strength = |class: &usize| strength[*class].map_or(0.0, f64::abs);
                let class =
                    (0..n_classes).max_by(|a, b| strength(a).total_cmp(&strength(b)).then(b.cmp(a))).unwrap_or(0);
                Effect::Auc { class, value: by_class[class].unwrap_or(0.5), by_class }
            }
            Sums::Counts { n_categories, blocks } => {
                Effect::CramersV { value: cramers_v(&table(blocks, *n_categories, labels, n_classes)) }
            }
        }
    }
}

fn class_sums(values: &[f64], labels: &[usize], n_classes: usize) -> Vec<f64> {
    let mut sums = vec![0.0; n_classes];
    for (value, label) in values.iter().zip(labels) {
        sums[*label] += value;
    }
    sums
}

/// Deviation of each class' rank sum from its mean without any effect, in standard deviations.
fn deviations(rank_sums: &[f64], sizes: &[f64]) -> Vec<Option<f64>> {
    let n: f64 = sizes.iter().sum();
    let deviation = |(sum, size): (&f64, &f64)| {
        let variance = size * (n - size) * (n + 1.0) / 12.0;
        (variance > 0.0).then(|| (sum - size * (n + 1.0) / 2.0) / variance.sqrt())
    };
    rank_sums.iter().zip(sizes).map(deviation).collect()
}

fn table(blocks: &[Vec<(usize, f64)>], n_categories: usize, labels: &[usize], n_classes: usize) -> Vec<Vec<f64>> {
    let mut table = vec![vec![0.0; n_categories]; n_classes];
    for (counts, label) in blocks.iter().zip(labels) {
        for (category, count) in counts {
            table[*label][*category] += count;
        }
    }
    table
}

fn group_share(values: &Values, groups: &[usize]) -> Option<f64> {
    let Values::Numbers(numbers) = values else { return None };
    let mut by_group: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (group, number) in groups.iter().zip(numbers) {
        by_group.entry(*group).or_default().push(*number);
    }
    intraclass_correlation(&by_group.into_values().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    fn numbers(n: usize, value: impl FnMut(usize) -> f64) -> Values {
        Values::Numbers((0..n).map(value).collect())
    }

    #[test]
    fn what_predicts_is_found_and_what_does_not_is_not() {
        let labels: Vec<usize> = (0..90).map(|i| i % 3).collect();
        let groups: Vec<usize> = (0..90).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let facts = [
            ("tells".into(), numbers(90, |i| (i % 3) as f64 + 0.01 * i as f64)),
            ("noise".into(), numbers(90, |_| rng.random())),
            ("constant".into(), numbers(90, |_| 1.0)),
            ("is_class_2".into(), Values::Categories((0..90).map(|i| (i % 3 == 2).to_string()).collect())),
        ];
        let found = shortcuts(&facts, &labels, 3, &groups, 7);
        assert_eq!(found.iter().map(|s| s.fact.as_str()).collect::<Vec<_>>(), ["tells", "noise", "is_class_2"]);
        assert_eq!(found[0].p_value, 1e-4);
        assert!(found[0].effect.strength() > 0.8 && found[2].effect.strength() > 0.9, "{found:?}");
        assert!(found[1].p_value > 0.05 && found[1].effect.strength() < 0.4, "{found:?}");
        assert_eq!(found, shortcuts(&facts, &labels, 3, &groups, 7));
    }

    #[test]
    fn many_recordings_of_few_recorders_prove_nothing() {
        // Four recorders with their own level each, two in either class: 80 recordings, but only four witnesses.
        let groups: Vec<usize> = (0..80).map(|i| i / 20).collect();
        let labels: Vec<usize> = groups.iter().map(|group| group / 2).collect();
        let facts = [("level".into(), numbers(80, |i| (i / 20) as f64 + 0.001 * i as f64))];
        let by_group = &shortcuts(&facts, &labels, 2, &groups, 7)[0];
        // 6 ways to give two of four blocks a label; two of them are as extreme.
        assert!((by_group.p_value - 1.0 / 3.0).abs() < 0.02, "{by_group:?}");
        assert!(by_group.by_group.is_some_and(|share| share > 0.99));
        let alone: Vec<usize> = (0..80).collect();
        assert_eq!(shortcuts(&facts, &labels, 2, &alone, 7)[0].p_value, 1e-4);
    }
}
