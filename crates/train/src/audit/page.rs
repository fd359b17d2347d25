//! The audit as one HTML page: no script, no network, light and dark.

use dataset::Corpus;
use dataset::audit::{
    Audit, CategorySummary, ClassSummary, Effect, Finding, MAX_SECONDS, MIN_CORRELATION, MIN_VOTES, N_BANDS,
    N_PERMUTATIONS, Shortcut,
};
use features::{Extractor, FeatureConfig};
use minijinja::{Environment, context};
use serde::Serialize;

use super::chart;
use super::example::{Example, example};

/// Sets of files and files of a set that the page lists; `audit.json` has all.
const MAX_SETS: usize = 40;
const MAX_FILES: usize = 8;
/// Pairs of copies that the page lists.
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
    example: Option<Example>,
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
pub(super) fn page(audit: &Audit, corpus: &Corpus) -> Result<String, Box<dyn std::error::Error>> {
    let labels: Vec<&str> = audit.classes.iter().map(|class| class.label.as_str()).collect();
    let mut charts = Vec::new();
    for number in &audit.numbers {
        let svg = chart::boxes(&number.fact, &labels, &number.by_class)?;
        charts.push(context! { name => number.fact, unit => number.unit, svg });
    }
    let band = |s: &Shortcut| s.fact.strip_prefix("mel_band_").and_then(|band| band.parse::<usize>().ok());
    let mut strengths = vec![0.0; N_BANDS];
    for shortcut in &audit.shortcuts {
        if let Some(band) = band(shortcut).filter(|band| *band < N_BANDS) {
            strengths[band] = shortcut.effect.strength();
        }
    }
    let bands = chart::bands("strength by mel band", &strengths)?;
    let shortcuts: Vec<ShortcutView> =
        audit.shortcuts.iter().filter(|s| band(s).is_none()).map(|s| shortcut(s, &labels)).collect();
    let copies: Vec<_> = audit
        .copies
        .iter()
        .take(MAX_COPIES)
        .map(|c| context! { a => c.a, b => c.b, correlation => format!("{:.3}", c.correlation), lag => format!("{:.2}", c.lag_seconds) })
        .collect();
    let seconds: f64 = audit.classes.iter().map(|class| class.seconds).sum();

    let mut environment = Environment::new();
    environment.add_template("audit.html", include_str!("page.html"))?;
    Ok(environment.get_template("audit.html")?.render(context! {
        style => concat!(include_str!("../report/templates/style.css"), include_str!("page.css")),
        corpus => audit.corpus,
        fingerprint => audit.fingerprint,
        recorder_rule => audit.recorder_rule,
        seed => audit.seed.to_string(),
        n_recordings => audit.recordings.len(),
        groups => audit.n_groups(),
        hours => format!("{:.1}", seconds / 3600.0),
        minutes => format!("{:.0}", seconds / 60.0),
        findings => audit.findings.iter().map(finding).collect::<Vec<_>>(),
        classes => classes(audit, corpus)?,
        has_split => audit.classes.iter().any(|class| class.splits.is_some()),
        charts,
        categories => audit.categories.iter().map(|c| category(c, labels.len())).collect::<Vec<_>>(),
        labels,
        shortcuts,
        bands,
        copies,
        more_copies => audit.copies.len().saturating_sub(MAX_COPIES),
        method => context! { MAX_SECONDS, MIN_VOTES, MIN_CORRELATION, N_PERMUTATIONS },
    })?)
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

fn classes<'a>(audit: &'a Audit, corpus: &Corpus) -> Result<Vec<ClassView<'a>>, features::Error> {
    let extractor = Extractor::new(&FeatureConfig::default())?;
    let n_examples = audit.classes.iter().filter(|class| class.example.is_some()).count();
    let view = |class: &'a ClassSummary| {
        let example = class.example.as_ref().and_then(|path| {
            let path = corpus.root.join(path);
            let bytes = std::fs::read(&path).ok()?;
            example(&extractor, &bytes, path.extension().and_then(|e| e.to_str()), n_examples)
        });
        ClassView { class, minutes: format!("{:.1}", class.seconds / 60.0), example }
    };
    Ok(audit.classes.iter().map(view).collect())
}

/// One category as rows of a table: a value, and its recordings in each class.
fn category(category: &CategorySummary, n_classes: usize) -> minijinja::Value {
    let rows: Vec<_> = category
        .counts
        .iter()
        .map(|(value, counts)| context! { value, counts, total => counts.iter().sum::<usize>() })
        .collect();
    context! { name => category.fact, rows, n_classes }
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
