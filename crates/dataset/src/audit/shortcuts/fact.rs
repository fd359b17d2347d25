//! One fact of every recording, and how strongly it is associated with the classes.

use std::collections::{BTreeMap, BTreeSet};

use metrics::{mid_ranks, roc_auc};
use serde::Serialize;

use super::blocks::Blocks;
use crate::audit::statistics::{chi_squared, cramers_v};

/// How strongly a fact is associated with the classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "statistic", rename_all = "snake_case")]
pub enum Effect {
    /// Effect of a number.
    Auc {
        /// Index of the class that deviates most, in standard deviations.
        class: usize,
        /// AUC of that class against all others, 0 to 1; above 0.5 if its values are higher.
        value: f64,
        /// AUC of every class, `[n_classes]`; absent for a class without recordings.
        by_class: Vec<Option<f64>>,
    },
    /// Effect of a category.
    CramersV {
        /// Cramér's V, 0 (no association) to 1 (the category determines the class).
        value: f64,
    },
}

impl Effect {
    /// Strength on a common scale, 0 to 1: Cramér's V, or `|2 AUC - 1|`.
    pub fn strength(&self) -> f64 {
        match self {
            Self::Auc { value, .. } => (2.0 * value - 1.0).abs(),
            Self::CramersV { value } => *value,
        }
    }
}

/// The values of one fact, `[n_recordings]`.
pub(in crate::audit) enum Values {
    Numbers(Vec<f64>),
    Categories(Vec<String>),
}

/// A fact, summed over blocks, so that a permutation costs one addition per block.
pub(super) struct FactTest<'a> {
    pub name: &'a str,
    pub values: &'a Values,
    sums: Sums,
}

enum Sums {
    /// Sum of the mid-ranks in each block, `[n_blocks]`.
    Ranks(Vec<f64>),
    /// Number of recordings of each category in each block, `[n_blocks]` of (category, count) pairs.
    Counts { n_categories: usize, blocks: Vec<Vec<(usize, f64)>> },
}

impl<'a> FactTest<'a> {
    /// `None` for a fact that is equal in every recording.
    pub fn new(name: &'a str, values: &'a Values, blocks: &Blocks) -> Option<Self> {
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

    /// The largest standardised deviation of a class' rank sum, or chi-squared.
    pub fn statistic(&self, labels: &[usize], n_classes: usize, sizes: &[f64]) -> f64 {
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

    /// The effect under the given labels of the blocks.
    pub fn effect(&self, labels: &[usize], n_classes: usize, sizes: &[f64]) -> Effect {
        match &self.sums {
            Sums::Ranks(sums) => {
                let (ranks, sizes) = (class_sums(sums, labels, n_classes), class_sums(sizes, labels, n_classes));
                let n = sizes.iter().sum::<f64>() as usize;
                let by_class: Vec<Option<f64>> =
                    ranks.iter().zip(&sizes).map(|(ranks, size)| roc_auc(*ranks, *size as usize, n)).collect();
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

/// Deviation of each class' rank sum from its expectation without an effect, in standard deviations.
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
