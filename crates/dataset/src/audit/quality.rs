//! Findings about recordings of poor quality and classes that are too small.

use features::Warning;

use super::finding::{Finding, Kind, Severity};
use super::measure::Measured;
use super::statistics::wilson_interval;
use crate::{Corpus, Split, count, is};

/// Shorter recordings contain no cry, s.
const TOO_SHORT_SECONDS: f64 = 0.5;
/// Recordings with a larger share of silence or a lower level (dB) are nearly empty.
const NEAR_EMPTY_SHARE: f64 = 0.95;
const NEAR_EMPTY_DB: f64 = -60.0;
/// Smallest share of clipped samples that is reported: from here on clipping is audible.
const CLIPPED_SHARE: f64 = 1e-3;
/// Smallest DC offset that is reported: from here on it reduces the headroom of the sound.
const DC_OFFSET: f64 = 0.01;
/// A bandwidth below this share of half the sample rate is reported.
const BAND_LIMITED_SHARE: f64 = 0.75;
/// With fewer recordings the recall of a class is hardly known: with 10, half correct means 0.24 to 0.76.
const FEW: usize = 10;

/// Findings about single recordings.
pub(super) fn quality(corpus: &Corpus, measured: &[Result<Measured, String>]) -> Vec<Finding> {
    type Detail = Box<dyn Fn(&Measured) -> Option<String>>;
    let checks: [(Kind, Severity, &str, &str, Detail); 7] = [
        (
            Kind::Damaged,
            Severity::Warning,
            "damaged or cut short",
            "Replace them with complete files, or remove them.",
            Box::new(|m| {
                let defect = m.warnings.iter().find(|w| matches!(w, Warning::Truncated | Warning::Damaged));
                defect.map(ToString::to_string)
            }),
        ),
        (
            Kind::Silent,
            Severity::Warning,
            "silent",
            "Remove them: every class looks the same in silence.",
            Box::new(|m| m.facts.is_silent().then(|| "no sample above -80 dB".into())),
        ),
        (
            Kind::NearEmpty,
            Severity::Warning,
            "nearly empty",
            "Listen to them, and remove those without a cry.",
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
            "Remove them: most of the image is padding.",
            Box::new(|m| (m.facts.seconds < TOO_SHORT_SECONDS).then(|| format!("{:.2} s", m.facts.seconds))),
        ),
        (
            Kind::Clipped,
            Severity::Note,
            "clipped",
            "Clipping adds overtones that are not in the cry. Check whether a class or recorder is clipped more often.",
            Box::new(|m| {
                (m.facts.clipped_share >= CLIPPED_SHARE)
                    .then(|| format!("{:.1} % of the samples", 100.0 * m.facts.clipped_share))
            }),
        ),
        (
            Kind::DcOffset,
            Severity::Note,
            "shifted by a DC offset",
            "Subtract the mean or use a high-pass filter: the offset identifies the device.",
            Box::new(|m| (m.facts.dc_offset.abs() >= DC_OFFSET).then(|| format!("mean {:.3}", m.facts.dc_offset))),
        ),
        (
            Kind::BandLimited,
            Severity::Note,
            "limited to a lower bandwidth than the sample rate allows: upsampled or filtered",
            "Filter all recordings to their common bandwidth, so that the classifier cannot learn the differences.",
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
    let lost: Vec<&str> = corpus
        .labels
        .iter()
        .zip(readable_classes(corpus, measured))
        .filter(|(_, readable)| !readable)
        .map(|(label, _)| label.as_str())
        .collect();
    let lost = if lost.is_empty() {
        String::new()
    } else {
        format!(", and with them the classes without another recording: {}", lost.join(", "))
    };
    let advice = format!(
        "Convert or remove them: training stops at them, unless data.skip_unreadable = true leaves them out{lost}."
    );
    findings.extend(finding(Kind::Unreadable, Severity::Problem, "unreadable", &advice, unreadable));
    findings
}

/// Which classes have a readable recording, `[n_classes]`.
fn readable_classes(corpus: &Corpus, measured: &[Result<Measured, String>]) -> Vec<bool> {
    corpus.used_classes(&measured.iter().map(Result::is_ok).collect::<Vec<bool>>())
}

/// Path and detail of each recording for which `detail` returns one.
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

/// The finding about classes that have too few readable recordings in validation or test, or without a split in the
/// corpus. Classes without any are part of the finding about unreadable recordings.
pub(super) fn class_sizes(
    corpus: &Corpus,
    measured: &[Result<Measured, String>],
    split: Option<&[Option<Split>]>,
) -> Option<Finding> {
    let mut small = Vec::new();
    let mut absent = false;
    let classes = corpus.labels.iter().zip(readable_classes(corpus, measured)).enumerate();
    for (label, (name, _)) in classes.filter(|(_, (_, readable))| *readable) {
        let members = || {
            let recordings = corpus.recordings.iter().enumerate();
            recordings.filter(|(index, recording)| recording.label == label && measured[*index].is_ok())
        };
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
        0 => "A class with 0 recordings has no recall.".to_owned(),
        n => {
            let ([low, _], half) = (wilson_interval(*n as f64, *n), wilson_interval(*n as f64 / 2.0, *n));
            format!(
                "With {n}, all correct means a recall of {low:.2} to 1, half correct {:.2} to {:.2} (Wilson, 95 %).",
                half[0], half[1]
            )
        }
    };
    let all: Vec<&str> = small.iter().map(|(_, text)| text.as_str()).collect();
    Some(Finding {
        kind: Kind::UnscorableClass,
        severity: if absent { Severity::Problem } else { Severity::Warning },
        message: format!(
            "These classes have too few recordings to be scored: {}. The fewest: {example}. {known}",
            all.join(", ")
        ),
        advice: "Use grouped cross-validation, which tests every recording once, merge classes, or record more.".into(),
        files: Vec::new(),
    })
}
