//! Files that come from one sound, and the findings that follow for classes and splits.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::copies::fingerprint::Landmark;
use super::copies::{Copy, MIN_VOTES, candidates, verified};
use super::families::{Families, made_from, stem};
use super::finding::{Finding, Kind, Severity};
use super::measure::Measurer;
use crate::{Corpus, Split, count, is};

/// The recordings of a corpus that come from one sound.
pub(super) struct Relatives {
    /// Recordings with the same bytes.
    pub identical: Families,
    /// Pairs with the same sound in different bytes, verified by correlation.
    copies: Vec<Copy>,
    /// Recordings with the same bytes or the same sound.
    by_sound: Families,
    /// Recordings made from one another, according to their names.
    by_name: Families,
    /// Recordings related in any of these ways.
    pub all: Families,
}

impl Relatives {
    /// Finds the relatives, with the `copies` among them.
    pub(super) fn new(corpus: &Corpus, copies: Vec<Copy>) -> Self {
        let recordings = &corpus.recordings;
        let identical = identical(corpus);
        let mut by_sound = identical.clone();
        copies.iter().for_each(|copy| by_sound.join(copy.a, copy.b));

        let mut by_name = Families::new(recordings.len());
        let originals: BTreeSet<&str> = recordings.iter().filter_map(|r| made_from(&r.path)).collect();
        by_name.join_equal(recordings.iter().map(|recording| {
            let name = made_from(&recording.path).unwrap_or_else(|| stem(&recording.path));
            originals.contains(name).then_some(name)
        }));

        let mut all = by_sound.clone();
        all.join_equal(by_name.numbered().into_iter().map(Some));
        Self { identical, copies, by_sound, by_name, all }
    }

    /// The verified copies, with their paths.
    pub(super) fn copy_pairs(&self, corpus: &Corpus) -> Vec<CopyPair> {
        let path = |index: usize| corpus.recordings[index].path.clone();
        let pair = |copy: &Copy| CopyPair {
            a: path(copy.a),
            b: path(copy.b),
            correlation: copy.correlation,
            lag_seconds: copy.lag_seconds,
        };
        self.copies.iter().map(pair).collect()
    }

    /// Findings about duplicates and their labels.
    pub(super) fn duplicates(&self, corpus: &Corpus) -> Vec<Finding> {
        let mut findings = Vec::new();
        let names = |set: &[usize]| set.iter().map(|index| corpus.recordings[*index].path.clone()).collect::<Vec<_>>();
        let mut add = |kind,
                       severity,
                       sets: Vec<Vec<usize>>,
                       message: &dyn Fn(usize, usize, &[String]) -> String,
                       advice: &str| {
            let files: Vec<Vec<String>> = sets.iter().map(|set| names(set)).collect();
            if let Some(first) = files.first() {
                let message = message(files.len(), files.iter().map(Vec::len).sum(), first);
                findings.push(Finding { kind, severity, message, advice: advice.into(), files });
            }
        };
        let labels = |set: &[usize]| set.iter().map(|index| corpus.recordings[*index].label).collect::<BTreeSet<_>>();
        let contradicting = self.all.sets().into_iter().filter(|set| labels(set).len() > 1).collect();
        add(
            Kind::ContradictingLabels,
            Severity::Problem,
            contradicting,
            &|sets, files, first| {
                format!(
                    "{} of files with one sound ({}) {} in several classes, for example {}.",
                    count(sets, "set"),
                    count(files, "file"),
                    is(sets),
                    in_words(first)
                )
            },
            "Listen and keep the correct label, or remove all of them: no classifier can be correct about both.",
        );
        add(
            Kind::ExactDuplicates,
            Severity::Warning,
            self.identical.sets(),
            &|sets, files, first| {
                format!(
                    "{} with the same bytes in {}, for example {}.",
                    count(files, "file"),
                    count(sets, "set"),
                    in_words(first)
                )
            },
            "Keep one file of each set.",
        );
        let copied: BTreeSet<usize> = self.copies.iter().flat_map(|copy| [copy.a, copy.b]).collect();
        let same_sound =
            self.by_sound.sets().into_iter().filter(|set| set.iter().any(|i| copied.contains(i))).collect();
        let example = self.copies.first().map_or(String::new(), |copy| {
            format!(
                " One pair has a correlation of {:.2} at a lag of {:.2} s.",
                copy.correlation,
                copy.lag_seconds.abs()
            )
        });
        add(
            Kind::SameSound,
            Severity::Warning,
            same_sound,
            &|sets, files, first| {
                format!(
                    "{} in {} have the same sound but different bytes (another container, rate, level, cut or added \
                     noise), for example {}.{example}",
                    count(files, "file"),
                    count(sets, "set"),
                    in_words(first)
                )
            },
            "Keep one file of each set, or keep each set in one split.",
        );
        add(
            Kind::DerivedByName,
            Severity::Warning,
            self.by_name.sets(),
            &|sets, files, first| {
                format!(
                    "The names of {} in {} say that a program made them from one recording, for example {}.",
                    count(files, "file"),
                    count(sets, "set"),
                    in_words(first)
                )
            },
            "Keep each set in one split, and never test on generated files.",
        );
        findings
    }
}

/// Recordings with the same bytes.
fn identical(corpus: &Corpus) -> Families {
    let mut identical = Families::new(corpus.recordings.len());
    identical.join_equal(corpus.recordings.iter().map(|r| (!r.sha256.is_empty()).then_some(&r.sha256)));
    identical
}

/// The recordings with the same sound in different bytes. `landmarks` has one list per recording, which is empty if the recording
/// cannot be decoded. Candidates are decoded again.
pub(super) fn copies(corpus: &Corpus, landmarks: &[&[Landmark]], measurer: &Measurer) -> Vec<Copy> {
    let recordings = &corpus.recordings;
    // One of several identical files represents them all.
    let mut seen = BTreeSet::new();
    let landmarks: Vec<&[Landmark]> = (recordings.iter().zip(landmarks))
        .map(|(recording, list)| if !list.is_empty() && seen.insert(&recording.sha256) { *list } else { &[] })
        .collect();
    let waveform = |index: usize| measurer.waveform(corpus, &recordings[index]);
    verified(&candidates(&landmarks, MIN_VOTES), &mut identical(corpus), waveform)
}

/// Two or more names as part of a sentence.
fn in_words(names: &[String]) -> String {
    match names {
        [a, b] => format!("{a} and {b}"),
        [a, b, rest @ ..] => format!("{a}, {b} and {} more", rest.len()),
        _ => names.concat(),
    }
}

/// Findings about families and recorders that are in several splits. `recorders` and `split` are `[n_recordings]`; the file of a
/// segment stands for a recorder that is not known.
pub(super) fn leaks(
    corpus: &Corpus,
    families: &Families,
    recorders: &[Option<&str>],
    split: &[Option<Split>],
) -> Vec<Finding> {
    let spans = |members: &Vec<usize>| {
        let parts: BTreeSet<&str> = members.iter().filter_map(|i| split[*i].map(Split::name)).collect();
        parts.len() > 1
    };
    let mut by_recorder: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, recorder) in recorders.iter().enumerate() {
        if let Some(recorder) = recorder {
            by_recorder.entry(recorder).or_default().push(index);
        }
    }
    let n_recorders = by_recorder.len();
    let spanning: [(Kind, Vec<Vec<usize>>); 2] = [
        (Kind::FamilyAcrossSplits, families.sets().into_iter().filter(spans).collect()),
        (Kind::RecorderAcrossSplits, by_recorder.into_values().filter(spans).collect()),
    ];
    let with_split = |index: usize| {
        let part = split[index].map_or("no split", Split::name);
        format!("{} ({part})", corpus.recordings[index].path)
    };
    let mut findings = Vec::new();
    for (kind, sets) in spanning {
        let Some(first) = sets.first() else { continue };
        let other = first.iter().find(|i| split[**i].is_some() && split[**i] != split[first[0]]).unwrap_or(&first[0]);
        let example = format!("for example {} and {}", with_split(first[0]), with_split(*other));
        let held_out = |part| sets.iter().flatten().filter(|i| split[**i] == Some(part)).count();
        let (val, test) = (held_out(Split::Val), held_out(Split::Test));
        let affected =
            format!("This affects {} of val and {} of test.", count(val, "recording"), count(test, "recording"));
        let (message, advice) = match kind {
            Kind::FamilyAcrossSplits => (
                format!(
                    "{} of files with one sound {} in several splits, {example}. {affected}",
                    count(sets.len(), "set"),
                    is(sets.len())
                ),
                "Put each set into one split: a model must not be tested on sounds that it was trained on.",
            ),
            _ => (
                format!(
                    "{} of {n_recorders} {} in several splits, {example}. {affected}",
                    count(sets.len(), "recorder"),
                    is(sets.len())
                ),
                "Split by recorder: a classifier that recognises the phone or the baby need not recognise the cry.",
            ),
        };
        let files = sets.iter().map(|set| set.iter().map(|i| corpus.recordings[*i].path.clone()).collect()).collect();
        findings.push(Finding { kind, severity: Severity::Problem, message, advice: advice.into(), files });
    }
    findings
}

/// A pair of files with the same sound, as in `audit.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CopyPair {
    /// Path of one file, relative to the root of the corpus.
    pub a: String,
    /// Path of the other file.
    pub b: String,
    /// Absolute normalised correlation over the overlap, 0.6 to 1.
    pub correlation: f64,
    /// Position of the start of `b` in `a`; negative if `b` starts earlier.
    pub lag_seconds: f64,
}
