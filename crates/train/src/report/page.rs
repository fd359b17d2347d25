//! Templates, and what they show: the HTML page and the Markdown of a report.

use std::path::Path;

use metrics::{Estimate, Evaluation};
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use super::{Report, figures, findings, heat_map, interval, mistakes, number};
use crate::{Error, media};

/// The report as one HTML page. `run` is its folder, where sound and pictures of mistakes are; a page without them is
/// whole otherwise.
pub(super) fn html(report: &Report, run: &Path) -> Result<String, Error> {
    let chosen = report.leaderboard.first().map_or(1, |trial| trial.epoch);
    let charts = context! {
        loss => Value::from_safe_string(figures::loss(&report.best_epochs, chosen)?),
        macro_f1 => Value::from_safe_string(figures::macro_f1(&report.best_epochs, chosen)?),
    };
    let curve = |class: &metrics::ClassEvaluation| -> Result<Value, Error> {
        Ok(context! {
            label => class.label,
            average_precision => class.average_precision.map(|score| score.value),
            chart => Value::from_safe_string(figures::precision_recall(class, report.test.n_examples)?),
        })
    };
    let context = context! {
        charts,
        curves => report.test.classes.iter().map(curve).collect::<Result<Vec<_>, _>>()?,
        heat_maps => heat_map::of(&report.leaderboard),
        mistakes => mistakes_of(report, run),
        ..context(report)?
    };
    render("report.html", &context)
}

/// The report as Markdown, for pull requests and notes.
pub(super) fn markdown(report: &Report) -> Result<String, Error> {
    render("report.md", &context(report)?)
}

/// Renders the template `name`.
///
/// # Errors
/// [`Error::Failed`] if the template is wrong.
pub(super) fn render(name: &str, context: &Value) -> Result<String, Error> {
    let fail = |e: minijinja::Error| Error::Failed(format!("{name}: {e:#}"));
    let environment = environment().map_err(fail)?;
    environment.get_template(name).and_then(|template| template.render(context)).map_err(fail)
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_keep_trailing_newline(true);
    environment.set_auto_escape_callback(
        |name| {
            if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
        },
    );
    environment.add_filter("number", number_filter);
    environment.add_filter("percent", |share: f64| format!("{:.0}\u{a0}%", 100.0 * share));
    environment.add_filter("css", |share: f64| format!("{:.1}%", 100.0 * share));
    environment.add_filter("interval", |ends: Option<Vec<f64>>| interval(ends.and_then(|ends| ends.try_into().ok())));
    environment.add_filter("split_name", |name: &str| if name == "val" { "validation" } else { "test" });
    environment.add_filter("signed", |value: f64| format!("{value:+.3}"));
    environment.add_filter("p_value", |p: f64| if p < 0.001 { format!("{p:.4}") } else { format!("{p:.3}") });
    environment.add_filter("plain", |text: &str| super::markdown::plain(text));
    for (name, text) in [
        ("base.html", include_str!("templates/base.html")),
        ("report.html", include_str!("templates/report.html")),
        ("report.md", include_str!("templates/report.md")),
        ("comparison.html", include_str!("templates/comparison.html")),
        ("comparison.md", include_str!("templates/comparison.md")),
        ("style.css", include_str!("templates/style.css")),
        ("sort.js", include_str!("templates/sort.js")),
    ] {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

/// A number with three digits or as many as asked for, `–` where there is none.
fn number_filter(value: &Value, digits: Option<usize>) -> String {
    let digits = digits.unwrap_or(3);
    f64::try_from(value.clone()).map_or_else(|_| number(None), |value| format!("{value:.digits$}"))
}

/// What both forms show.
fn context(report: &Report) -> Result<Value, Error> {
    let split = |name: &str, note: &str, evaluation: &Evaluation| -> Result<Value, Error> {
        Ok(context! {
            name,
            note,
            evaluation,
            reliability => Value::from_safe_string(figures::reliability(evaluation)?),
        })
    };
    let tested = match report.folds.is_empty() {
        true => "scored once, for this trial only",
        false => "each by the search of its fold",
    };
    let class_counts = report.data.labels.iter().enumerate().map(|(class, label)| {
        context! { label, counts => report.data.counts.iter().map(|split| split[class]).collect::<Vec<_>>() }
    });
    Ok(context! {
        report,
        trained => report.backbone.trained.to_string(),
        findings => findings(report),
        leaky => report.data.leaks.any(),
        class_counts => class_counts.collect::<Vec<_>>(),
        splits => [
            split("Test", tested, &report.test)?,
            split("Validation", "chose the trial and the epoch, so it flatters", &report.validation)?,
        ],
        score_rows => score_rows(report),
    })
}

/// One score of the table of scores.
#[derive(Serialize)]
struct ScoreRow {
    name: &'static str,
    higher_is_better: bool,
    test: Estimate,
    validation: Estimate,
    majority: f64,
    /// Of answers drawn at random, where that is known exactly.
    random: Option<f64>,
}

fn score_rows(report: &Report) -> Vec<ScoreRow> {
    let chance = &report.test.stratified_random;
    let validation = report.validation.scores.named();
    let majority = report.test.majority.named();
    let random = [Some(chance.macro_f1), Some(chance.balanced_accuracy), Some(chance.accuracy)];
    let scores = report.test.scores.named().into_iter().enumerate();
    scores
        .map(|(i, (name, higher_is_better, test))| ScoreRow {
            name,
            higher_is_better,
            test: *test,
            validation: *validation[i].2,
            majority: *majority[i].2,
            random: random.get(i).copied().flatten(),
        })
        .collect()
}

fn mistakes_of(report: &Report, run: &Path) -> Vec<Value> {
    let data_uri = |index: usize, extension: &str, kind: &str| {
        let bytes = std::fs::read(run.join(mistakes::media_name(index, extension))).ok()?;
        Some(Value::from_safe_string(media::data_uri(kind, &bytes)))
    };
    let view = |(i, mistake)| {
        context! {
            image => data_uri(i, "png", "image/png"),
            sound => data_uri(i, "wav", "audio/wav"),
            ..Value::from_serialize(mistake)
        }
    };
    report.mistakes.iter().enumerate().map(view).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::example::example;
    use super::*;

    fn page(report: &Report) -> String {
        html(report, Path::new("there is no such run")).unwrap()
    }

    #[test]
    fn the_document_reads_well() {
        insta::assert_snapshot!(markdown(&example()).unwrap());
    }

    #[test]
    fn names_cannot_become_markup() {
        let mut report = example();
        let hostile = "<script>alert(1)</script>";
        report.data.labels[0] = hostile.into();
        report.run = "a\"><img src=x>".into();
        report.test.classes[0].label = "<b>&".into();
        report.mistakes[0].path = hostile.into();
        report.config = hostile.into();
        report.warnings = vec![hostile.into()];
        let html = page(&report);
        for raw in ["<script>alert", "<img src=x", "<b>&<"] {
            assert!(!html.contains(raw), "{raw}");
        }
        assert!(html.contains("&lt;script&gt;alert"));
    }

    #[test]
    fn warnings_and_what_was_used_are_in_the_page_and_nothing_comes_from_elsewhere() {
        let report = example();
        let html = page(&report);
        for text in [report.warnings[0].as_str(), report.backbone.used.as_str(), "0.333", "always the largest", "<svg"]
        {
            assert!(html.contains(text), "{text}");
        }
        for text in ["http://", "https://", "undefined<", "none<", "NaN", "[object"] {
            assert!(!html.contains(text), "{text}");
        }
    }

    #[test]
    fn mistakes_are_shown_with_sound_and_picture_where_the_run_has_them() {
        let report = example();
        let run = tempfile::tempdir().unwrap();
        assert!(!html(&report, run.path()).unwrap().contains("<audio"));
        std::fs::create_dir(run.path().join("mistakes")).unwrap();
        for (name, bytes) in [("1.wav", "RIFF"), ("1.png", "PNG")] {
            std::fs::write(run.path().join("mistakes").join(name), bytes).unwrap();
        }
        let html = html(&report, run.path()).unwrap();
        assert!(html.contains("data:audio/wav;base64,UklGRg==") && html.contains("data:image/png;base64,UE5H"));
    }
}
