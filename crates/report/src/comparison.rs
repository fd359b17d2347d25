//! Two or more runs side by side, as `wail report RUN RUN` writes them.

mod answers;

use std::path::Path;

use dataset::audit::Families;
use experiment::{REPORT_VERSION, Recorders, Report, folder, seed};
use metrics::{Estimate, PairedComparison, Predictions, Scores, group_ids, n_groups};
use minijinja::context;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, templates};
use answers::{Answer, Question, TestAnswers};

/// Runs compared with the first of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// [`REPORT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// The runs, as named on the command line.
    pub runs: Vec<ComparedRun>,
}

/// One run of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComparedRun {
    /// Name of the run's folder.
    pub run: String,
    /// Its best trial, which is compared.
    pub trial: String,
    /// Its seed.
    pub seed: u64,
    /// Engine and device.
    pub device: String,
    /// The weights used, in words.
    pub backbone: String,
    /// How its recordings were split, in words.
    pub split: String,
    /// SHA-256 over labels, paths and contents of its recordings.
    pub data_fingerprint: String,
    /// What a reader must know before any score.
    pub warnings: Vec<String>,
    /// How far its recorders are known.
    pub recorders: Recorders,
    /// Number of its test recordings.
    pub n_test: usize,
    /// How often each of them was tested: the repeats of a cross-validation, otherwise 1.
    pub repeats: usize,
    /// Number of groups they come from; every interval resamples the groups.
    pub n_groups: usize,
    /// Its scores on test.
    pub test: Scores<Estimate>,
    /// Macro-F1 of always predicting the largest class.
    pub majority_macro_f1: f64,
    /// Macro-F1 on validation.
    pub validation_macro_f1: f64,
    /// Difference from the first run; `None` for the first run itself, and if the two share no test recording or have different
    /// classes.
    pub versus_first: Option<Versus>,
}

/// A paired comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Versus {
    /// Number of test recordings that both runs share.
    pub n_recordings: usize,
    /// Number of answers for them that both runs have: one for each repeat.
    pub n_answers: usize,
    /// Number of groups they come from. Recordings that either run knows to share a recorder or a family of copies are in one
    /// group.
    pub n_groups: usize,
    /// This run, its `first`, against the first run, its `second`.
    pub paired: PairedComparison,
}

impl Comparison {
    /// Compares the runs in `folders`, at least one, with the first of them.
    ///
    /// # Errors
    /// [`Error::Run`] if a folder holds no finished run, or one of a version before 5, [`Error::Table`] if its tables are
    /// damaged.
    pub fn new(folders: &[&Path]) -> Result<Self, Error> {
        let mut runs = Vec::new();
        let mut first: Option<TestAnswers> = None;
        for folder in folders {
            let report = Report::read(folder)?;
            let answers = TestAnswers::read(folder, &report)?;
            let versus_first = match &first {
                Some(first) => versus(&answers, first)?,
                None => None,
            };
            first.get_or_insert(answers);
            runs.push(ComparedRun {
                trial: report.leaderboard[0].id.clone(),
                run: report.run,
                seed: report.seed,
                device: report.device,
                backbone: report.backbone.used,
                split: report.data.split,
                data_fingerprint: report.data.fingerprint,
                warnings: report.warnings,
                recorders: report.data.recorders,
                n_test: report.test.n_examples / report.data.repeats.max(1),
                repeats: report.data.repeats,
                n_groups: report.test.n_groups,
                test: report.test.scores,
                majority_macro_f1: report.test.majority.macro_f1,
                validation_macro_f1: report.validation.scores.macro_f1.value,
                versus_first,
            });
        }
        Ok(Self { format_version: REPORT_VERSION, runs })
    }

    /// Writes `comparison.json`, `comparison.html` and `comparison.md` into `folder`.
    ///
    /// # Errors
    /// [`Error::Run`] if a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let scores: Vec<_> = self.runs.iter().map(|run| run.test.named()).collect();
        let rows = (0..scores.first().map_or(0, |named| named.len())).map(|i| {
            let (name, higher_is_better, _) = scores[0][i];
            context! { name, higher_is_better, scores => scores.iter().map(|named| named[i].2).collect::<Vec<_>>() }
        });
        let context = context! { comparison => self, rows => rows.collect::<Vec<_>>() };
        let json = serde_json::to_string_pretty(self)?;
        for (name, text) in [
            ("comparison.json", json + "\n"),
            ("comparison.html", templates::render("comparison.html", &context)?),
            ("comparison.md", templates::render("comparison.md", &context)?),
        ] {
            folder::write(&folder.join(name), text.as_bytes())?;
        }
        Ok(())
    }
}

/// The paired comparison on the recordings that both runs share, repeat by repeat; recordings are matched by path and content.
fn versus(this: &TestAnswers, first: &TestAnswers) -> Result<Option<Versus>, Error> {
    if this.labels != first.labels {
        return Ok(None);
    }
    let mut shared: Vec<(&Question, [&Answer; 2])> = this
        .answers
        .iter()
        .filter_map(|(question, answer)| Some((question, [answer, first.answers.get(question)?])))
        .filter(|(_, [a, b])| a.label == b.label)
        .collect();
    if shared.is_empty() {
        return Ok(None);
    }
    shared.sort_by_key(|(question, _)| *question);
    let labels: Vec<usize> = shared.iter().map(|(_, [answer, _])| answer.label).collect();
    let recordings = group_ids(shared.iter().map(|(question, _)| Some(&question.path)));
    let mut joined = Families::new(shared.len());
    for run in [0, 1] {
        joined.join_equal(shared.iter().map(|(_, answers)| Some(answers[run].group)));
    }
    let groups = joined.numbered();
    let of = |run: usize| {
        let rows: Vec<Vec<f32>> = shared.iter().map(|(_, answers)| answers[run].probabilities.clone()).collect();
        Predictions::new(this.labels.len(), &labels, &rows, &groups)?.of_recordings(&recordings)
    };
    let (a, b) = (of(0)?, of(1)?);
    let paired = PairedComparison::new(&a, &b, seed::derive(first.seed, &["comparison"]))?;
    Ok(Some(Versus {
        n_recordings: n_groups(&recordings),
        n_answers: shared.len(),
        n_groups: a.groups().len(),
        paired,
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::example::example;

    /// Writes a run of two repeats. `recordings` are (path, label, group), `hits` says for each repeat and recording whether the
    /// answer is right; the rows of each repeat are in an order of its own.
    fn write_run(folder: &Path, recordings: &[(&str, usize, usize)], hits: &[[bool; 6]]) {
        let mut report = example();
        report.data.repeats = hits.len();
        report.write(folder).unwrap();
        let labels = ["hungry", "tired"];
        let line =
            |(path, label, group): &(&str, usize, usize)| format!("{path},{},1,{path}-sha,,{group}\n", labels[*label]);
        let manifest: String = recordings.iter().map(line).collect();
        std::fs::write(folder.join("manifest.csv"), format!("path,label,bytes,sha256,recorder,group\n{manifest}"))
            .unwrap();
        let mut text =
            "split,repeat,fold,path,label,predicted,p_hungry,p_tired\nval,,,0,hungry,hungry,1,0\n".to_owned();
        for (repeat, hits) in hits.iter().enumerate() {
            for i in 0..recordings.len() {
                let at = (i + 4 * repeat) % recordings.len();
                let (path, label, _) = recordings[at];
                let predicted = if hits[at] { label } else { 1 - label };
                let (hungry, tired) = (1 - predicted, predicted);
                let (repeat, label, predicted) = (repeat + 1, labels[label], labels[predicted]);
                text += &format!("test,{repeat},{},{path},{label},{predicted},{hungry},{tired}\n", i / 2 + 1);
            }
        }
        std::fs::write(folder.join("predictions.csv"), text).unwrap();
    }

    fn compare(runs: &[&Path]) -> Versus {
        Comparison::new(runs).unwrap().runs.pop().unwrap().versus_first.unwrap()
    }

    const ALONE: [(&str, usize, usize); 6] =
        [("0", 0, 0), ("1", 1, 1), ("2", 0, 2), ("3", 1, 3), ("4", 0, 4), ("5", 1, 5)];

    #[test]
    fn repeats_are_paired_with_each_other() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [a, b, once] = folders.each_ref().map(tempfile::TempDir::path);
        // a is right in the first repeat and wrong in the second; b the other way round.
        write_run(a, &ALONE, &[[true; 6], [false; 6]]);
        write_run(b, &ALONE, &[[false; 6], [true; 6]]);
        write_run(once, &ALONE, &[[true; 6]]);

        let itself = compare(&[a, a]);
        assert_eq!((itself.n_recordings, itself.n_answers, itself.n_groups), (6, 12, 6));
        assert_eq!((itself.paired.first, itself.paired.difference.value, itself.paired.p), (0.5, 0.0, 1.0));
        assert_eq!(itself.paired.difference.interval, Some([0.0, 0.0]));
        let other = compare(&[a, b]);
        assert_eq!((other.n_answers, other.paired.difference.value, other.paired.p), (12, 0.0, 1.0));
        // With a run of one repeat, the first repeats are compared.
        let first_repeat = compare(&[once, a]);
        assert_eq!((first_repeat.n_answers, first_repeat.paired.first, first_repeat.paired.second), (6, 1.0, 1.0));
        let first_repeat = compare(&[once, b]);
        assert_eq!(
            (first_repeat.n_answers, first_repeat.paired.first, first_repeat.paired.difference.value),
            (6, 0.0, -1.0)
        );
    }

    #[test]
    fn groups_of_both_runs_are_resampled_together() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [alone, grouped] = folders.each_ref().map(tempfile::TempDir::path);
        let right = [[true; 6]];
        let wrong = [[false; 6]];
        write_run(alone, &ALONE, &right);
        // The rule for recorders of this run knows that 0, 1 and 2 are of one recorder, and 3 and 4 of another.
        let groups = [0, 0, 0, 3, 3, 5];
        let together: Vec<_> =
            ALONE.into_iter().zip(groups).map(|((path, label, _), group)| (path, label, group)).collect();
        write_run(grouped, &together, &wrong);
        for runs in [[alone, grouped], [grouped, alone]] {
            let found = compare(&runs);
            assert_eq!((found.n_recordings, found.n_groups), (6, 3));
            assert_eq!(found.paired.difference.interval, None, "three groups are too few");
            assert_eq!(found.paired.difference.value.abs(), 1.0);
            // Of the 8 ways to swap 3 groups, 2 give this difference: none and all.
            assert!((found.paired.p - 0.25).abs() < 0.04, "{}", found.paired.p);
        }
    }

    #[test]
    fn unknown_recorders_stand_beside_every_score() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [some, all, out] = folders.each_ref().map(tempfile::TempDir::path);
        for (run, unknown) in [(some, 3), (all, 0)] {
            write_run(run, &ALONE, &[[true; 6]]);
            let mut report = example();
            (report.run, report.data.recorders.unknown) = (format!("{unknown} unknown"), unknown);
            report.write(run).unwrap();
        }
        let mark = "recorders unknown";
        let counts = |runs: &[&Path]| {
            Comparison::new(runs).unwrap().write(out).unwrap();
            ["comparison.html", "comparison.md"]
                .map(|name| std::fs::read_to_string(out.join(name)).unwrap().matches(mark).count())
        };
        // The macro-F1 of each run; its column of all scores, on the page only; and each difference.
        assert_eq!(counts(&[some, some]), [5, 3]);
        assert_eq!(counts(&[some, all]), [3, 2]);
        assert_eq!(counts(&[all, some]), [3, 2]);
        assert_eq!(counts(&[all, all]), [0, 0]);
    }

    #[test]
    fn damaged_tables_and_runs_of_older_versions_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        write_run(run, &ALONE, &[[true; 6]]);
        let predictions = run.join("predictions.csv");
        let intact = std::fs::read_to_string(&predictions).unwrap();
        let twice = format!("{intact}{}\n", intact.lines().last().unwrap());
        for (text, expected) in [
            (twice, "answers for a recording twice in one repeat"),
            (intact.replace("repeat", "part"), "there is no column repeat"),
            (intact.replace("test,1,1,0", "test,x,1,0"), "0: repeat: invalid digit"),
            (intact.replace("test,1,1,0", "test,1,1,nowhere"), "nowhere is not in manifest.csv"),
        ] {
            std::fs::write(&predictions, text).unwrap();
            let message = Comparison::new(&[run]).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("predictions.csv"), "{message}");
        }
        let mut report = example();
        report.format_version = 4;
        report.write(run).unwrap();
        let message = Comparison::new(&[run]).unwrap_err().to_string();
        assert!(
            message.contains("report.json: has format version 4") && message.contains("train it again"),
            "{message}"
        );
    }
}
