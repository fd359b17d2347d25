//! Which recordings a run uses: the folder found, or the stand-in where there is none.

use std::path::PathBuf;

use dataset::{Corpus, synth};

use crate::Error;
use crate::config::{DataConfig, WhenMissing};
use crate::terminal::progress::warn;

/// The recordings of a run.
pub struct Located {
    /// All of them.
    pub corpus: Corpus,
    /// Whether they are synthetic.
    pub synthetic: bool,
}

impl Located {
    /// Finds the recordings; makes the synthetic corpus where the configuration allows it and `strict` does not forbid it.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no recordings and no stand-in is allowed, or only of one class.
    pub fn find(config: &DataConfig, strict: bool) -> Result<Self, Error> {
        let candidates: Vec<PathBuf> = config.roots.iter().filter_map(|root| expand(root)).collect();
        let stand_in = config.synthetic.join(config.synthetic_recordings.to_string());
        let root = match candidates.iter().find(|root| root.is_dir()) {
            Some(root) => root.clone(),
            None if strict || config.when_missing == WhenMissing::Fail => {
                return Err(Error::Data(format!(
                    "there are no recordings: none of these folders exists: {}\n  Put folders of labelled recordings there \
                     (one folder a class), or name your own with --set 'data.roots=[\"DIR\"]'",
                    config.roots.join(", ")
                )));
            }
            None => {
                let settings = synth::SynthConfig { n_recordings: config.synthetic_recordings, ..Default::default() };
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
        let counts = corpus.class_counts();
        let not_empty: Vec<&String> =
            corpus.labels.iter().zip(counts).filter(|(_, n)| *n > 0).map(|(l, _)| l).collect();
        if let [only] = not_empty[..] {
            return Err(Error::Data(format!(
                "{0}: a classifier needs at least two folders with recordings, one a class, and only {only:?} has any; if \
                 the class folders are inside it, name {1}",
                root.display(),
                root.join(only).display()
            )));
        }
        Ok(Self { corpus, synthetic })
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_above_the_classes_is_told_from_one_with_classes() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["raw/hungry", "raw/tired", "splits"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("raw/hungry/1.wav"), "").unwrap();
        let config = DataConfig { roots: vec![root.path().display().to_string()], ..DataConfig::default() };
        let error = Located::find(&config, false).err().unwrap().to_string();
        assert!(error.ends_with(&format!("name {}", root.path().join("raw").display())), "{error}");
    }

    #[test]
    fn places_with_an_unset_variable_are_passed_over() {
        assert_eq!(expand("a/b"), Some("a/b".into()));
        assert_eq!(expand("${WAIL_NO_SUCH_VARIABLE}/b"), None);
        assert_eq!(expand("${CARGO_PKG_NAME}/b${CARGO_PKG_NAME}"), Some("train/btrain".into()));
        assert_eq!(expand("a${b"), None);
    }
}
