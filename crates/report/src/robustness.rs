//! The scores under noise, in rooms, over telephones and through a codec, in a model card.

use experiment::Report;

use crate::markdown;
use crate::text::{interval, number};

/// What the conditions are, for whoever reads the table.
pub(crate) const NOTE: &str = "Noise and babble: level of the recording above pink noise, or above about twelve synthetic voices, root mean square. \
    Telephone and wideband call: the bands of AMR-NB and AMR-WB, without their coding. Opus: coded as speech and decoded. Room: echoes as loud \
    as the sound, which decay by 60 dB in that time. Distance: that much quieter, then rounded to 16 bits. All with the run's seed.";

/// The table as Markdown, with its heading; empty without one.
pub(crate) fn section(report: &Report) -> String {
    if report.robustness.is_empty() {
        return String::new();
    }
    let row = |condition: &experiment::ConditionSummary| {
        let macro_f1 = &condition.test.macro_f1;
        vec![
            condition.name.clone(),
            number(Some(macro_f1.value)),
            interval(macro_f1.interval, Some(report.test.n_groups)),
            number(Some(condition.test.accuracy.value)),
            condition.cries_kept.map_or_else(|| number(None), |share| format!("{:.0} %", 100.0 * share)),
        ]
    };
    let header = ["condition", "macro-F1", "95 % interval", "accuracy", "cries kept by the gate"];
    format!("## Robustness\n\n{}{NOTE}\n\n", markdown::table(&header, report.robustness.iter().map(row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example;

    #[test]
    fn a_card_has_the_table_only_if_it_was_measured() {
        let mut report = example();
        let text = section(&report);
        assert!(text.contains("| as recorded | 0.") && text.contains("| pink noise, 0 dB | 0."), "{text}");
        assert!(text.contains("| 83 % |"), "{text}");
        report.robustness.clear();
        assert_eq!(section(&report), "");
    }
}
