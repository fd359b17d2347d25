//! Locates the recordings of a run: the first folder that exists, or a synthetic corpus.

use std::path::{Path, PathBuf};

use dataset::{Corpus, synth};
use durable::is_store_url;

use super::bucket;
use crate::Error;
use crate::config::{DataConfig, SplitConfig, WhenMissing};
use crate::terminal::progress::warn;
use crate::terminal::stderr;

/// The recordings of a run.
pub struct Located {
    /// All of them.
    pub corpus: Corpus,
    /// Whether they are synthetic.
    pub synthetic: bool,
}

impl Located {
    /// Locates the recordings. Without any, generates the synthetic corpus if the configuration allows it and `strict` is off.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no recordings and no synthetic corpus is allowed, or recordings of one class only,
    /// [`Error::Dataset`] if a folder or the cache cannot be read or written, [`Error::Registry`] if a store cannot be read.
    pub fn find(config: &DataConfig, strict: bool) -> Result<Self, Error> {
        let candidates: Vec<String> = config.roots.iter().filter_map(|root| expand(root)).collect();
        let synthetic_root = config.synthetic.join(config.synthetic_recordings.to_string());
        let root = match candidates.iter().find(|root| is_store_url(root) || Path::new(root).is_dir()) {
            Some(url) if is_store_url(url) => bucket::local_copy(url, &config.cache_dir())?,
            Some(root) => PathBuf::from(root),
            None if strict || config.when_missing == WhenMissing::Fail => {
                return Err(Error::Data(format!(
                    "there are no recordings: none of these folders exists: {}\n  Put folders of labelled recordings there \
                     (one folder per class), or name your own with --set 'data.roots=[\"DIR\"]'",
                    config.roots.join(", ")
                )));
            }
            None => {
                let settings = synth::SynthConfig { n_recordings: config.synthetic_recordings, ..Default::default() };
                synth::write_corpus(&synthetic_root, &settings)?;
                synthetic_root
            }
        };
        let synthetic = synth::is_synthetic(&root);
        if synthetic {
            let put_them =
                config.roots.first().map(|root| format!("put them into {root}/CLASS/, or ")).unwrap_or_default();
            warn(&format!(
                "the recordings are SYNTHETIC cries ({}), since there are no others.\nScores on them say nothing about real \
                 babies. To use your own recordings, one folder per class: {put_them}name their folder with --set \
                 'data.roots=[\"DIR\"]'.\nA public corpus: https://github.com/gveres/donateacry-corpus",
                root.display()
            ));
        }
        let corpus = Corpus::scan_cached(&root, &config.cache_dir())?;
        if !corpus.passed_over.is_empty() {
            stderr::line(format_args!("passed over {}", corpus.passed_over.summary()));
        }
        if corpus.folder_split().is_some() && !matches!(config.split, SplitConfig::Csv { .. } | SplitConfig::Folders {})
        {
            stderr::line(format_args!(
                "note: the folders in {} are named as splits, but their recordings are pooled and split anew, as data.split says. \
                 To use the folders as the split: --set data.split.kind=folders",
                root.display()
            ));
        }
        if let [only] = &corpus.labels[..] {
            return Err(Error::Data(format!(
                "{0}: a classifier needs at least two folders with recordings, one per class, but only {only:?} has any; if \
                 the class folders are inside it, name {1}",
                root.display(),
                root.join(only).display()
            )));
        }
        Ok(Self { corpus, synthetic })
    }
}

/// Replaces each `${NAME}` by the environment variable; `None` if one is not set.
fn expand(text: &str) -> Option<String> {
    let mut path = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let end = start + rest[start..].find('}')?;
        path.push_str(&rest[..start]);
        path.push_str(&std::env::var(&rest[start + 2..end]).ok()?);
        rest = &rest[end + 1..];
    }
    path.push_str(rest);
    Some(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_above_the_class_folders_is_recognised() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["raw/hungry", "raw/tired", "splits"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("raw/hungry/1.wav"), "").unwrap();
        let (roots, cache) = (vec![root.path().display().to_string()], root.path().join("cache"));
        let config = DataConfig { roots, cache, ..DataConfig::default() };
        let error = Located::find(&config, false).err().unwrap().to_string();
        assert!(error.ends_with(&format!("name {}", root.path().join("raw").display())), "{error}");
    }

    #[test]
    fn roots_with_an_unset_variable_are_skipped() {
        assert_eq!(expand("a/b"), Some("a/b".into()));
        assert_eq!(expand("${WAIL_NO_SUCH_VARIABLE}/b"), None);
        assert_eq!(expand("${CARGO_PKG_NAME}/b${CARGO_PKG_NAME}"), Some("train/btrain".into()));
        assert_eq!(expand("a${b"), None);
    }
}
