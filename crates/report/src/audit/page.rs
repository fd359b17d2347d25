//! The audit as one HTML page that has no script and loads nothing.

use dataset::Corpus;
use dataset::audit::{
    Audit, CategorySummary, ClassSummary, CopyPair, Effect, Finding, MAX_SECONDS, MIN_CORRELATION, MIN_VOTES, N_BANDS,
    N_PERMUTATIONS, NumberSummary, Shortcut,
};
use features::{Extractor, FeatureConfig};
use minijinja::context;
use minijinja::value::Value;
use serde::Serialize;

use super::player::Player;
use crate::chart::distribution;
use crate::{Error, templates};

/// Maximum number of sets of files, and of files in a set, that the page lists; `audit.json` lists all.
const MAX_SETS: usize = 40;
const MAX_FILES: usize = 8;
/// Maximum number of pairs of copies that the page lists.
const MAX_COPIES: usize = 40;

#[derive(Serialize)]
struct FindingView<'a> {
    severity: &'static str,
    kind: &'static str,
    message: &'a str,
    advice: &'a str,
    n_files: usize,
    sets: Vec<Set<'a>>,
    more_sets: usize,
}

#[derive(Serialize)]
struct Set<'a> {
    files: &'a [String],
    more: usize,
}

#[derive(Serialize)]
struct ClassView<'a> {
    class: &'a ClassSummary,
    minutes: String,
    example: Option<Player>,
}

#[derive(Serialize)]
struct ShortcutView<'a> {
    fact: &'a str,
    effect: String,
    class: &'a str,
    by_class: Vec<String>,
    p_value: String,
    q_value: String,
    by_group: String,
}

/// The page.
pub(super) fn page(audit: &Audit, corpus: &Corpus) -> Result<String, Error> {
    let labels: Vec<&str> = audit.classes.iter().map(|class| class.label.as_str()).collect();
    let shortcuts = audit.shortcuts.iter().filter(|shortcut| mel_band(shortcut).is_none());
    let seconds: f64 = audit.classes.iter().map(|class| class.seconds).sum();
    let context = context! {
        corpus => audit.corpus,
        fingerprint => audit.fingerprint,
        recorder_rule => audit.recorder_rule,
        passed_over => audit.passed_over.summary(),
        seed => audit.seed.to_string(),
        n_recordings => audit.recordings.len(),
        groups => audit.n_groups(),
        minutes => format!("{:.0}", seconds / 60.0),
        findings => audit.findings.iter().map(finding).collect::<Vec<_>>(),
        classes => classes(audit, corpus)?,
        has_split => audit.classes.iter().any(|class| class.splits.is_some()),
        charts => charts(audit, &labels)?,
        categories => audit.categories.iter().map(category).collect::<Vec<_>>(),
        labels,
        shortcuts => shortcuts.map(|s| shortcut(s, &labels)).collect::<Vec<_>>(),
        bands => Value::from_safe_string(mel_bands(audit)?),
        copies => copies(audit),
        more_copies => audit.copies.len().saturating_sub(MAX_COPIES),
        method => context! { MAX_SECONDS, MIN_VOTES, MIN_CORRELATION, N_PERMUTATIONS },
    };
    templates::render("audit.html", &context)
}

/// One chart for each number, by class.
fn charts(audit: &Audit, labels: &[&str]) -> Result<Vec<Value>, Error> {
    let chart = |number: &NumberSummary| {
        let svg = distribution::boxes(&number.fact, labels, &number.by_class)?;
        Ok(context! { name => number.fact, unit => number.unit, svg => Value::from_safe_string(svg) })
    };
    audit.numbers.iter().map(chart).collect()
}

/// How strongly the level of each mel band predicts the class, as a chart.
fn mel_bands(audit: &Audit) -> Result<String, Error> {
    let mut strengths = vec![0.0; N_BANDS];
    for shortcut in &audit.shortcuts {
        if let Some(band) = mel_band(shortcut).filter(|band| *band < N_BANDS) {
            strengths[band] = shortcut.effect.strength();
        }
    }
    distribution::bands("strength by mel band", &strengths)
}

/// The mel band whose level a shortcut is about.
fn mel_band(shortcut: &Shortcut) -> Option<usize> {
    shortcut.fact.strip_prefix("mel_band_")?.parse().ok()
}

fn copies(audit: &Audit) -> Vec<Value> {
    let view = |copy: &CopyPair| {
        let (correlation, lag) = (format!("{:.3}", copy.correlation), format!("{:.2}", copy.lag_seconds));
        context! { a => copy.a, b => copy.b, correlation, lag }
    };
    audit.copies.iter().take(MAX_COPIES).map(view).collect()
}

fn finding(finding: &Finding) -> FindingView<'_> {
    let set = |files: &'_ [String]| files.len().saturating_sub(MAX_FILES);
    FindingView {
        severity: finding.severity.name(),
        kind: finding.kind.name(),
        message: &finding.message,
        advice: &finding.advice,
        n_files: finding.files.iter().map(Vec::len).sum(),
        sets: finding
            .files
            .iter()
            .take(MAX_SETS)
            .map(|files| Set { files: &files[..files.len().min(MAX_FILES)], more: set(files) })
            .collect(),
        more_sets: finding.files.len().saturating_sub(MAX_SETS),
    }
}

fn classes<'a>(audit: &'a Audit, corpus: &Corpus) -> Result<Vec<ClassView<'a>>, Error> {
    let extractor = Extractor::new(&FeatureConfig::default())?;
    let n_examples = audit.classes.iter().filter(|class| class.example.is_some()).count();
    let view = |class: &'a ClassSummary| {
        let example = class.example.as_ref().and_then(|path| {
            let audio = corpus.decode(corpus.find(path)?, &extractor).ok()?;
            Player::new(&extractor, &audio, n_examples)
        });
        ClassView { class, minutes: format!("{:.1}", class.seconds / 60.0), example }
    };
    Ok(audit.classes.iter().map(view).collect())
}

/// A category as rows of a table: a value, and the number of its recordings in each class.
fn category(category: &CategorySummary) -> Value {
    let rows: Vec<_> = category
        .counts
        .iter()
        .map(|(value, counts)| context! { value, counts, total => counts.iter().sum::<usize>() })
        .collect();
    context! { name => category.fact, rows }
}

fn shortcut<'a>(shortcut: &'a Shortcut, labels: &[&'a str]) -> ShortcutView<'a> {
    let (effect, class, by_class) = match &shortcut.effect {
        Effect::Auc { class, value, by_class } => {
            let cell = |auc: &Option<f64>| auc.map_or(String::new(), |auc| format!("{auc:.2}"));
            (format!("AUC {value:.2}"), labels[*class], by_class.iter().map(cell).collect())
        }
        Effect::CramersV { value } => (format!("V {value:.2}"), "", vec![String::new(); labels.len()]),
    };
    ShortcutView {
        fact: &shortcut.fact,
        effect,
        class,
        by_class,
        p_value: format!("{:.4}", shortcut.p_value),
        q_value: format!("{:.4}", shortcut.q_value),
        by_group: shortcut.by_group.map_or(String::new(), |share| format!("{share:.2}")),
    }
}
