//! Locates the recordings of a run: a table, several corpora, the first folder that exists, or a synthetic corpus.

use std::path::{Path, PathBuf};

use dataset::{Corpus, count, synth};
use durable::is_store_url;

use super::bucket;
use crate::Error;
use crate::config::{CorpusConfig, CorpusSource, DataConfig, SplitConfig, WhenMissing};
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
        let mut corpus = match &config.corpora[..] {
            [] => match read(config.source(), config)? {
                Some(corpus) => corpus,
                None if strict || config.when_missing == WhenMissing::Fail => {
                    return Err(Error::Data(format!(
                        "there are no recordings: none of these folders exists: {}\n  Put folders of labelled recordings there \
                         (one folder per class), or name your own with --set 'data.roots=[\"DIR\"]'",
                        config.roots.join(", ")
                    )));
                }
                None => synthetic(config)?,
            },
            corpora => several(corpora, config)?,
        };
        let synthetic = synth::is_synthetic(&corpus.root);
        if synthetic {
            warn_of_synthetic(config, &corpus.root);
        }
        corpus.rename_labels(&config.labels)?;
        describe(config, &corpus);
        if let [only] = &corpus.labels[..] {
            let inside = corpus.root.join(only);
            let hint = match inside.is_dir() {
                true => format!("; if the class folders are inside it, name {}", inside.display()),
                false => String::new(),
            };
            return Err(Error::Data(format!(
                "{}: a classifier needs at least two classes with recordings, but only {only:?} has any{hint}",
                corpus.root.display()
            )));
        }
        Ok(Self { corpus, synthetic })
    }
}

/// The recordings of `source`; `None` if none of its folders exists.
fn read(source: CorpusSource, config: &DataConfig) -> Result<Option<Corpus>, Error> {
    let cache = config.cache_dir();
    if let Some(table) = source.table {
        let place = |text: &str| {
            let unset = || Error::Data(format!("{text}: an environment variable in it is not set"));
            expand(text).map(PathBuf::from).ok_or_else(unset)
        };
        let audio = source.audio.map(place).transpose()?;
        return Ok(Some(Corpus::from_table_cached(&place(table)?, audio.as_deref(), &cache)?));
    }
    let candidates: Vec<String> = source.roots.iter().filter_map(|root| expand(root)).collect();
    let root = match candidates.iter().find(|root| is_store_url(root) || Path::new(root).is_dir()) {
        Some(url) if is_store_url(url) => bucket::local_copy(url, &cache)?,
        Some(root) => PathBuf::from(root),
        None => return Ok(None),
    };
    Ok(Some(Corpus::scan_cached(&root, &cache)?))
}

/// The recordings of several corpora.
fn several(corpora: &[CorpusConfig], config: &DataConfig) -> Result<Corpus, Error> {
    let read = |corpus: &CorpusConfig| {
        let missing = || {
            let roots = corpus.roots.join(", ");
            Error::Data(format!("corpus {:?}: none of these folders exists: {roots}", corpus.name))
        };
        let mut found = read(corpus.source(), config)?.ok_or_else(missing)?;
        found.rename_labels(&corpus.labels)?;
        Ok((corpus.name.clone(), found))
    };
    Ok(Corpus::joined(corpora.iter().map(read).collect::<Result<_, Error>>()?))
}

/// The synthetic corpus.
fn synthetic(config: &DataConfig) -> Result<Corpus, Error> {
    let root = config.synthetic.join(config.synthetic_recordings.to_string());
    let settings = synth::SynthConfig { n_recordings: config.synthetic_recordings, ..Default::default() };
    synth::write_corpus(&root, &settings)?;
    Ok(Corpus::scan_cached(&root, &config.cache_dir())?)
}

fn warn_of_synthetic(config: &DataConfig, root: &Path) {
    let put_them = config.roots.first().map(|root| format!("put them into {root}/CLASS/, or ")).unwrap_or_default();
    warn(&format!(
        "the recordings are SYNTHETIC cries ({}), since there are no others.\nScores on them say nothing about real \
         babies. To use your own recordings, one folder per class: {put_them}name their folder with --set \
         'data.roots=[\"DIR\"]'.\nA public corpus: https://github.com/gveres/donateacry-corpus",
        root.display()
    ));
}

/// Prints what of the corpus is not used as a reader may expect.
fn describe(config: &DataConfig, corpus: &Corpus) {
    if !corpus.passed_over.is_empty() {
        stderr::line(format_args!("passed over {}", corpus.passed_over.summary()));
    }
    if corpus.folder_split().is_some() && !matches!(config.split, SplitConfig::Csv { .. } | SplitConfig::Folders {}) {
        stderr::line(format_args!(
            "note: the folders in {} are named as splits, but their recordings are pooled and split anew, as data.split says. \
             To use the folders as the split: --set data.split.kind=folders",
            corpus.root.display()
        ));
    }
    if corpus.column_split().is_some() && !matches!(config.split, SplitConfig::Table {}) {
        stderr::line(
            "note: the table has a column split, but its recordings are split anew, as data.split says. To use the column: \
             --set data.split.kind=table",
        );
    }
    match corpus.contradicting_overlaps() {
        0 => {}
        n => warn(&format!("{} overlap another one of the same file that has another label", count(n, "segment"))),
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
