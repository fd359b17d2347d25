//! What a reader should know before believing the scores.

use experiment::{Leaks, Report};

use crate::text::interval;

/// One sentence each, the gravest first.
pub(crate) fn findings(report: &Report) -> Vec<String> {
    let data = &report.data;
    let test = &report.test;
    let Leaks { held_out, copies, families, recorders, pretraining } = data.leaks;
    let mut found = Vec::new();
    let baseline = test.majority.macro_f1;
    match test.scores.macro_f1.interval {
        Some([low, _]) if low <= baseline => found.push(format!(
            "On test the interval {} reaches down to what always saying the largest class scores ({baseline:.3}): better \
             than that is not shown.",
            interval(test.scores.macro_f1.interval)
        )),
        Some(_) => {}
        None => found.push("The test recordings come from one recorder, so no interval can be given.".into()),
    }
    if test.permutation.p > 0.05 {
        found.push(format!(
            "Labels dealt at random reach the test macro-F1 in {:.0} of 100 cases (p = {:.3}): it may be chance.",
            100.0 * test.permutation.p,
            test.permutation.p
        ));
    }
    if copies > 0 {
        found
            .push(format!("{copies} of {held_out} validation and test recordings are byte for byte in training, too."));
    }
    if families > copies {
        found.push(format!(
            "{families} of {held_out} validation and test recordings have the sound of a training recording, or were made \
             from one."
        ));
    }
    if recorders > 0 {
        found.push(format!(
            "{recorders} of {held_out} validation and test recordings come from a recorder that training has heard: the \
             scores may know the phone or the baby rather than the reason."
        ));
    }
    if pretraining > 0 {
        found.push(format!(
            "The backbone's pretraining heard {pretraining} of {held_out} validation and test recordings or their recorder: \
             the scores flatter it."
        ));
    }
    let rare: Vec<&str> = test.classes.iter().filter(|c| c.support < 10).map(|c| c.label.as_str()).collect();
    if !rare.is_empty() {
        found.push(format!(
            "Fewer than 10 test recordings: {}. Their scores are little more than chance.",
            rare.join(", ")
        ));
    }
    if test.n_groups == test.n_examples {
        found.push(
            "No two test recordings are known to be of one recorder, so the intervals take them as independent; if they \
             are not, the intervals are too narrow."
                .into(),
        );
    }
    found.push(format!(
        "Validation chose the best of {} trials and their epochs, so its score is too high.",
        report.leaderboard.len()
    ));
    found
}
