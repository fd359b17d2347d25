//! Overview of a corpus for readers: counts, quartiles and an example of each class.

use std::collections::{BTreeMap, BTreeSet};

use metrics::quantile;
use serde::Serialize;

use super::facts::Facts;
use super::measure::{Measured, N_BANDS};
use super::shortcuts::Values;
use crate::{Corpus, Split};

/// Names and units of the numeric facts in [`Facts`].
pub const NUMBERS: [(&str, &str); 9] = [
    ("seconds", "s"),
    ("bytes_per_second", "B/s"),
    ("rms_db", "dB"),
    ("peak_db", "dB"),
    ("silence_share", ""),
    ("padding_seconds", "s"),
    ("clipped_share", ""),
    ("dc_offset", ""),
    ("bandwidth_hz", "Hz"),
];

/// Names of the categorical facts in [`Facts`].
pub const CATEGORIES: [&str; 4] = ["sample_rate_hz", "n_channels", "encoding", "bits_per_sample"];

impl Facts {
    /// The numeric facts, in the order of [`NUMBERS`].
    pub fn numbers(&self) -> [f64; 9] {
        [
            self.seconds,
            self.bytes_per_second,
            self.rms_db,
            self.peak_db,
            self.silence_share,
            self.padding_seconds,
            self.clipped_share,
            self.dc_offset,
            self.bandwidth_hz,
        ]
    }

    /// The categorical facts, in the order of [`CATEGORIES`].
    pub fn categories(&self) -> [String; 4] {
        [
            self.sample_rate_hz.to_string(),
            self.n_channels.to_string(),
            format!("{}/{}", self.container, self.codec),
            self.bits_per_sample.map_or("none".into(), |bits| bits.to_string()),
        ]
    }
}

/// Summary of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassSummary {
    /// Name of the class.
    pub label: String,
    /// Number of recordings.
    pub recordings: usize,
    /// Number of groups: recordings of one recorder or one sound count once.
    pub groups: usize,
    /// Number of recordings in train, val and test; absent without a split.
    pub splits: Option<[usize; 3]>,
    /// Total length of the readable recordings.
    pub seconds: f64,
    /// Path of the recording with the median level, to look at and listen to; absent if none is audible.
    pub example: Option<String>,
}

/// Summary of one numeric fact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NumberSummary {
    /// Name of the fact.
    pub fact: String,
    /// Unit; empty for a share.
    pub unit: String,
    /// Minimum, lower quartile, median, upper quartile and maximum of each class, `[n_classes]`; absent for a class
    /// without readable recordings.
    pub by_class: Vec<Option<[f64; 5]>>,
}

/// Summary of one categorical fact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CategorySummary {
    /// Name of the fact.
    pub fact: String,
    /// Number of recordings of each class, `[n_classes]`, for each value.
    pub counts: BTreeMap<String, Vec<usize>>,
}

/// A summary of each class, `[n_classes]`.
pub(super) fn classes(
    corpus: &Corpus,
    measured: &[Result<Measured, String>],
    groups: &[usize],
    split: Option<&[Option<Split>]>,
) -> Vec<ClassSummary> {
    let summary = |(label, name): (usize, &String)| {
        let members: Vec<usize> = (0..groups.len()).filter(|i| corpus.recordings[*i].label == label).collect();
        let facts = |i: &usize| measured[*i].as_ref().ok().map(|m| &m.facts);
        let mut audible: Vec<(f64, usize)> = members
            .iter()
            .filter_map(|i| facts(i).filter(|facts| !facts.is_silent()).map(|facts| (facts.rms_db, *i)))
            .collect();
        audible.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let part = |part| members.iter().filter(|i| split.is_some_and(|split| split[**i] == Some(part))).count();
        ClassSummary {
            label: name.clone(),
            recordings: members.len(),
            groups: members.iter().map(|i| groups[*i]).collect::<BTreeSet<_>>().len(),
            splits: split.map(|_| Split::ALL.map(part)),
            seconds: members.iter().filter_map(facts).map(|facts| facts.seconds).sum(),
            example: audible.get(audible.len() / 2).map(|(_, i)| corpus.recordings[*i].path.clone()),
        }
    };
    corpus.labels.iter().enumerate().map(summary).collect()
}

/// Quartiles of every numeric fact over recordings given as (label, facts).
pub(super) fn numbers(readable: &[(usize, &Facts)], n_classes: usize) -> Vec<NumberSummary> {
    let summary = |(index, (fact, unit)): (usize, &(&str, &str))| {
        let of_class = |class| {
            let members = readable.iter().filter(|(label, _)| *label == class);
            let mut values: Vec<f64> = members.map(|(_, facts)| facts.numbers()[index]).collect();
            values.sort_by(f64::total_cmp);
            (!values.is_empty()).then(|| [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&values, share)))
        };
        NumberSummary { fact: (*fact).into(), unit: (*unit).into(), by_class: (0..n_classes).map(of_class).collect() }
    };
    NUMBERS.iter().enumerate().map(summary).collect()
}

/// Counts of every categorical fact over recordings given as (label, facts).
pub(super) fn categories(readable: &[(usize, &Facts)], n_classes: usize) -> Vec<CategorySummary> {
    let summary = |(index, fact): (usize, &&str)| {
        let mut counts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (label, facts) in readable {
            counts.entry(facts.categories()[index].clone()).or_insert_with(|| vec![0; n_classes])[*label] += 1;
        }
        CategorySummary { fact: (**fact).into(), counts }
    };
    CATEGORIES.iter().enumerate().map(summary).collect()
}

/// Every fact that may be a shortcut, with its values over audible recordings.
pub(super) fn values(audible: &[&Measured]) -> Vec<(String, Values)> {
    let categories = CATEGORIES.iter().enumerate().map(|(index, name)| {
        let values = audible.iter().map(|m| m.facts.categories()[index].clone()).collect();
        ((*name).to_owned(), Values::Categories(values))
    });
    let numbers = NUMBERS.iter().enumerate().map(|(index, (name, _))| {
        (String::from(*name), Values::Numbers(audible.iter().map(|m| m.facts.numbers()[index]).collect()))
    });
    let bands = (0..N_BANDS).map(|band| {
        let levels = audible.iter().map(|m| f64::from(m.band_db[band])).collect();
        (format!("mel_band_{band}"), Values::Numbers(levels))
    });
    categories.chain(numbers).chain(bands).collect()
}

/// The columns of the recordings `indices`, each of which may be a shortcut: numbers where all values are, else categories.
pub(super) fn columns(corpus: &Corpus, indices: &[usize]) -> Vec<(String, Values)> {
    let values = |name: &str| {
        let value = |index: &usize| corpus.recordings[*index].column(name).unwrap_or_default().to_owned();
        let texts: Vec<String> = indices.iter().map(value).collect();
        let numbers: Option<Vec<f64>> =
            texts.iter().map(|text| text.parse().ok().filter(|number: &f64| number.is_finite())).collect();
        numbers.map_or(Values::Categories(texts), Values::Numbers)
    };
    corpus.columns().into_iter().map(|name| (name.to_owned(), values(name))).collect()
}
