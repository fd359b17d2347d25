//! The report of a run as an HTML page and as Markdown.

use std::path::Path;

use dataset::count;
use experiment::subgroups::MIN_RECORDINGS;
use experiment::{BaselineSummary, Mistake, Report, TrialSummary, axis_names, folder};
use metrics::{Estimate, Evaluation};
use minijinja::context;
use minijinja::value::Value;
use serde::Serialize;

use crate::chart::occlusion;
use crate::findings::{by_inner_folds, chosen_by_validation, findings};
use crate::{Error, events, figures, heat_map, media, mistakes, robustness, templates};

/// Writes `report.json`, `report.html` and `report.md` into the folder `run`.
///
/// # Errors
/// As [`render`].
pub fn write(report: &Report, run: &Path) -> Result<(), Error> {
    report.write(run)?;
    render(report, run)
}

/// Writes `report.html`, one page that needs no network, and `report.md` into the folder `run`. Sound and pictures of the
/// mistakes come from that folder.
///
/// # Errors
/// [`Error::Run`] if a file cannot be written.
pub fn render(report: &Report, run: &Path) -> Result<(), Error> {
    folder::write(&run.join("report.html"), html(report, run)?.as_bytes())?;
    Ok(folder::write(&run.join("report.md"), markdown(report)?.as_bytes())?)
}

/// The report as one HTML page. Sound and pictures of mistakes come from the folder `run`; a page without them is otherwise
/// complete.
fn html(report: &Report, run: &Path) -> Result<String, Error> {
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
        axes => heat_map::axes(&report.leaderboard),
        axis_values => axis_values(&report.leaderboard),
        heat_maps => heat_map::of(&report.leaderboard),
        mistakes => mistakes_of(report, run)?,
        ..context(report)?
    };
    templates::render("report.html", &context)
}

/// The value of each trial on each axis, `[n trials][n axes]`.
fn axis_values(leaderboard: &[TrialSummary]) -> Vec<Vec<String>> {
    let names = axis_names(leaderboard.iter().map(|trial| &trial.config));
    let value = |trial: &TrialSummary, name: &str| {
        trial.config.axis(name).map_or_else(|| heat_map::NONE.to_owned(), |value| value.to_string())
    };
    leaderboard.iter().map(|trial| names.iter().map(|name| value(trial, name)).collect()).collect()
}

/// The report as Markdown.
fn markdown(report: &Report) -> Result<String, Error> {
    templates::render("report.md", &context(report)?)
}

/// Values that both forms show.
fn context(report: &Report) -> Result<Value, Error> {
    let split = |name: &str, note: &str, evaluation: &Evaluation, repeats: usize| -> Result<Value, Error> {
        Ok(context! {
            name,
            note,
            evaluation,
            recordings => recordings(evaluation, repeats),
            answers => if repeats > 1 { "answers" } else { "recordings" },
            reliability => Value::from_safe_string(figures::reliability(evaluation)?),
        })
    };
    let tested = match report.folds.is_empty() {
        true => "scored once, for this trial only",
        false => "each scored by the search of its fold",
    };
    let note_on_validation = chosen_by_validation(report)
        .map_or("chose nothing".into(), |chosen| format!("chose {chosen}, so the score is too high"));
    let class_counts = report.data.labels.iter().enumerate().map(|(class, label)| {
        context! { label, counts => report.data.counts.iter().map(|split| split[class]).collect::<Vec<_>>() }
    });
    Ok(context! {
        report,
        trained => report.backbone.trained.to_string(),
        findings => findings(report),
        by_inner => by_inner_folds(report),
        leaky => report.data.leaks.any(),
        caution => report.data.recorders.caution(),
        of_all_scores => report.data.recorders.caution().map_or(String::new(), |caution| format!(" Of all scores: {caution}.")),
        mixed => match report.format_version {
            ..5 => ", but with cries that its sounds were mixed over",
            5.. => ", and without the cries that its sounds were mixed over",
        },
        events => events::in_words(report),
        class_counts => class_counts.collect::<Vec<_>>(),
        robustness_note => robustness::NOTE,
        splits => [
            split("Test", tested, &report.test, report.data.repeats)?,
            split("Validation", &note_on_validation, &report.validation, 1)?,
        ],
        min_recordings => MIN_RECORDINGS,
        score_rows => score_rows(report),
        baseline => report.baseline.as_ref().map(baseline_in_words),
    })
}

/// What the column of logistic regression is.
fn baseline_in_words(baseline: &BaselineSummary) -> String {
    let list = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let chosen = match &baseline.chosen[..] {
        [c] => format!("validation chose C = {c}"),
        of_folds => format!("the validation of each fold chose C = {}", list(of_folds)),
    };
    format!(
        "Logistic regression: multinomial, with an L2 penalty on the standardised embeddings of the encoder before training, fitted \
         until it converges on the same training recordings, at most 20,000; of C = {} {chosen}. It competes with no trial.",
        list(&baseline.path)
    )
}

/// How many recordings were scored, and how often.
fn recordings(evaluation: &Evaluation, repeats: usize) -> String {
    let n_recordings = evaluation.n_examples / repeats.max(1);
    let times = if repeats > 1 { format!(", each tested {repeats} times") } else { String::new() };
    format!("{} in {}{times}", count(n_recordings, "recording"), count(evaluation.n_groups, "group"))
}

/// A row of the table of scores.
#[derive(Serialize)]
struct ScoreRow {
    name: &'static str,
    higher_is_better: bool,
    test: Estimate,
    validation: Estimate,
    /// Of logistic regression, if the report has it.
    baseline: Option<Estimate>,
    majority: f64,
    /// Score of random answers, if it is known exactly.
    random: Option<f64>,
}

fn score_rows(report: &Report) -> Vec<ScoreRow> {
    let chance = &report.test.stratified_random;
    let validation = report.validation.scores.named();
    let majority = report.test.majority.named();
    let baseline = report.baseline.as_ref().map(|baseline| baseline.test.named());
    let random = [Some(chance.macro_f1), Some(chance.balanced_accuracy), Some(chance.accuracy)];
    let scores = report.test.scores.named().into_iter().enumerate();
    scores
        .map(|(i, (name, higher_is_better, test))| ScoreRow {
            name,
            higher_is_better,
            test: *test,
            validation: *validation[i].2,
            baseline: baseline.as_ref().map(|named| *named[i].2),
            majority: *majority[i].2,
            random: random.get(i).copied().flatten(),
        })
        .collect()
}

fn mistakes_of(report: &Report, run: &Path) -> Result<Vec<Value>, Error> {
    let data_uri = |index: usize, extension: &str, kind: &str| {
        let bytes = std::fs::read(run.join(mistakes::media_name(index, extension))).ok()?;
        Some(Value::from_safe_string(media::data_uri(kind, &bytes)))
    };
    let view = |(i, mistake): (usize, &Mistake)| -> Result<Value, Error> {
        let map = mistake.explanation.as_ref().map(occlusion::map).transpose()?;
        Ok(context! {
            image => data_uri(i, "png", "image/png"),
            sound => data_uri(i, "wav", "audio/wav"),
            map => map.map(Value::from_safe_string),
            ..Value::from_serialize(mistake)
        })
    };
    report.mistakes.iter().enumerate().map(view).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use experiment::FoldSummary;

    use super::*;
    use crate::example::example;

    fn page(report: &Report) -> String {
        html(report, Path::new("there is no such run")).unwrap()
    }

    #[test]
    fn a_report_reads_back_and_invalid_reports_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let put = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut value = serde_json::to_value(example()).unwrap();
            change(&mut value);
            std::fs::write(folder.path().join("report.json"), value.to_string()).unwrap();
            Report::read(folder.path()).map(|report| report.run).map_err(|e| e.to_string())
        };
        assert_eq!(put(&|_| ()), Ok(example().run));
        for (change, expected) in [
            (
                &(|v: &mut serde_json::Value| v["format_version"] = 1.into()) as &dyn Fn(&mut serde_json::Value),
                "has format version 1",
            ),
            (&|v| v["leaderboard"] = serde_json::json!([]), "the leaderboard is empty"),
            (&|v| v["data"]["labels"] = serde_json::json!(["one"]), "differ in length"),
            (&|v| v["surprise"] = 1.into(), "unknown field `surprise`"),
            (&|v| v["test"]["scores"]["macro_f1"]["value"] = serde_json::Value::Null, "is damaged"),
        ] {
            let message = put(change).unwrap_err();
            assert!(message.contains(expected) && message.contains("report.json"), "{message}");
        }
    }

    #[test]
    fn the_document_reads_well() {
        insta::assert_snapshot!(markdown(&example()).unwrap());
    }

    #[test]
    fn unknown_recorders_and_missing_intervals_stand_beside_every_score() {
        let mut report = example();
        report.folds.push(FoldSummary {
            name: "1-1".into(),
            trial: "a trial".into(),
            val_macro_f1: 0.5,
            inner_macro_f1: None,
            n_test: 6,
        });
        let caution = "recorders unknown for 3 of 20 recordings; the interval treats each as its own recorder";
        let (html, md) = (page(&report), markdown(&report).unwrap());
        // Both cards, and the notes of scores, gate, robustness, subgroups, folds, leaderboard, classes, reliability and precision-recall curves.
        assert_eq!(html.matches(caution).count(), 11);
        // The lines of both splits, gate, robustness, subgroups, folds, leaderboard, and the classes of both splits.
        assert_eq!(md.matches(caution).count(), 9);
        for text in [&html, &md] {
            assert!(text.contains("The recorder of 3 of 20 recordings is unknown"), "{text}");
            assert!(text.contains("none: fewer than 5 groups (4)"), "validation");
            assert!(text.contains("none: fewer than 5 groups"), "the gate");
            assert!(!text.contains("<small>–</small>"));
        }
        report.data.recorders.unknown = 0;
        assert!(!(page(&report) + &markdown(&report).unwrap()).contains("unknown for"));
    }

    #[test]
    fn repeats_are_named_where_answers_are_counted() {
        let mut report = example();
        report.data.repeats = 2;
        let (html, md) = (page(&report), markdown(&report).unwrap());
        for text in [&html, &md] {
            assert!(text.contains("3 recordings in 6 groups, each tested 2 times; "), "{text}");
            assert!(text.contains("4 recordings in 4 groups; "), "validation: {text}");
        }
        assert!(html.contains("<caption>Answers</caption>") && html.contains("<caption>Recordings</caption>"));
        assert!(md.contains("| class | answers |") && md.contains("| class | recordings |"));
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
    fn the_page_shows_warnings_and_sources_and_loads_nothing() {
        let report = example();
        let html = page(&report);
        for text in [report.warnings[0].as_str(), report.backbone.used.as_str(), "0.625", "always the largest", "<svg"]
        {
            assert!(html.contains(text), "{text}");
        }
        for text in ["http://", "https://", "undefined<", "none<", "NaN", "[object"] {
            assert!(!html.contains(text), "{text}");
        }
    }

    #[test]
    fn mistakes_are_shown_with_sound_and_picture_if_the_run_has_them() {
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
