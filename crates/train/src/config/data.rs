//! The `[data]` table: where the recordings are and how they are split.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dataset::Split;
use dataset::audit::RecorderRule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::corpora::{CorpusConfig, CorpusSource};
use super::settings::Problem;
use crate::home;

/// Where the recordings are and how they are split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Candidates for the folder of class folders; the first that exists is used. An address such as `s3://BUCKET/PATH` always counts
    /// as existing; its files are copied into the cache. A class is a folder with a recording in it;
    /// hidden files, folders of operating systems and other files are passed over and counted. `${NAME}` is replaced by an environment
    /// variable; a candidate whose variable is not set is skipped.
    pub roots: Vec<String>,
    /// Table of recordings instead of `roots`: CSV, TSV or JSON lines with the columns `file` and `label`, and perhaps `start` and
    /// `end` in seconds, `recorder`, `baby`, `split`, `corpus`, `age`, `sex` and any others. `${NAME}` is replaced as in `roots`.
    pub table: Option<String>,
    /// Folder that the files in `table` are relative to; without it, the folder of the table.
    pub audio: Option<String>,
    /// Licence of the recordings, for the model card.
    pub licence: Option<String>,
    /// What to do if none of `roots` exists. A table or one of several corpora must exist.
    pub when_missing: WhenMissing,
    /// Number of recordings of the synthetic corpus, over all classes: 40 to 100000.
    pub synthetic_recordings: usize,
    /// Folder that caches digests, fingerprints, embeddings and resume points. Safe to delete, and to share between processes.
    pub cache: PathBuf,
    /// Folder of the synthetic corpus.
    pub synthetic: PathBuf,
    /// Skip recordings that cannot be read, and classes without another one, instead of stopping. They are listed in any case.
    pub skip_unreadable: bool,
    /// Regular expression on the path below the root whose first group is the recorder. Without it and `recorder_csv`, the
    /// recorder is the app instance in a Donate-a-Cry file name.
    pub recorder_pattern: Option<String>,
    /// CSV file with columns `path` (below the root) and `recorder`, instead of `recorder_pattern`; it may be that of any
    /// spreadsheet program.
    pub recorder_csv: Option<PathBuf>,
    /// Use only the first of several files with the same bytes.
    pub drop_duplicates: bool,
    /// Drop every recording of a family (the same bytes, the same sound, or one made from the other) that has several labels.
    pub drop_contradictions: bool,
    /// Which recording is in which split.
    pub split: SplitConfig,
    /// Other names for labels, such as `{ "belly pain" = "belly_pain" }`. Recordings whose label gets an empty name are left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Several corpora instead of `roots` and `table`, each a table `[[data.corpora]]` with a `name`, `roots` or `table` and
    /// `audio`, and perhaps `labels`, which mean the same as those of `[data]`. The name comes before the paths of the recordings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corpora: Vec<CorpusConfig>,
}

/// What a run does without recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenMissing {
    /// Use the seeded synthetic corpus; the report says so.
    Synthesize,
    /// Fail with exit code 3.
    Fail,
}

/// Which recording is in which split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub enum SplitConfig {
    /// 60/20/20 within each class, drawn from the seed. Recordings of one baby can be in several splits, so scores are too high.
    Stratified {},
    /// 60/20/20 of every class as far as groups allow; all recordings of a recorder, or of a family of copies, are in one split.
    Grouped {},
    /// Cross-validation: each fold is the test set of a separate search, which validates on another fold. The tests of all
    /// folds are scored together. The saved model comes from one more search, on all recordings.
    CrossValidation {
        /// Number of folds, 3 to 20.
        #[serde(default = "five")]
        folds: usize,
        /// How often the cross-validation is repeated with other folds, 1 to 100.
        #[serde(default = "one")]
        repeats: usize,
        /// Whether all recordings of a recorder, or of a family of copies, are in one fold; otherwise scores are too high.
        #[serde(default = "yes")]
        grouped: bool,
    },
    /// Cross-validation with each group as the test of one fold.
    LeaveOneGroupOut {},
    /// Cross-validation with each corpus as the test of one fold: a grouped fifth of the others validates, and recordings of their
    /// groups that are in the tested corpus, too, are left out.
    LeaveOneCorpusOut {},
    /// Training on some corpora and testing on others; a grouped fifth of training validates. Recordings of other corpora take no
    /// part, nor do those of training in one group with one of test.
    Corpora {
        /// Names of the corpora to train on.
        train: Vec<String>,
        /// Names of the corpora to test on.
        test: Vec<String>,
    },
    /// The column `split` of the table, with `train`, `val` and `test` or the names that folders may have. Rows without a split
    /// take no part. Without validation, a fifth of training takes its place.
    Table {},
    /// The folders `train`, `val` and `test` in the data folder, with class folders inside. Names in other capitals,
    /// `training`, `valid`, `validation`, `dev`, `testing` and `eval` are known, too. Without validation, a fifth of training,
    /// drawn from the seed by groups, takes its place.
    Folders {},
    /// `train.csv`, `val.csv` and `test.csv` (columns `class,path,label`) in `dir`. They may be those of any spreadsheet program:
    /// separated by commas, semicolons or tabs, in UTF-8 or UTF-16.
    Csv {
        /// Folder of the CSV files; `{root}` is replaced by the data folder in use.
        dir: String,
    },
}

fn five() -> usize {
    5
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            roots: vec!["data/raw".into()],
            table: None,
            audio: None,
            licence: None,
            when_missing: WhenMissing::Synthesize,
            synthetic_recordings: 512,
            cache: "data/cache".into(),
            synthetic: "data/synthetic".into(),
            skip_unreadable: false,
            recorder_pattern: None,
            recorder_csv: None,
            drop_duplicates: false,
            drop_contradictions: false,
            split: SplitConfig::Grouped {},
            labels: BTreeMap::new(),
            corpora: Vec::new(),
        }
    }
}

impl DataConfig {
    /// Where the recordings are, if there are not several corpora.
    pub fn source(&self) -> CorpusSource<'_> {
        CorpusSource { roots: &self.roots, table: self.table.as_deref(), audio: self.audio.as_deref() }
    }

    /// Where the recordings are, in words.
    pub fn places(&self) -> Vec<String> {
        match &self.corpora[..] {
            [] => self.source().places(),
            corpora => corpora.iter().flat_map(|corpus| corpus.source().places()).collect(),
        }
    }

    /// Folder of the tables of embeddings, inside [`DataConfig::cache_dir`].
    pub fn embedding_tables(&self) -> PathBuf {
        self.cache_dir().join("embeddings")
    }

    /// Folder of the caches: `cache`, inside `WAIL_HOME` if it is set.
    pub fn cache_dir(&self) -> PathBuf {
        home::inside(&self.cache)
    }

    /// The files that the table names, with `root` as the data folder in use. Their contents decide results.
    pub fn named_files(&self, root: &Path) -> Vec<PathBuf> {
        let split = match &self.split {
            SplitConfig::Csv { dir } => {
                let dir = PathBuf::from(dir.replace("{root}", &root.display().to_string()));
                Split::ALL.map(|part| dir.join(format!("{}.csv", part.name()))).to_vec()
            }
            _ => Vec::new(),
        };
        split.into_iter().chain(self.recorder_csv.clone()).collect()
    }

    /// The table without its paths: what lies there decides results, not where it lies.
    pub fn without_paths(&self) -> Self {
        let Self { roots, table, audio, cache, synthetic, .. } = Self::default();
        let corpora = self.corpora.iter().map(CorpusConfig::without_paths).collect();
        let split = match &self.split {
            SplitConfig::Csv { .. } => SplitConfig::Csv { dir: String::new() },
            other => other.clone(),
        };
        let recorder_csv = self.recorder_csv.as_ref().map(|_| PathBuf::new());
        Self { roots, table, audio, cache, synthetic, split, recorder_csv, corpora, ..self.clone() }
    }

    /// Every invalid value.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if let Some(Err(error)) = self.recorder_pattern.as_deref().map(RecorderRule::pattern) {
            found.push(Problem { key: "data.recorder_pattern".into(), message: error.to_string() });
        }
        found.extend(CorpusConfig::problems(&self.corpora));
        let mut check = |ok: bool, key: &str, message: &str| {
            if !ok {
                found.push(Problem { key: format!("data.{key}"), message: message.into() });
            }
        };
        check((40..=100_000).contains(&self.synthetic_recordings), "synthetic_recordings", "must be 40 to 100000");
        check(
            self.recorder_pattern.is_none() || self.recorder_csv.is_none(),
            "recorder_csv",
            "conflicts with recorder_pattern: set only one of them",
        );
        check(
            self.audio.is_none() || self.table.is_some(),
            "audio",
            "is the folder of a table's files: set data.table",
        );
        check(
            self.table.is_none() || self.corpora.is_empty(),
            "corpora",
            "conflicts with data.table: give the table to one of the corpora",
        );
        if let SplitConfig::Corpora { train, test } = &self.split {
            check(!train.is_empty() && !test.is_empty(), "split", "train and test must name at least one corpus each");
            check(!train.iter().any(|name| test.contains(name)), "split", "a corpus is in train and in test");
        }
        if let SplitConfig::CrossValidation { folds, repeats, .. } = self.split {
            check((3..=20).contains(&folds), "split.folds", "must be 3 to 20");
            check((1..=100).contains(&repeats), "split.repeats", "must be 1 to 100");
        }
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::config::{Config, Settings};

    #[test]
    fn unknown_keys_of_every_kind_of_split_and_bad_patterns_are_refused() {
        let parse = |text: &str| Config::parse("x.toml", text, &[]);
        for (kind, known) in [
            ("stratified", ""),
            ("grouped", ""),
            ("leave_one_group_out", ""),
            ("cross_validation", "folds = 4\nrepeats = 2\ngrouped = false\n"),
            ("csv", "dir = 'splits'\n"),
            ("table", ""),
            ("leave_one_corpus_out", ""),
            ("corpora", "train = ['a']\ntest = ['b', 'c']\n"),
        ] {
            let split = format!("[data.split]\nkind = '{kind}'\n{known}");
            assert!(parse(&split).is_ok(), "{kind}");
            let error = parse(&format!("{split}fold = 3\n")).unwrap_err();
            let message = error.to_string();
            assert!(message.contains("unknown field `fold`"), "{kind}: {message}");
            assert_eq!(error.exit_code(), 2);
        }
        let one = "[[data.corpora]]\nname = 'a'\nroots = ['r']\n";
        for (text, expected) in [
            ("[data]\naudio = 'a'\n".into(), "data.audio"),
            (format!("[data]\ntable = 't.csv'\n{one}"), "conflicts with data.table"),
            (format!("{one}{one}"), "the name \"a\" is there twice"),
            (format!("{one}table = 't.csv'\n"), "\"a\" must have either roots or a table"),
            ("[[data.corpora]]\nname = 'a/b'\ntable = 't'\n".into(), "and no slash"),
            (format!("{one}audio = 'x'\n"), "but no table"),
            (format!("{one}lables = {{}}\n"), "unknown field `lables`"),
            ("[data.split]\nkind = 'corpora'\ntrain = ['a']\ntest = ['a']\n".into(), "in train and in test"),
            ("[data.split]\nkind = 'corpora'\ntrain = []\ntest = ['a']\n".into(), "at least one corpus"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.to_string().contains(expected) && error.exit_code() == 2, "{text}: {error}");
        }
        for (pattern, expected) in [("(", "unclosed group"), ("baby", "it needs a group in parentheses")] {
            let error = parse(&format!("[data]\nrecorder_pattern = '{pattern}'\n")).unwrap_err();
            let message = error.to_string();
            assert!(
                message.contains("line 2, column 1: data.recorder_pattern") && message.contains(expected),
                "{message}"
            );
            assert_eq!(error.exit_code(), 2);
        }
    }
}
