//! What is wrong with a corpus: [`audit`] reads every recording once and says what would make scores on it lie.
//!
//! ```text
//! recordings ─decode─▶ facts, band levels, landmarks ─▶ copies ─▶ families ─┐
//!                                 │                     recorders ──────────┴▶ groups ─▶ leaks
//!                                 └▶ quality, shortcuts (labels permuted by group), overview
//! ```

mod copies;
mod correlation;
mod families;
mod finding;
mod fingerprint;
mod measure;
mod overview;
mod quality;
mod recorder;
mod relatives;
mod shortcuts;
mod signal;
mod statistics;

use serde::Serialize;

pub use copies::{Compared, MIN_CORRELATION, MIN_VOTES};
pub use families::{Families, made_from};
pub use finding::{Finding, Kind, Severity};
pub use measure::N_BANDS;
pub use overview::{CATEGORIES, CategorySummary, ClassSummary, NUMBERS, NumberSummary};
pub use recorder::RecorderRule;
pub use relatives::CopyPair;
pub use shortcuts::{Effect, N_PERMUTATIONS, Shortcut};
pub use signal::Facts;
pub use statistics::{auc, chi_squared, cramers_v, intraclass_correlation, mid_ranks, q_values, wilson_interval};

use crate::{Corpus, Error, Split};
use measure::{Measured, Measurer};
use relatives::Relatives;

/// Longest part of a recording that is looked at, s.
pub const MAX_SECONDS: f64 = 60.0;

/// Version of [`Audit`] as JSON.
const FORMAT_VERSION: u32 = 1;

/// Share of false finds among the shortcuts that are told.
const MAX_Q: f64 = 0.05;
/// Weaker effects are not told, however sure: a V of 0.2, an AUC of 0.6.
const MIN_STRENGTH: f64 = 0.2;
/// From this strength on a shortcut is a warning: a V of 0.5, an AUC of 0.75.
const STRONG: f64 = 0.5;

/// All that is known about a corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Version of this format.
    pub format_version: u32,
    /// The corpus' folder, as named.
    pub corpus: String,
    /// [`Corpus::fingerprint`].
    pub fingerprint: String,
    /// Seed of the permutations.
    pub seed: u64,
    /// How recorders were told.
    pub recorder_rule: String,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// The classes, in the order of their labels.
    pub classes: Vec<ClassSummary>,
    /// Numbers by class.
    pub numbers: Vec<NumberSummary>,
    /// Categories by class.
    pub categories: Vec<CategorySummary>,
    /// Every fact that varies, and how it goes with the classes, the strongest first.
    pub shortcuts: Vec<Shortcut>,
    /// Pairs with the same sound: enough of them to connect each set.
    pub copies: Vec<CopyPair>,
    /// Every recording, in the order of the corpus.
    pub recordings: Vec<Row>,
}

impl Audit {
    /// How many groups there are.
    pub fn n_groups(&self) -> usize {
        self.recordings.iter().map(|row| row.group + 1).max().unwrap_or(0)
    }
}

/// One recording in an [`Audit`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Path below the corpus' root.
    pub path: String,
    /// Its class.
    pub label: String,
    /// `train`, `val` or `test`; absent where it has none.
    pub split: Option<&'static str>,
    /// Its recorder, where known.
    pub recorder: Option<String>,
    /// Its family: recordings that come from one sound have the same number.
    pub family: usize,
    /// Its group, as [`groups`] gives it.
    pub group: usize,
    /// What was measured; absent if it cannot be read.
    pub facts: Option<Facts>,
    /// Why it cannot be read.
    pub unreadable: Option<String>,
}

/// Group of each recording for grouped splits, numbered by first appearance: recordings of one recorder or one family are
/// in one group, and whatever is connected through several such steps.
pub fn groups(recorders: &[Option<&str>], families: &Families) -> Vec<usize> {
    let mut joined = families.clone();
    joined.join_equal(recorders.iter().copied());
    joined.numbered()
}

/// How the recordings of a corpus are related, each list in the corpus' order and numbered by first appearance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relations {
    /// The same number for the same bytes.
    pub identical: Vec<usize>,
    /// The same number for recordings that come from one sound, by bytes, sound or name.
    pub families: Vec<usize>,
    /// See [`groups`].
    pub groups: Vec<usize>,
}

impl Relations {
    /// Reads every recording; those that cannot be read have no family but that of their bytes and name.
    ///
    /// # Errors
    /// None that a corpus can cause; [`Error::Features`] if the default features are broken.
    pub fn find(corpus: &Corpus, rule: &RecorderRule) -> Result<Self, Error> {
        let measurer = Measurer::new()?;
        let relatives = Relatives::find(corpus, &measurer.all(corpus), &measurer);
        Ok(Self {
            identical: relatives.identical.numbered(),
            families: relatives.all.numbered(),
            groups: groups(&recorders(corpus, rule), &relatives.all),
        })
    }
}

/// Every pair with at least `min_votes` agreeing landmarks and its correlation, most votes first: what
/// [`MIN_VOTES`] and [`MIN_CORRELATION`] are chosen by (`examples/audit_thresholds.rs`).
///
/// # Errors
/// As [`Relations::find`].
pub fn compared_pairs(corpus: &Corpus, min_votes: usize) -> Result<Vec<Compared>, Error> {
    let measurer = Measurer::new()?;
    let measured = measurer.all(corpus);
    let landmarks: Vec<&[_]> =
        measured.iter().map(|m| m.as_ref().map_or(&[][..], |m| m.landmarks.as_slice())).collect();
    let waveform = |index: usize| measurer.waveform(&corpus.root, &corpus.recordings[index]);
    Ok(copies::compared(&copies::candidates(&landmarks, min_votes), waveform))
}

/// Audits a corpus. `split` has one entry a recording; `seed` fixes the permutations of the shortcut tests.
///
/// # Errors
/// [`Error::Split`] if `split` has another length; unreadable recordings are findings.
pub fn audit(corpus: &Corpus, split: Option<&[Option<Split>]>, rule: &RecorderRule, seed: u64) -> Result<Audit, Error> {
    if let Some(split) = split.filter(|split| split.len() != corpus.recordings.len()) {
        let (told, there) = (split.len(), corpus.recordings.len());
        let reason = format!("the split tells of {told} recordings and there are {there}");
        return Err(Error::Split { path: corpus.root.clone(), reason });
    }
    let measurer = Measurer::new()?;
    let measured = measurer.all(corpus);
    let relatives = Relatives::find(corpus, &measured, &measurer);
    let recorders = recorders(corpus, rule);
    let groups = groups(&recorders, &relatives.all);

    let heard: Vec<usize> =
        (0..measured.len()).filter(|i| measured[*i].as_ref().is_ok_and(|m| !m.facts.is_silent())).collect();
    let shortcuts = find_shortcuts(corpus, &measured, &heard, &groups, seed);

    let mut findings = relatives.duplicates(corpus);
    if let Some(split) = split {
        findings.extend(relatives::leaks(corpus, &relatives.all, &recorders, split));
    }
    findings.extend(shortcut_findings(&shortcuts, &corpus.labels));
    findings.extend(quality::class_sizes(corpus, split));
    findings.extend(quality::quality(corpus, &measured));
    findings.extend(unknown_recorders(corpus, &recorders));
    findings.sort_by_key(|finding| (finding.severity, Kind::ALL.iter().position(|kind| *kind == finding.kind)));

    let readable: Vec<(usize, &Facts)> = corpus
        .recordings
        .iter()
        .zip(&measured)
        .filter_map(|(recording, m)| m.as_ref().ok().map(|m| (recording.label, &m.facts)))
        .collect();
    let path = |index: usize| corpus.recordings[index].path.clone();
    Ok(Audit {
        format_version: FORMAT_VERSION,
        corpus: corpus.root.display().to_string(),
        fingerprint: corpus.fingerprint(),
        seed,
        recorder_rule: rule.describe(),
        findings,
        classes: overview::classes(corpus, &measured, &groups, split),
        numbers: overview::numbers(&readable, corpus.labels.len()),
        categories: overview::categories(&readable, corpus.labels.len()),
        shortcuts,
        copies: relatives
            .copies
            .iter()
            .map(|copy| CopyPair {
                a: path(copy.a),
                b: path(copy.b),
                correlation: copy.correlation,
                lag_seconds: copy.lag_seconds,
            })
            .collect(),
        recordings: rows(corpus, measured, split, &recorders, &relatives.all.numbered(), &groups),
    })
}

fn recorders<'a>(corpus: &'a Corpus, rule: &'a RecorderRule) -> Vec<Option<&'a str>> {
    corpus.recordings.iter().map(|recording| rule.recorder(recording)).collect()
}

fn find_shortcuts(
    corpus: &Corpus,
    measured: &[Result<Measured, String>],
    heard: &[usize],
    groups: &[usize],
    seed: u64,
) -> Vec<Shortcut> {
    let labels: Vec<usize> = heard.iter().map(|i| corpus.recordings[*i].label).collect();
    let groups: Vec<usize> = heard.iter().map(|i| groups[*i]).collect();
    let heard: Vec<&Measured> = heard.iter().filter_map(|i| measured[*i].as_ref().ok()).collect();
    let mut found = shortcuts::shortcuts(&overview::values(&heard), &labels, corpus.labels.len(), &groups, seed);
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

/// Mel bands are told together: neighbours say the same.
fn shortcut_findings(shortcuts: &[Shortcut], labels: &[String]) -> Vec<Finding> {
    let told = |s: &&Shortcut| s.q_value <= MAX_Q && s.effect.strength() >= MIN_STRENGTH;
    let describe = |s: &Shortcut| match &s.effect {
        Effect::Auc { class, value, .. } => {
            let way = if *value >= 0.5 { "higher" } else { "lower" };
            format!("{} is {way} in {} (AUC {value:.2}, p {:.4})", s.fact, labels[*class], s.p_value)
        }
        Effect::CramersV { value } => {
            format!("{} goes with the class (Cramér's V {value:.2}, p {:.4})", s.fact, s.p_value)
        }
    };
    let is_band = |s: &&Shortcut| s.fact.starts_with("mel_band_");
    let finding = |strongest: &Shortcut, message: String, advice: &str| Finding {
        kind: Kind::Shortcut,
        severity: if strongest.effect.strength() >= STRONG { Severity::Warning } else { Severity::Note },
        message,
        advice: advice.into(),
        files: Vec::new(),
    };
    let mut findings = Vec::new();
    let facts: Vec<&Shortcut> = shortcuts.iter().filter(told).filter(|s| !is_band(s)).collect();
    if let Some(strongest) = facts.first() {
        let all: Vec<String> = facts.iter().map(|s| describe(s)).collect();
        findings.push(finding(
            strongest,
            format!("The class can be guessed without hearing a cry: {}.", all.join("; ")),
            "Make recordings alike before training: one rate, one channel, one bandwidth, one level, one length. Until \
             then a good score may only tell where a file came from.",
        ));
    }
    let bands: Vec<&Shortcut> = shortcuts.iter().filter(told).filter(is_band).collect();
    if let Some(strongest) = bands.first() {
        findings.push(finding(
            strongest,
            format!(
                "The mean level of {} of {N_BANDS} single mel bands tells a class; the strongest: {}.",
                bands.len(),
                describe(strongest)
            ),
            "This may be the cry or the microphone. If the bands lie at the top or below the cry, it is the microphone: \
             filter all recordings alike, and compare scores split by recorder.",
        ));
    }
    findings
}

fn unknown_recorders(corpus: &Corpus, recorders: &[Option<&str>]) -> Option<Finding> {
    let unknown: Vec<&str> = corpus
        .recordings
        .iter()
        .zip(recorders)
        .filter(|(_, recorder)| recorder.is_none())
        .map(|(recording, _)| recording.path.as_str())
        .collect();
    let first = unknown.first()?;
    Some(Finding {
        kind: Kind::UnknownRecorder,
        severity: if unknown.len() == recorders.len() { Severity::Warning } else { Severity::Note },
        message: format!(
            "The recorder of {} of {} recordings is not known, for example {first}. Each counts as a recorder of its own.",
            unknown.len(),
            recorders.len()
        ),
        advice: "Tell it with --recorder-pattern or --recorder-csv; without it leaks between splits stay hidden."
            .into(),
        files: unknown.into_iter().map(|path| vec![path.to_owned()]).collect(),
    })
}
