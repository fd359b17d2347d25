//! Which recordings a run uses: the folder found, the stand-in where there is none, and the split.

use std::path::{Path, PathBuf};

use dataset::{Corpus, Split, split_from_csv, stratified_split, synth};

use crate::Error;
use crate::config::{Config, SplitConfig, WhenMissing};
use crate::progress::warn;

/// The recordings of a run.
pub struct Data {
    /// All of them.
    pub corpus: Corpus,
    /// Where each belongs; `None` for one that takes no part.
    pub split: Vec<Option<Split>>,
    /// How they were split, in words.
    pub split_rule: String,
    /// Whether the corpus is the synthetic stand-in.
    pub synthetic: bool,
}

impl Data {
    /// Finds the recordings and splits them; makes the synthetic corpus where the configuration allows it.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no recordings and no stand-in is allowed, or the split does not fit them.
    pub fn find(config: &Config) -> Result<Self, Error> {
        let candidates: Vec<PathBuf> = config.data.roots.iter().filter_map(|root| expand(root)).collect();
        let stand_in = config.data.synthetic.join(config.data.synthetic_recordings.to_string());
        let root = match candidates.iter().find(|root| root.is_dir()) {
            Some(root) => root.clone(),
            None if config.strict || config.data.when_missing == WhenMissing::Fail => {
                return Err(Error::Data(format!(
                    "there are no recordings: none of these folders exists: {}\n  Put folders of labelled recordings there \
                     (one folder a class), or name your own with --set 'data.roots=[\"DIR\"]'",
                    config.data.roots.join(", ")
                )));
            }
            None => {
                let settings =
                    synth::SynthConfig { n_recordings: config.data.synthetic_recordings, ..Default::default() };
                synth::write_corpus(&stand_in, &settings)?;
                stand_in
            }
        };
        let synthetic = synth::is_synthetic(&root);
        if synthetic {
            warn(&format!(
                "these are SYNTHETIC cries ({}), made for machines without data.\nScores on them say nothing about real \
                 babies. For your own recordings, one folder a class: --set 'data.roots=[\"DIR\"]'",
                root.display()
            ));
        }
        let corpus = Corpus::scan(&root)?;
        let (split, split_rule) = match &config.data.split {
            SplitConfig::Stratified if corpus.labels.len() < 2 => {
                return Err(Error::Data(format!("{}: a classifier needs at least two class folders", root.display())));
            }
            SplitConfig::Stratified => {
                let split = stratified_split(&corpus, config.seed).into_iter().map(Some).collect();
                (split, format!("stratified 60/20/20 by class, seed {}", config.seed))
            }
            SplitConfig::Csv { dir } => {
                let dir = dir.replace("{root}", &root.display().to_string());
                (split_from_csv(&corpus, Path::new(&dir))?, format!("train.csv, val.csv and test.csv in {dir}"))
            }
        };
        Ok(Self { corpus, split, split_rule, synthetic })
    }

    /// Recordings by class in training, validation and test.
    ///
    /// # Errors
    /// [`Error::Data`] if one of the three is empty: nothing could be learnt, chosen or measured.
    pub fn counts(&self) -> Result<[Vec<usize>; 3], Error> {
        let mut counts = [const { Vec::new() }; 3].map(|_: Vec<usize>| vec![0; self.corpus.labels.len()]);
        for (recording, place) in self.corpus.recordings.iter().zip(&self.split) {
            let part = match place {
                Some(Split::Train) => 0,
                Some(Split::Val) => 1,
                Some(Split::Test) => 2,
                None => continue,
            };
            counts[part][recording.label] += 1;
        }
        for (name, count) in ["training", "validation", "test"].into_iter().zip(&counts) {
            if count.iter().sum::<usize>() == 0 {
                return Err(Error::Data(format!(
                    "{}: no recording is in the {name} split; there are too few recordings, or the split files name others",
                    self.corpus.root.display()
                )));
            }
        }
        Ok(counts)
    }
}

/// Replaces `${NAME}` by the environment variable; `None` if one is not set.
fn expand(text: &str) -> Option<PathBuf> {
    let mut path = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let end = start + rest[start..].find('}')?;
        path.push_str(&rest[..start]);
        path.push_str(&std::env::var(&rest[start + 2..end]).ok()?);
        rest = &rest[end + 1..];
    }
    path.push_str(rest);
    Some(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_with_an_unset_variable_are_passed_over() {
        assert_eq!(expand("a/b"), Some("a/b".into()));
        assert_eq!(expand("${WAIL_NO_SUCH_VARIABLE}/b"), None);
        assert_eq!(expand("${CARGO_PKG_NAME}/b${CARGO_PKG_NAME}"), Some("train/btrain".into()));
        assert_eq!(expand("a${b"), None);
    }
}
