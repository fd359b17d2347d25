//! The report as Markdown, for pull requests and notes.

use metrics::Evaluation;

use super::{Report, findings, interval, number};

/// The document.
pub(super) fn document(report: &Report) -> String {
    let best = &report.leaderboard[0];
    let mut text = format!("# {}\n\n", plain(&report.run));
    for warning in &report.warnings {
        text += &format!("> **Warning:** {}\n\n", plain(warning));
    }
    text += &format!(
        "Best of {} trials: `{}`, epoch {}. Seed {}, {}.\n\n",
        report.leaderboard.len(),
        best.id,
        best.epoch,
        report.seed,
        report.device
    );
    let row = |name: &str, evaluation: &Evaluation| {
        let scores = &evaluation.scores;
        vec![
            name.to_owned(),
            number(Some(scores.macro_f1.value)),
            interval(&scores.macro_f1),
            number(Some(evaluation.majority.macro_f1)),
            number(Some(scores.accuracy.value)),
        ]
    };
    text += &table(
        &["split", "macro-F1", "95 % interval", "always the largest class", "accuracy"],
        [row("test", &report.test), row("validation", &report.validation)],
    );
    text += "## How far to trust this\n\n";
    for finding in findings(report) {
        text += &format!("- {}\n", plain(&finding));
    }
    for (name, score) in [("test", &report.test), ("validation", &report.validation)] {
        text += &format!("\n## Classes, {name}\n\n");
        text += &table(
            &["class", "precision", "recall", "F1", "support"],
            score.classes.iter().map(|c| {
                let ratios = [c.precision, c.recall, Some(c.f1)].map(|score| number(score.map(|score| score.value)));
                [&[plain(&c.label)][..], &ratios, &[c.support.to_string()]].concat()
            }),
        );
    }
    text += "## Leaderboard\n\n";
    text += &table(
        &["rank", "trial", "epoch", "validation macro-F1", "validation loss"],
        report.leaderboard.iter().enumerate().map(|(i, t)| {
            let scores = [format!("{:.4}", t.val_macro_f1), format!("{:.4}", t.val_loss)];
            [&[(i + 1).to_string(), format!("`{}`", t.id), t.epoch.to_string()][..], &scores].concat()
        }),
    );
    let (data, backbone) = (&report.data, &report.backbone);
    text += &format!(
        "## Data and weights\n\n- data: `{}`{}, {}, fingerprint `{}`\n- backbone: {} ({}), {}, fingerprint `{}`\n",
        data.root,
        if data.synthetic { " (synthetic)" } else { "" },
        plain(&data.split),
        data.fingerprint,
        backbone.arch,
        backbone.trained,
        plain(&backbone.used),
        backbone.fingerprint
    );
    text
}

pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    text += &line(&vec!["---".to_owned(); header.len()]);
    for row in rows {
        text += &line(&row);
    }
    text + "\n"
}

/// Takes from a text what would break a table or a line.
pub(crate) fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_reads_well() {
        insta::assert_snapshot!(super::document(&super::super::example()));
    }
}
