//! The report as one HTML page: no script, no network, light and dark.

use metrics::{ClassEvaluation, Evaluation};

use super::svg::{Curve, chart};
use super::{Report, findings, interval, number};

/// The page.
pub(super) fn page(report: &Report) -> String {
    let body = [
        header(report),
        scores(report),
        classes(report),
        confusion(report),
        curves(report),
        leaderboard(report),
        data(report),
        backbone(report),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>\n{}</style>\n\
         </head>\n<body>\n{body}</body>\n</html>\n",
        escape(&report.run),
        include_str!("style.css")
    )
}

fn header(report: &Report) -> String {
    let best = &report.leaderboard[0];
    let warnings: String =
        report.warnings.iter().map(|w| format!("<p class=\"warning\" role=\"alert\">{}</p>\n", escape(w))).collect();
    format!(
        "<h1>{}</h1>\n<p class=\"soft\">Best of {} trials: <code>{}</code>, epoch {}. Seed {}, {}.</p>\n{warnings}",
        escape(&report.run),
        report.leaderboard.len(),
        escape(&best.id),
        best.epoch,
        report.seed,
        escape(&report.device)
    )
}

fn scores(report: &Report) -> String {
    let card = |name: &str, note: &str, score: &Evaluation| {
        format!(
            "<div class=\"card\">{name} macro-F1<b>{:.3}</b>95&nbsp;% interval {}<br>always the largest \
             class: {:.3}<br>accuracy {:.3}<br><span class=\"soft\">{note}</span></div>\n",
            score.scores.macro_f1.value,
            interval(&score.scores.macro_f1),
            score.majority.macro_f1,
            score.scores.accuracy.value
        )
    };
    let list: String = findings(report).iter().map(|text| format!("<li>{}</li>\n", escape(text))).collect();
    format!(
        "<div class=\"cards\">\n{}{}</div>\n<h2>How far to trust this</h2>\n<ul>\n{list}</ul>\n",
        card("Test", "scored once, for this trial only", &report.test),
        card("Validation", "chose the trial and the epoch, so it flatters", &report.validation)
    )
}

fn classes(report: &Report) -> String {
    let rows = |score: &Evaluation| -> Vec<Vec<String>> {
        let one = |c: &ClassEvaluation| {
            vec![
                escape(&c.label),
                number(c.precision.map(|score| score.value)),
                number(c.recall.map(|score| score.value)),
                number(Some(c.f1.value)),
                c.support.to_string(),
            ]
        };
        score.classes.iter().map(one).collect()
    };
    let header = ["class", "precision", "recall", "F1", "support"];
    format!(
        "<h2>Classes</h2>\n<div class=\"cards\">\n{}{}</div>\n",
        table("Test", &header, &rows(&report.test)),
        table("Validation", &header, &rows(&report.validation))
    )
}

fn confusion(report: &Report) -> String {
    let mut html = String::from(
        "<h2>Confusion</h2>\n<p class=\"soft\">Rows are the truth, columns what was predicted; \
                                 the darker, the larger the share of its row.</p>\n",
    );
    let labels = &report.data.labels;
    for (name, score) in [("Test", &report.test), ("Validation", &report.validation)] {
        let head: String = labels.iter().map(|label| format!("<th scope=\"col\">{}</th>", escape(label))).collect();
        html += &format!(
            "<div class=\"scroll\"><table><caption>{name}</caption><thead><tr><th></th>{head}</tr></thead><tbody>\n"
        );
        for (truth, row) in score.confusion.0.iter().enumerate() {
            let total = row.iter().sum::<usize>().max(1);
            html += &format!("<tr><th scope=\"row\">{}</th>", escape(&labels[truth]));
            for (predicted, count) in row.iter().enumerate() {
                let class = if truth == predicted { " class=\"hit\"" } else { "" };
                let share = 0.55 * *count as f64 / total as f64;
                html += &format!("<td{class} style=\"background: rgba(var(--heat), {share:.2})\">{count}</td>");
            }
            html += "</tr>\n";
        }
        html += "</tbody></table></div>\n";
    }
    html
}

fn curves(report: &Report) -> String {
    let epochs = &report.best_epochs;
    let chosen = report.leaderboard[0].epoch;
    let loss = [
        Curve { name: "training loss", values: epochs.iter().map(|e| e.train_loss).collect() },
        Curve { name: "validation loss", values: epochs.iter().map(|e| e.val_loss).collect() },
    ];
    let f1 = [Curve { name: "validation macro-F1", values: epochs.iter().map(|e| e.val_macro_f1).collect() }];
    format!(
        "<h2>Learning curves of the best trial</h2>\n<div class=\"curves\"><figure>{}</figure><figure>{}</figure></div>\n\
         <p class=\"soft\">The dotted line marks the chosen epoch.</p>\n",
        chart("Loss by epoch", &loss, chosen),
        chart("Validation macro-F1 by epoch", &f1, chosen)
    )
}

fn leaderboard(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report
        .leaderboard
        .iter()
        .enumerate()
        .map(|(i, t)| {
            vec![
                (i + 1).to_string(),
                format!("{:e}", t.config.learning_rate),
                t.config.head.inner.to_string(),
                t.config.head.dropout.to_string(),
                t.epoch.to_string(),
                format!("{:.4}", t.val_macro_f1),
                format!("{:.4}", t.val_loss),
            ]
        })
        .collect();
    let header = ["rank", "learning rate", "inner", "dropout", "epoch", "validation macro-F1", "validation loss"];
    format!("<h2>Leaderboard</h2>\n{}", table("By validation macro-F1, then the lower loss", &header, &rows))
}

fn data(report: &Report) -> String {
    let data = &report.data;
    let mut rows: Vec<Vec<String>> = data
        .labels
        .iter()
        .enumerate()
        .map(|(class, label)| {
            let mut row = vec![escape(label)];
            row.extend(data.counts.iter().map(|split| split[class].to_string()));
            row
        })
        .collect();
    let mut total = vec!["all".to_owned()];
    total.extend(data.counts.iter().map(|split| split.iter().sum::<usize>().to_string()));
    rows.push(total);
    let unreadable = match data.unreadable.as_slice() {
        [] => String::new(),
        paths => {
            let list: String = paths.iter().map(|path| format!("<li><code>{}</code></li>\n", escape(path))).collect();
            format!("<p>{} recordings could not be read and were left out:</p>\n<ul>\n{list}</ul>\n", paths.len())
        }
    };
    format!(
        "<h2>Data</h2>\n<dl><dt>folder</dt><dd><code>{}</code>{}</dd><dt>split</dt><dd>{}</dd><dt>fingerprint</dt>\
         <dd><code>{}</code></dd></dl>\n{unreadable}{}",
        escape(&data.root),
        if data.synthetic { " (synthetic)" } else { "" },
        escape(&data.split),
        escape(&data.fingerprint),
        table("Recordings", &["class", "training", "validation", "test"], &rows)
    )
}

fn backbone(report: &Report) -> String {
    let backbone = &report.backbone;
    format!(
        "<h2>Backbone</h2>\n<dl><dt>architecture</dt><dd>{}, {}</dd><dt>asked for</dt><dd><code>{}</code></dd>\
         <dt>used</dt><dd>{}</dd><dt>fingerprint</dt><dd><code>{}</code></dd></dl>\n",
        backbone.arch,
        backbone.trained,
        escape(&backbone.requested),
        escape(&backbone.used),
        escape(&backbone.fingerprint)
    )
}

/// A table whose first row is the best; the cells are HTML.
fn table(caption: &str, header: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = header.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    let body: String = rows
        .iter()
        .map(|row| format!("<tr>{}</tr>\n", row.iter().map(|cell| format!("<td>{cell}</td>")).collect::<String>()))
        .collect();
    format!(
        "<div class=\"scroll\"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        let mut report = super::super::example();
        report.data.labels[0] = "<script>alert(1)</script>".into();
        report.run = "a\"><img src=x>".into();
        report.validation.classes[0].label = "<b>&".into();
        let html = page(&report);
        for raw in ["<script>", "<img", "<b>&<"] {
            assert!(!html.contains(raw), "{raw}");
        }
        assert!(html.contains("&lt;script&gt;"));
    }

    #[test]
    fn warnings_and_what_was_used_are_in_the_page() {
        let report = super::super::example();
        let html = page(&report);
        for text in [report.warnings[0].as_str(), report.backbone.used.as_str(), "0.333", "always the largest"] {
            assert!(html.contains(text), "{text}");
        }
        assert!(!html.contains("http"));
    }
}
