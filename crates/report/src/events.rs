//! How well cries are detected in long recordings, in words.

use dataset::count;
use experiment::{EventSummary, Report};
use metrics::Estimate;

use crate::text::interval;

/// Misses, false alarms per hour and latency of the run's model; how to measure them if that was not done; `None` without a gate.
pub(crate) fn in_words(report: &Report) -> Option<String> {
    report.gate.as_ref()?;
    let Some(events) = &report.events else {
        return Some(
            "False alarms per hour were not measured: `wail evaluate --events TRUTH RECORDING... --model RUN --keep` does so on long \
             recordings."
                .into(),
        );
    };
    let EventSummary { truth, settings, n_recordings, seconds, n_cries, n_missed, .. } = events;
    let with_interval = |Estimate { value, interval: range }: Estimate, unit: &str| {
        let range = match range {
            Some([low, high]) => format!("95 % {low:.1} to {high:.1}"),
            None => interval(None, Some(*n_recordings)),
        };
        format!("{value:.1}{unit} ({range})")
    };
    let false_alarms = events
        .false_alarms_per_hour
        .map_or(String::new(), |estimate| format!(", false alarms per hour {}", with_interval(estimate, "")));
    let latency = events
        .median_latency_seconds
        .map_or(String::new(), |estimate| format!(", median latency {}", with_interval(estimate, " s")));
    Some(format!(
        "In {}, {:.1} hours together ({truth}): {n_missed} of {n_cries} cries missed{false_alarms}{latency}. An episode began where {} of {} windows reached \
         {:.3}.",
        count(*n_recordings, "long recording"),
        seconds / 3600.0,
        settings.confirm_windows,
        settings.confirm_of,
        settings.on_threshold,
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::example::example;

    #[test]
    fn the_scores_are_named_or_how_to_measure_them() {
        let mut report = example();
        assert_eq!(
            in_words(&report).unwrap(),
            "In 6 long recordings, 6.0 hours together (nights.csv): 1 of 29 cries missed, false alarms per hour 3.0 (95 % 1.2 to 4.5), median \
             latency 2.5 s (none: undefined in most resamples). An episode began where 2 of 3 windows reached 0.600."
        );
        report.events = None;
        assert!(in_words(&report).unwrap().contains("were not measured: `wail evaluate"));
        report.gate = None;
        assert_eq!(in_words(&report), None);
    }
}
