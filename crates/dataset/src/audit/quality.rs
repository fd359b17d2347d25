//! Recordings of poor quality, and classes that are too small.

use features::Warning;

use super::finding::{Finding, Kind, Severity, count, is};
use super::measure::Measured;
use super::statistics::wilson_interval;
use crate::{Corpus, Split};

/// Shorter recordings hold no cry, s.
const TOO_SHORT_SECONDS: f64 = 0.5;
/// Recordings with a larger share of silence, or a lower level (dB), are nearly empty.
const NEAR_EMPTY_SHARE: f64 = 0.95;
const NEAR_EMPTY_DB: f64 = -60.0;
/// From this share of clipped samples on it is heard.
const CLIPPED_SHARE: f64 = 1e-3;
/// From this mean on it takes room from the sound.
const DC_OFFSET: f64 = 0.01;
/// Below this share of half the sample rate the height is missing.
const BAND_LIMITED_SHARE: f64 = 0.75;
/// With fewer recordings a class' recall is hardly known: at 10, half right means 0.24 to 0.76.
const FEW: usize = 10;

/// Findings about single recordings.
pub(super) fn quality(corpus: &Corpus, measured: &[Result<Measured, String>]) -> Vec<Finding> {
    type Detail = Box<dyn Fn(&Measured) -> Option<String>>;
    let checks: [(Kind, Severity, &str, &str, Detail); 7] = [
        (
            Kind::Damaged,
            Severity::Warning,
            "damaged or cut short",
            "Get the whole file, or leave it out.",
            Box::new(|m| {
                let odd = m.warnings.iter().find(|w| matches!(w, Warning::Truncated | Warning::Damaged));
                odd.map(ToString::to_string)
            }),
        ),
        (
            Kind::Silent,
            Severity::Warning,
            "silent",
            "Leave them out: every class looks the same in silence.",
            Box::new(|m| m.facts.is_silent().then(|| "no sample beyond -80 dB".into())),
        ),
        (
            Kind::NearEmpty,
            Severity::Warning,
            "nearly empty",
            "Listen, and leave out those without a cry.",
            Box::new(|m| {
                let f = &m.facts;
                let empty = f.silence_share > NEAR_EMPTY_SHARE || f.rms_db < NEAR_EMPTY_DB;
                (empty && !f.is_silent())
                    .then(|| format!("{:.0} % silence at {:.0} dB", 100.0 * f.silence_share, f.rms_db))
            }),
        ),
        (
            Kind::TooShort,
            Severity::Warning,
            "shorter than half a second",
            "Leave them out: most of the image is padding.",
            Box::new(|m| (m.facts.seconds < TOO_SHORT_SECONDS).then(|| format!("{:.2} s", m.facts.seconds))),
        ),
        (
            Kind::Clipped,
            Severity::Note,
            "clipped",
            "Clipping adds overtones that no baby made. See whether one class or one recorder has more of it.",
            Box::new(|m| {
                (m.facts.clipped_share >= CLIPPED_SHARE)
                    .then(|| format!("{:.1} % of its samples", 100.0 * m.facts.clipped_share))
            }),
        ),
        (
            Kind::DcOffset,
            Severity::Note,
            "off zero (DC)",
            "Take the mean out, or use a high-pass filter: it marks the device.",
            Box::new(|m| (m.facts.dc_offset.abs() >= DC_OFFSET).then(|| format!("mean {:.3}", m.facts.dc_offset))),
        ),
        (
            Kind::BandLimited,
            Severity::Note,
            "without the height that their sample rate allows: upsampled, or filtered",
            "Filter all recordings to the bandwidth they share, or the classifier learns who has less.",
            Box::new(|m| {
                let f = &m.facts;
                let limited = f.bandwidth_hz < BAND_LIMITED_SHARE * f64::from(f.sample_rate_hz) / 2.0;
                (limited && !f.is_silent()).then(|| format!("{:.0} Hz of {} Hz", f.bandwidth_hz, f.sample_rate_hz / 2))
            }),
        ),
    ];
    let mut findings: Vec<Finding> = checks
        .into_iter()
        .filter_map(|(kind, severity, what, advice, detail)| {
            let found = each(corpus, measured, |m| m.as_ref().ok().and_then(&detail));
            finding(kind, severity, what, advice, found)
        })
        .collect();
    let unreadable = each(corpus, measured, |m| m.as_ref().err().cloned());
    findings.extend(finding(
        Kind::Unreadable,
        Severity::Problem,
        "unreadable",
        "Convert or remove them; training leaves them out.",
        unreadable,
    ));
    findings
}

/// Path and detail of each recording that has one.
fn each(
    corpus: &Corpus,
    measured: &[Result<Measured, String>],
    detail: impl Fn(&Result<Measured, String>) -> Option<String>,
) -> Vec<(String, String)> {
    let pairs = corpus.recordings.iter().zip(measured);
    pairs.filter_map(|(recording, m)| detail(m).map(|detail| (recording.path.clone(), detail))).collect()
}

fn finding(kind: Kind, severity: Severity, what: &str, advice: &str, found: Vec<(String, String)>) -> Option<Finding> {
    let (path, detail) = found.first()?;
    let n = found.len();
    let message = format!("{} {} {what}, for example {path} ({detail}).", count(n, "recording"), is(n));
    let files = found.iter().map(|(path, _)| vec![path.clone()]).collect();
    Some(Finding { kind, severity, message, advice: advice.into(), files })
}

/// Findings about classes that the split, or a fifth of the corpus, cannot measure.
pub(super) fn class_sizes(corpus: &Corpus, split: Option<&[Option<Split>]>) -> Option<Finding> {
    let mut small = Vec::new();
    let mut absent = false;
    for (label, name) in corpus.labels.iter().enumerate() {
        let members = || corpus.recordings.iter().enumerate().filter(|(_, r)| r.label == label);
        let parts: Vec<(String, usize)> = match split {
            Some(split) => [Split::Val, Split::Test]
                .map(|part| {
                    (format!(" in {}", part.name()), members().filter(|(i, _)| split[*i] == Some(part)).count())
                })
                .into(),
            None => vec![(String::new(), members().count())],
        };
        for (part, n) in parts.into_iter().filter(|(_, n)| *n < FEW) {
            absent |= n == 0;
            small.push((n, format!("{name}{part} ({n})")));
        }
    }
    let (fewest, example) = small.iter().min_by_key(|(n, _)| *n)?;
    let known = match fewest {
        0 => "With 0 recordings a class has no recall at all.".to_owned(),
        n => {
            let ([low, _], half) = (wilson_interval(*n as f64, *n), wilson_interval(*n as f64 / 2.0, *n));
            format!(
                "With {n}, all right means a recall of {low:.2} to 1, half right {:.2} to {:.2} (Wilson, 95 %).",
                half[0], half[1]
            )
        }
    };
    let all: Vec<&str> = small.iter().map(|(_, text)| text.as_str()).collect();
    let where_ = if split.is_some() { "class and split" } else { "class" };
    Some(Finding {
        kind: Kind::UnscorableClass,
        severity: if absent { Severity::Problem } else { Severity::Warning },
        message: format!(
            "Too few recordings of a {where_} to score it: {}. The fewest: {example}. {known}",
            all.join(", ")
        ),
        advice: "Use grouped cross-validation so that every recording is tested once, merge classes, or record more."
            .into(),
        files: Vec::new(),
    })
}
