//! `wail infer` on whole recordings: a row for each file, answered or not, as soon as its batch is done.

use std::path::{Path, PathBuf};

use features::Cell;
use predict::{Classifier, FileAnswer, OcclusionMap, Options, Prediction};
use serde::Serialize;

use super::output::{Answers, Format, csv_of, json, shown};
use super::summary::Summary;
use crate::Error;
use crate::pieces::Share;
use crate::terminal::inputs;

/// How many cells of an explanation are named, and the smallest fall of the log odds among them.
const CELLS: usize = 3;
const LEAST_FALL: f32 = 0.05;

/// Classifies the files of `share` and prints a row for each, in their order; with `explain` also what each answer depends on.
pub(super) fn run(
    classifier: &Classifier,
    options: &Options,
    explain: bool,
    files: &[PathBuf],
    share: &Share,
    Answers { format, stdin, print }: &mut Answers,
) -> Result<Summary, Error> {
    let rows = Rows::new(classifier, options, files.iter().map(|file| shown(file, *stdin)), *format);
    let mut summary = Summary::start();
    if share.is_first {
        print(rows.before_all()?)?;
    }
    let mut n_printed = share.files.start;
    classifier.classify_files(&files[share.files.clone()], options, |file, answer| {
        let name = shown(file, *stdin);
        let row = match answer {
            Ok(FileAnswer { prediction, seconds }) => {
                summary.answered(name, seconds, &prediction.warnings);
                let explanation = explain.then(|| classifier.explain_file(file)).transpose()?;
                rows.answer(name, &prediction, explanation.as_ref())?
            }
            Err(error) => {
                let reason = inputs::reason(file, &error);
                summary.failed(name, &reason);
                rows.error(name, &reason)?
            }
        };
        n_printed += 1;
        print(row + rows.between(n_printed == files.len()))
    })?;
    if share.is_last {
        print(rows.after_all().into())?;
    }
    Ok(summary)
}

/// A prediction, or the reason why there is none.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(flatten)]
    prediction: Option<&'a Prediction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'a OcclusionMap>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Renders rows in a format.
struct Rows<'a> {
    format: Format,
    labels: &'a [String],
    is_one_of_many: bool,
    /// Characters of the longest file name.
    name_width: usize,
    /// Columns of CSV.
    columns: Vec<String>,
}

impl<'a> Rows<'a> {
    fn new<'b>(
        classifier: &'a Classifier,
        options: &Options,
        files: impl ExactSizeIterator<Item = &'b Path>,
        format: Format,
    ) -> Self {
        let mut columns: Vec<String> = ["file", "label", "probability"].map(String::from).into();
        columns.extend(classifier.labels().iter().map(|label| format!("p_{label}")));
        columns.extend((options.min_confidence.is_some() || options.coverage.is_some()).then(|| "abstains".into()));
        columns.extend(options.coverage.map(|_| "prediction_set".into()));
        let gate = ["cry_score", "not_a_cry"].map(String::from);
        columns.extend(gate.into_iter().filter(|_| classifier.has_gate()));
        columns.extend(["warnings", "error"].map(String::from));
        let is_one_of_many = files.len() > 1;
        let name_width = files.map(|file| file.display().to_string().chars().count()).max().unwrap_or(0);
        Self { format, labels: classifier.labels(), is_one_of_many, name_width, columns }
    }

    fn before_all(&self) -> Result<String, Error> {
        match self.format {
            Format::Json if self.is_one_of_many => Ok("[\n".into()),
            Format::Csv => csv_of(&[&self.columns]),
            _ => Ok(String::new()),
        }
    }

    fn between(&self, is_last: bool) -> &'static str {
        match self.format {
            Format::Json if !is_last => ",\n",
            Format::Json => "\n",
            _ => "",
        }
    }

    fn after_all(&self) -> &'static str {
        if self.format == Format::Json && self.is_one_of_many { "]\n" } else { "" }
    }

    fn answer(
        &self,
        file: &Path,
        prediction: &Prediction,
        explanation: Option<&OcclusionMap>,
    ) -> Result<String, Error> {
        let name = file.display().to_string();
        match self.format {
            Format::Json | Format::Jsonl => self.json(&name, Some(prediction), explanation, None),
            Format::Csv => csv_of(&[self.csv_answer(name, prediction)]),
            Format::Table | Format::Audacity | Format::Textgrid => {
                let is_cry = prediction.not_a_cry != Some(true);
                let reasons = explanation.filter(|_| is_cry).map(|map| self.table("", &reasons(map)));
                Ok(self.table(&name, &in_words(prediction)) + &reasons.unwrap_or_default())
            }
        }
    }

    fn error(&self, file: &Path, reason: &str) -> Result<String, Error> {
        let name = file.display().to_string();
        match self.format {
            Format::Json | Format::Jsonl => self.json(&name, None, None, Some(reason)),
            Format::Csv => {
                let mut row = vec![name];
                row.resize(self.columns.len() - 1, String::new());
                row.push(reason.into());
                csv_of(&[row])
            }
            Format::Table | Format::Audacity | Format::Textgrid => Ok(self.table(&name, &format!("error: {reason}"))),
        }
    }

    fn table(&self, name: &str, text: &str) -> String {
        format!("{name:<width$}  {text}\n", width = self.name_width)
    }

    /// In the format JSON without the end of the line.
    fn json(
        &self,
        name: &str,
        prediction: Option<&Prediction>,
        explanation: Option<&OcclusionMap>,
        error: Option<&str>,
    ) -> Result<String, Error> {
        let is_named = self.is_one_of_many || self.format == Format::Jsonl;
        let warnings = prediction.map_or(&[][..], |prediction| &prediction.warnings);
        let line = json(&Row { file: is_named.then_some(name), prediction, explanation, warnings, error })?;
        Ok(if self.format == Format::Json { line.trim_end().into() } else { line })
    }

    fn csv_answer(&self, name: String, prediction: &Prediction) -> Vec<String> {
        let mut row = vec![name, prediction.label.clone(), prediction.probability.to_string()];
        row.extend(self.labels.iter().map(|label| prediction.all_probs[label].to_string()));
        row.extend(prediction.abstains.map(|abstains| abstains.to_string()));
        row.extend(prediction.prediction_set.as_ref().map(|set| set.join("|")));
        row.extend(prediction.cry_score.map(|score| score.to_string()));
        row.extend(prediction.not_a_cry.map(|not_a_cry| not_a_cry.to_string()));
        row.extend([prediction.warnings.join("; "), String::new()]);
        row
    }
}

/// A prediction for people.
fn in_words(prediction: &Prediction) -> String {
    if let Some((true, score)) = prediction.not_a_cry.zip(prediction.cry_score) {
        return format!("not a cry (score {score:.2})");
    }
    let ranked: Vec<String> =
        prediction.top_k.iter().map(|r| format!("{:>5.1} % {}", 100.0 * r.probability, r.label)).collect();
    let unsure = if prediction.abstains == Some(true) { "not sure  " } else { "" };
    let set = prediction.prediction_set.as_ref().map_or(String::new(), |set| match set.as_slice() {
        [] => "  no class is likely enough".into(),
        set => format!("  possible: {}", set.join(", ")),
    });
    format!("{unsure}{}{set}", ranked.join("  "))
}

/// An explanation for people: the cells that the answer depends on most.
fn reasons(explanation: &OcclusionMap) -> String {
    let cells = explanation.strongest(CELLS, LEAST_FALL);
    if cells.is_empty() {
        return "no single part of the sound decides: without any of them, the odds of the answer change by less than a twentieth"
            .into();
    }
    let cell = |(cell, fall): &(Cell, f32)| {
        let Cell { seconds: [start, end], hz: [low, high] } = cell;
        format!(
            "{start:.1} to {end:.1} s, {low:.0} to {high:.0} Hz (without it, its odds are {:.1} times lower)",
            fall.exp()
        )
    };
    format!("depends most on {}", cells.iter().map(cell).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use features::OcclusionGrid;

    use super::*;

    #[test]
    fn an_explanation_names_the_cells_that_matter() {
        let grid = OcclusionGrid { time_edges_seconds: vec![0.0, 0.5, 1.0], band_edges_hz: vec![0.0, 293.0, 586.1] };
        let map = |log_odds_drop| OcclusionMap { grid: grid.clone(), log_odds_drop, cry_score_drop: None };
        let expected = "depends most on 0.5 to 1.0 s, 293 to 586 Hz (without it, its odds are 3.0 times lower); \
                        0.0 to 0.5 s, 0 to 293 Hz (without it, its odds are 1.1 times lower)";
        assert_eq!(reasons(&map(vec![vec![0.1, 0.049], vec![-0.5, 1.1]])), expected);
        assert!(reasons(&map(vec![vec![0.0; 2]; 2])).starts_with("no single part of the sound decides"));
    }
}
