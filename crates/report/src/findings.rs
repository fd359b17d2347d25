//! What a reader should know before trusting the scores.

use dataset::{count, is};
use experiment::{BaselineSummary, Leaks, Report};
use metrics::{Evaluation, MIN_GROUPS, PairedComparison};

use crate::text::interval;

/// One sentence for each finding, the most serious first.
pub(crate) fn findings(report: &Report) -> Vec<String> {
    let test = &report.test;
    let mut found = chance(test);
    found.extend(report.baseline.as_ref().map(beside_baseline));
    found.extend(leaks(&report.data.leaks));
    found.extend(report.data.recorders.warning());
    let n_tested = report.data.labels.iter().zip(&report.data.counts[2]);
    let rare: Vec<&str> = n_tested.filter(|(_, n)| **n < 10).map(|(label, _)| label.as_str()).collect();
    if !rare.is_empty() {
        found.push(format!(
            "Fewer than 10 test recordings: {}. Scores of these classes are unreliable.",
            rare.join(", ")
        ));
    }
    if report.data.recorders.unknown == 0 && test.n_groups * report.data.repeats == test.n_examples {
        found.push(
            "No two test recordings are known to share a recorder, so the intervals treat them as independent; if they are \
             not, the intervals are too narrow."
                .into(),
        );
    }
    found.extend(
        chosen_by_validation(report).map(|chosen| format!("Validation chose {chosen}, so its score is too high.")),
    );
    found
}

/// Whether inner folds chose the trial.
pub(crate) fn by_inner_folds(report: &Report) -> bool {
    report.leaderboard.first().is_some_and(|trial| trial.inner_macro_f1.is_some())
}

/// What validation chose; `None` if there was one trial without epochs, and so nothing to choose.
pub(crate) fn chosen_by_validation(report: &Report) -> Option<String> {
    let by_inner_folds = by_inner_folds(report);
    let trial = match report.leaderboard.len() {
        ..=1 => None,
        n if by_inner_folds => Some(format!("the best of {} in inner folds with training", count(n, "trial"))),
        n => Some(format!("the best of {}", count(n, "trial"))),
    };
    let epoch = (report.best_epochs.len() > 1).then(|| "the epoch".to_owned());
    let chosen: Vec<String> = trial.into_iter().chain(epoch).collect();
    (!chosen.is_empty()).then(|| chosen.join(", and "))
}

/// Whether the test score could be chance.
fn chance(test: &Evaluation) -> Vec<String> {
    let mut found = Vec::new();
    let baseline = test.majority.macro_f1;
    match test.scores.macro_f1.interval {
        Some([low, _]) if low <= baseline => found.push(format!(
            "The interval of the test macro-F1, {}, includes the score of always predicting the largest class ({baseline:.3}): \
             the model is not shown to be better.",
            interval(test.scores.macro_f1.interval, Some(test.n_groups))
        )),
        Some(_) => {}
        None => found.push(format!(
            "Groups of test recordings (recorders, joined where they share copies): {}. An interval needs at least \
             {MIN_GROUPS}, so there is none.",
            test.n_groups
        )),
    }
    if test.permutation.p > 0.05 {
        found.push(format!(
            "Randomly permuted labels reach the test macro-F1 in {:.0} of 100 cases (p = {:.3}): it may be chance.",
            100.0 * test.permutation.p,
            test.permutation.p
        ));
    }
    found
}

/// Whether the trials are better than logistic regression.
fn beside_baseline(baseline: &BaselineSummary) -> String {
    let PairedComparison { first, second, difference, p } = &baseline.trials;
    let verdict = match *p <= 0.05 {
        true if first > second => "the trials are better",
        true => "the trials are worse",
        false => "the trials are not shown to differ from it",
    };
    let interval = difference.interval.map_or(String::new(), |[low, high]| format!(", 95 % {low:+.3} to {high:+.3}"));
    format!(
        "Logistic regression on the same embeddings and folds has a test macro-F1 of {second:.3}; {verdict} (difference {:+.3}\
         {interval}, p = {p:.3}).",
        difference.value
    )
}

/// Validation and test recordings that training contains in some form.
fn leaks(leaks: &Leaks) -> Vec<String> {
    let Leaks { held_out, copies, families, recorders, pretraining } = *leaks;
    let of = count(held_out, "validation and test recording");
    let verb = |n: usize, of_one: &'static str, of_several: &'static str| if n == 1 { of_one } else { of_several };
    let mut found = Vec::new();
    if copies > 0 {
        found.push(format!("{copies} of {of} {} also in training, byte for byte.", is(copies)));
    }
    if families > copies {
        found.push(format!(
            "{families} of {of} {} the sound of a training recording, or {} made from one.",
            verb(families, "contains", "contain"),
            verb(families, "was", "were")
        ));
    }
    if recorders > 0 {
        found.push(format!(
            "{recorders} of {of} {} recorder with a training recording: the scores may measure the phone or the baby rather \
             than the reason.",
            verb(recorders, "shares its", "share their")
        ));
    }
    if pretraining > 0 {
        found.push(format!(
            "The backbone was pretrained on {pretraining} of {of} or their recorder: the scores are \
             too high."
        ));
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use metrics::Estimate;

    use super::*;
    use crate::example::example;

    #[test]
    fn the_trials_are_better_or_worse_than_the_baseline_only_if_the_test_shows_it() {
        let mut baseline = example().baseline.unwrap();
        for (first, p, interval, expected) in [
            (
                0.3,
                0.01,
                Some([0.02, 0.18]),
                "0.200; the trials are better (difference +0.100, 95 % +0.020 to +0.180, p = 0.010)",
            ),
            (0.1, 0.05, None, "0.200; the trials are worse (difference -0.100, p = 0.050)"),
            (0.3, 0.06, None, "0.200; the trials are not shown to differ from it (difference +0.100, p = 0.060)"),
        ] {
            let difference = Estimate { value: first - 0.2, interval };
            baseline.trials = PairedComparison { first, second: 0.2, difference, p };
            let sentence = beside_baseline(&baseline);
            assert!(sentence.contains(expected), "{sentence}");
        }
    }
}
