//! Audit of a corpus: [`audit`] reads every recording once and reports what would make scores misleading.
//!
//! ```text
//! recordings ─decode─▶ facts, band levels, landmarks ─▶ copies ─▶ families ─┐
//!                                 │                     recorders ──────────┴▶ groups ─▶ leaks
//!                                 └▶ quality, shortcuts (labels permuted by group), overview
//! ```

mod copies;
mod facts;
mod families;
mod finding;
mod fingerprints;
mod measure;
mod overview;
mod quality;
mod recorder;
mod relations;
mod relatives;
mod shortcuts;
mod statistics;

use serde::Serialize;

pub use copies::{Compared, MIN_CORRELATION, MIN_VOTES};
pub use facts::{Facts, MAX_SECONDS};
pub use families::{Families, made_from};
pub use finding::{Finding, Kind, Severity};
pub use fingerprints::{Fingerprints, Unreadable};
pub use measure::{Measurement, N_BANDS, measure};
pub use overview::{CATEGORIES, CategorySummary, ClassSummary, NUMBERS, NumberSummary};
pub use recorder::RecorderRule;
pub use relations::{Relations, compared_pairs, groups};
pub use relatives::CopyPair;
pub use shortcuts::{Effect, N_PERMUTATIONS, Shortcut};
pub use statistics::{chi_squared, cramers_v, intraclass_correlation, q_values, wilson_interval};

use crate::{Corpus, Error, PassedOver, Split, count};
use measure::{Measured, Measurer};
use relatives::Relatives;

/// Version of [`Audit`] as JSON.
const FORMAT_VERSION: u32 = 1;

/// The result of an audit, as `audit.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Version of this format.
    pub format_version: u32,
    /// Folder of the corpus, as given.
    pub corpus: String,
    /// [`Corpus::fingerprint`].
    pub fingerprint: String,
    /// Seed of the permutations.
    pub seed: u64,
    /// How recorders were identified.
    pub recorder_rule: String,
    /// What else is in the folder.
    pub passed_over: PassedOver,
    /// What was found, most severe first.
    pub findings: Vec<Finding>,
    /// The classes, `[n_classes]`.
    pub classes: Vec<ClassSummary>,
    /// Numeric facts by class.
    pub numbers: Vec<NumberSummary>,
    /// Categorical facts by class.
    pub categories: Vec<CategorySummary>,
    /// Every fact that varies and its association with the classes, strongest first.
    pub shortcuts: Vec<Shortcut>,
    /// Pairs with the same sound, enough of them to connect each set of copies.
    pub copies: Vec<CopyPair>,
    /// Every recording, in the order of the corpus.
    pub recordings: Vec<Row>,
}

impl Audit {
    /// Number of groups.
    pub fn n_groups(&self) -> usize {
        self.recordings.iter().map(|row| row.group + 1).max().unwrap_or(0)
    }
}

/// One recording in an [`Audit`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Path relative to the root of the corpus.
    pub path: String,
    /// Name of the class.
    pub label: String,
    /// `train`, `val` or `test`; absent if the recording is in no split.
    pub split: Option<&'static str>,
    /// The recorder; absent if unknown.
    pub recorder: Option<String>,
    /// Number of the family: equal for recordings that come from one sound.
    pub family: usize,
    /// Number of the group; see [`groups`].
    pub group: usize,
    /// Measurements; absent if the recording is unreadable.
    pub facts: Option<Facts>,
    /// Why the recording is unreadable.
    pub unreadable: Option<String>,
}

/// Audits a corpus: [`audit_of`] with all recordings measured here.
///
/// # Errors
/// As [`measure`] and [`audit_of`].
pub fn audit(corpus: &Corpus, split: Option<&[Option<Split>]>, rule: &RecorderRule, seed: u64) -> Result<Audit, Error> {
    audit_of(corpus, measure(corpus, 0..corpus.recordings.len())?, split, rule, seed)
}

/// Audits a corpus whose recordings were measured, `[n_recordings]`. `split` is `[n_recordings]`; `seed` determines the permutations of the shortcut tests.
///
/// # Errors
/// [`Error::Split`] if `split` has a different length, [`Error::Features`] if the front end cannot be prepared. Unreadable recordings
/// are findings, not errors.
///
/// # Panics
/// Unless there is one measurement for each recording.
pub fn audit_of(
    corpus: &Corpus,
    measured: Vec<Measurement>,
    split: Option<&[Option<Split>]>,
    rule: &RecorderRule,
    seed: u64,
) -> Result<Audit, Error> {
    assert_eq!(measured.len(), corpus.recordings.len(), "measurements of another corpus");
    if let Some(split) = split.filter(|split| split.len() != corpus.recordings.len()) {
        let (found, expected) = (count(split.len(), "recording"), corpus.recordings.len());
        let reason = format!("the split covers {found}, but the corpus has {expected}");
        return Err(Error::Split { path: corpus.root.clone(), reason });
    }
    let measurer = Measurer::new()?;
    let measured: Vec<Result<Measured, String>> = measured.into_iter().map(|measurement| measurement.0).collect();
    let landmarks: Vec<&[_]> =
        measured.iter().map(|m| m.as_ref().map_or(&[][..], |m| m.landmarks.as_slice())).collect();
    let relatives = Relatives::new(corpus, relatives::copies(corpus, &landmarks, &measurer));
    let recorders = rule.recorders(corpus);
    let groups = groups(corpus, &recorders, &relatives.all);
    let shortcuts = find_shortcuts(corpus, &measured, &groups, seed);

    let mut findings = relatives.duplicates(corpus);
    if let Some(split) = split {
        let sources: Vec<Option<&str>> =
            corpus.recordings.iter().zip(&recorders).map(|(recording, recorder)| recording.source(*recorder)).collect();
        findings.extend(relatives::leaks(corpus, &relatives.all, &sources, split));
    }
    findings.extend(shortcuts::findings::findings(&shortcuts, &corpus.labels, &corpus.columns()));
    findings.extend(quality::class_sizes(corpus, &measured, split));
    findings.extend(quality::quality(corpus, &measured));
    findings.extend(recorder::unknown_recorders(corpus, &recorders));
    findings.sort_by_key(|finding| (finding.severity, Kind::ALL.iter().position(|kind| *kind == finding.kind)));

    let readable: Vec<(usize, &Facts)> = corpus
        .recordings
        .iter()
        .zip(&measured)
        .filter_map(|(recording, m)| m.as_ref().ok().map(|m| (recording.label, &m.facts)))
        .collect();
    Ok(Audit {
        format_version: FORMAT_VERSION,
        corpus: corpus.root.display().to_string(),
        fingerprint: corpus.fingerprint(),
        seed,
        recorder_rule: rule.describe(),
        passed_over: corpus.passed_over.clone(),
        findings,
        classes: overview::classes(corpus, &measured, &groups, split),
        numbers: overview::numbers(&readable, corpus.labels.len()),
        categories: overview::categories(&readable, corpus.labels.len()),
        shortcuts,
        copies: relatives.copy_pairs(corpus),
        recordings: rows(corpus, measured, split, &recorders, &relatives.all.numbered(), &groups),
    })
}

/// The shortcuts among the recordings that are not silent, strongest first.
fn find_shortcuts(
    corpus: &Corpus,
    measured: &[Result<Measured, String>],
    groups: &[usize],
    seed: u64,
) -> Vec<Shortcut> {
    let audible: Vec<(usize, &Measured)> = measured
        .iter()
        .enumerate()
        .filter_map(|(index, m)| Some((index, m.as_ref().ok().filter(|m| !m.facts.is_silent())?)))
        .collect();
    let labels: Vec<usize> = audible.iter().map(|(index, _)| corpus.recordings[*index].label).collect();
    let groups: Vec<usize> = audible.iter().map(|(index, _)| groups[*index]).collect();
    let indices: Vec<usize> = audible.iter().map(|(index, _)| *index).collect();
    let mut facts = overview::values(&audible.into_iter().map(|(_, m)| m).collect::<Vec<_>>());
    facts.extend(overview::columns(corpus, &indices));
    let mut found = shortcuts::shortcuts(&facts, &labels, corpus.labels.len(), &groups, seed);
    found.sort_by(|a, b| b.effect.strength().total_cmp(&a.effect.strength()));
    found
}

fn rows(
    corpus: &Corpus,
    measured: Vec<Result<Measured, String>>,
    split: Option<&[Option<Split>]>,
    recorders: &[Option<&str>],
    families: &[usize],
    groups: &[usize],
) -> Vec<Row> {
    let row = |(index, measured): (usize, Result<Measured, String>)| {
        let recording = &corpus.recordings[index];
        let (facts, unreadable) = match measured {
            Ok(measured) => (Some(measured.facts), None),
            Err(why) => (None, Some(why)),
        };
        Row {
            path: recording.path.clone(),
            label: corpus.labels[recording.label].clone(),
            split: split.and_then(|split| split[index]).map(Split::name),
            recorder: recorders[index].map(str::to_owned),
            family: families[index],
            group: groups[index],
            facts,
            unreadable,
        }
    };
    measured.into_iter().enumerate().map(row).collect()
}
