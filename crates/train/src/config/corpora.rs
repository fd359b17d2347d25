//! `[[data.corpora]]`: several corpora side by side.

use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::Problem;

/// One of several corpora.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorpusConfig {
    /// Its name, which comes before the paths of its recordings, and by which splits know it.
    pub name: String,
    /// As `data.roots`, if it is a folder of class folders.
    #[serde(default)]
    pub roots: Vec<String>,
    /// As `data.table`, if it is a table.
    #[serde(default)]
    pub table: Option<String>,
    /// As `data.audio`.
    #[serde(default)]
    pub audio: Option<String>,
    /// As `data.labels`, for this corpus alone.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Where the recordings of a corpus are.
#[derive(Debug, Clone, Copy)]
pub struct CorpusSource<'a> {
    /// Candidates for the folder of class folders, if there is no table.
    pub roots: &'a [String],
    /// The table.
    pub table: Option<&'a str>,
    /// Folder of the table's files; `None` for that of the table.
    pub audio: Option<&'a str>,
}

impl CorpusSource<'_> {
    /// The places, in words.
    pub fn places(&self) -> Vec<String> {
        match self.table {
            Some(table) => vec![table.into()],
            None => self.roots.iter().map(|root| format!("{root}/CLASS/")).collect(),
        }
    }
}

impl CorpusConfig {
    /// Where its recordings are.
    pub fn source(&self) -> CorpusSource<'_> {
        CorpusSource { roots: &self.roots, table: self.table.as_deref(), audio: self.audio.as_deref() }
    }

    /// This corpus without its paths.
    pub fn without_paths(&self) -> Self {
        Self { name: self.name.clone(), roots: Vec::new(), table: None, audio: None, labels: self.labels.clone() }
    }

    /// Every invalid value of `corpora`.
    pub fn problems(corpora: &[Self]) -> Vec<Problem> {
        let problem = |message: String| Problem { key: "data.corpora".into(), message };
        let mut found = Vec::new();
        let mut names = HashSet::new();
        for Self { name, roots, table, audio, .. } in corpora {
            if name.trim().is_empty() || name.contains(['/', '\\']) {
                found.push(problem(format!("the name {name:?} must have a character, and no slash")));
            }
            if !names.insert(name.to_lowercase()) {
                found.push(problem(format!("the name {name:?} is there twice")));
            }
            if roots.is_empty() == table.is_none() {
                found.push(problem(format!("{name:?} must have either roots or a table")));
            }
            if audio.is_some() && table.is_none() {
                found.push(problem(format!("{name:?} has audio, the folder of a table's files, but no table")));
            }
        }
        found
    }
}
