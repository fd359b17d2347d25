//! `wail infer` on whole recordings.

use std::path::PathBuf;

use predict::{Classifier, Options, Prediction};
use serde::Serialize;

use super::output::{Format, csv_of, json};
use crate::Error;
use crate::terminal::stdout::print;
use crate::terminal::{inputs, stderr};

/// Classifies each file and prints the answers. Unreadable files are reported and give exit code 3.
pub(super) fn run(classifier: &Classifier, options: &Options, files: &[PathBuf], format: Format) -> Result<(), Error> {
    let mut answers = Vec::new();
    let unreadable = inputs::each(files, |path| {
        let prediction = classifier.classify_file(path, options)?;
        for warning in &prediction.warnings {
            stderr::line(format_args!("{}: {warning}", path.display()));
        }
        answers.push((path.display().to_string(), prediction));
        Ok::<(), predict::Error>(())
    });
    let text = match format {
        Format::Table => table(&answers),
        Format::Json if files.len() == 1 => match answers.first() {
            Some((_, prediction)) => json(prediction)?,
            None => String::new(),
        },
        Format::Json => json(&answers.iter().map(Answer::new).collect::<Vec<_>>())?,
        Format::Jsonl => answers.iter().map(|answer| json(&Answer::new(answer))).collect::<Result<_, _>>()?,
        Format::Csv => csv_text(classifier, options, &answers)?,
        Format::Audacity => return Err(Error::Config("--format audacity labels events: give a --window, too".into())),
    };
    print(text)?;
    inputs::all_read(unreadable, files.len())
}

/// A prediction with its file.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    #[serde(flatten)]
    prediction: &'a Prediction,
}

impl<'a> Answer<'a> {
    fn new((file, prediction): &'a (String, Prediction)) -> Self {
        Self { file, prediction }
    }
}

fn table(answers: &[(String, Prediction)]) -> String {
    let width = answers.iter().map(|(file, _)| file.chars().count()).max().unwrap_or(0);
    answers
        .iter()
        .map(|(file, prediction)| {
            let ranked: Vec<String> =
                prediction.top_k.iter().map(|r| format!("{:>5.1} % {}", 100.0 * r.probability, r.label)).collect();
            if let Some((true, score)) = prediction.not_a_cry.zip(prediction.cry_score) {
                return format!("{file:<width$}  not a cry (score {score:.2})\n");
            }
            let unsure = if prediction.abstains == Some(true) { "not sure  " } else { "" };
            let set = prediction.prediction_set.as_ref().map_or(String::new(), |set| match set.as_slice() {
                [] => "  no class is likely enough".into(),
                set => format!("  possible: {}", set.join(", ")),
            });
            format!("{file:<width$}  {unsure}{}{set}\n", ranked.join("  "))
        })
        .collect()
}

fn csv_text(classifier: &Classifier, options: &Options, answers: &[(String, Prediction)]) -> Result<String, Error> {
    let labels = classifier.labels();
    let mut header: Vec<String> = ["file", "label", "probability"].map(String::from).into();
    header.extend(labels.iter().map(|label| format!("p_{label}")));
    header.extend((options.min_confidence.is_some() || options.coverage.is_some()).then(|| "abstains".into()));
    header.extend(options.coverage.map(|_| "prediction_set".into()));
    let gate = ["cry_score", "not_a_cry"].map(String::from);
    header.extend(gate.into_iter().filter(|_| classifier.has_gate()));
    let mut rows = vec![header];
    for (file, prediction) in answers {
        let mut row = vec![file.clone(), prediction.label.clone(), prediction.probability.to_string()];
        row.extend(labels.iter().map(|label| prediction.all_probs[label].to_string()));
        row.extend(prediction.abstains.map(|abstains| abstains.to_string()));
        row.extend(prediction.prediction_set.as_ref().map(|set| set.join("|")));
        row.extend(prediction.cry_score.map(|score| score.to_string()));
        row.extend(prediction.not_a_cry.map(|not_a_cry| not_a_cry.to_string()));
        rows.push(row);
    }
    csv_of(&rows)
}
