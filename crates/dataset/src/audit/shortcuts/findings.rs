//! Shortcuts as findings.

use super::{Effect, Shortcut};
use crate::audit::finding::{Finding, Kind, Severity};
use crate::audit::measure::N_BANDS;

/// Expected share of false discoveries among the reported shortcuts.
const MAX_Q: f64 = 0.05;
/// Weaker effects are not reported, however significant: a V of 0.2, an AUC of 0.6.
const MIN_STRENGTH: f64 = 0.2;
/// From this strength on a shortcut is a warning: a V of 0.5, an AUC of 0.75.
const STRONG: f64 = 0.5;

/// At most three findings: one for all facts of files, one for all mel bands, since neighbouring bands agree, and one for
/// `columns`. `shortcuts` are sorted by decreasing strength.
pub(in crate::audit) fn findings(shortcuts: &[Shortcut], labels: &[String], columns: &[&str]) -> Vec<Finding> {
    let reported = |s: &&Shortcut| s.q_value <= MAX_Q && s.effect.strength() >= MIN_STRENGTH;
    let is_band = |s: &&Shortcut| s.fact.starts_with("mel_band_");
    let is_column = |s: &&Shortcut| columns.contains(&s.fact.as_str());
    let mut findings = Vec::new();
    let facts: Vec<&Shortcut> = shortcuts.iter().filter(reported).filter(|s| !is_band(s) && !is_column(s)).collect();
    if let Some(strongest) = facts.first() {
        let all: Vec<String> = facts.iter().map(|s| describe(s, labels)).collect();
        findings.push(finding(
            strongest,
            format!("The class can be predicted without the cry: {}.", all.join("; ")),
            "Make the recordings uniform before training: one sample rate, channel count, bandwidth, level and length. \
             Until then, a good score may only show where a file came from.",
        ));
    }
    let bands: Vec<&Shortcut> = shortcuts.iter().filter(reported).filter(is_band).collect();
    if let Some(strongest) = bands.first() {
        findings.push(finding(
            strongest,
            format!(
                "The mean level of {} of {N_BANDS} mel bands predicts a class; the strongest: {}.",
                bands.len(),
                describe(strongest, labels)
            ),
            "The cause may be the cry or the microphone. It is the microphone if the bands are the highest ones or lie \
             below the cry: filter all recordings the same way, and compare the scores with those of a split by recorder.",
        ));
    }
    let of_columns: Vec<&Shortcut> = shortcuts.iter().filter(reported).filter(is_column).collect();
    if let Some(strongest) = of_columns.first() {
        let all: Vec<String> = of_columns.iter().map(|s| describe(s, labels)).collect();
        findings.push(finding(
            strongest,
            format!("What is known about a recording predicts its class: {}.", all.join("; ")),
            "A classifier can recognise a class by what its babies, devices or collections have in common. The report has the \
             scores of each subgroup; data.split.kind = \"leave_one_corpus_out\" tests on a collection that training lacks.",
        ));
    }
    findings
}

fn describe(shortcut: &Shortcut, labels: &[String]) -> String {
    let Shortcut { fact, p_value, .. } = shortcut;
    match &shortcut.effect {
        Effect::Auc { class, value, .. } => {
            let direction = if *value >= 0.5 { "higher" } else { "lower" };
            format!("{fact} is {direction} in {} (AUC {value:.2}, p {p_value:.4})", labels[*class])
        }
        Effect::CramersV { value } => {
            format!("{fact} is associated with the class (Cramér's V {value:.2}, p {p_value:.4})")
        }
    }
}

fn finding(strongest: &Shortcut, message: String, advice: &str) -> Finding {
    Finding {
        kind: Kind::Shortcut,
        severity: if strongest.effect.strength() >= STRONG { Severity::Warning } else { Severity::Note },
        message,
        advice: advice.into(),
        files: Vec::new(),
    }
}
