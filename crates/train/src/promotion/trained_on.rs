//! The recordings that a model was trained on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use experiment::PretrainingData;
use serde::Deserialize;

use crate::Error;

/// File name of the list in a published version.
pub const TRAINED_ON_FILE: &str = "trained_on.csv";

/// The recordings that a model was trained on, also those of its validation, which chose it, and of its encoder's pretraining.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrainedOn {
    /// SHA-256 of their bytes.
    recordings: BTreeSet<String>,
    /// Their recorders, as far as they are known.
    recorders: BTreeSet<String>,
}

/// A line of [`TRAINED_ON_FILE`].
#[derive(Debug, Deserialize)]
struct Row {
    sha256: String,
    recorder: String,
}

impl TrainedOn {
    /// What the model of the run in the folder `run` was trained on.
    ///
    /// # Errors
    /// [`Error::Data`] if a table of the run is missing or damaged.
    pub fn of_run(run: &Path) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Recording {
            path: String,
            sha256: String,
            recorder: String,
        }
        #[derive(Deserialize)]
        struct Member {
            path: String,
        }
        let all: Vec<Recording> = rows(&run.join("manifest.csv"), &read(&run.join("manifest.csv"))?)?;
        let by_path: BTreeMap<&str, &Recording> = all.iter().map(|row| (row.path.as_str(), row)).collect();
        let mut trained_on = Self::default();
        for name in ["train.csv", "val.csv"] {
            let table = run.join("split").join(name);
            for Member { path } in rows::<Member>(&table, &read(&table)?)? {
                let unknown = || Error::Data(format!("{}: {path} is not in manifest.csv", table.display()));
                let Recording { sha256, recorder, .. } = by_path.get(path.as_str()).ok_or_else(unknown)?;
                trained_on.add(sha256, recorder);
            }
        }
        Ok(trained_on)
    }

    /// Parses the list that [`TrainedOn::to_csv`] made, in the file `name`.
    ///
    /// # Errors
    /// [`Error::Data`] if it is damaged.
    pub fn parse(name: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let mut trained_on = Self::default();
        for Row { sha256, recorder } in rows::<Row>(name, bytes)? {
            trained_on.add(&sha256, &recorder);
        }
        Ok(trained_on)
    }

    /// The list as CSV: recordings, then recorders.
    pub fn to_csv(&self) -> String {
        let recordings = self.recordings.iter().map(|sha256| format!("{sha256},\n"));
        let recorders = self.recorders.iter().map(|recorder| format!(",\"{}\"\n", recorder.replace('"', "\"\"")));
        format!("sha256,recorder\n{}", recordings.chain(recorders).collect::<String>())
    }

    /// Adds the recordings of the encoder's pretraining.
    pub fn add_pretraining(&mut self, pretraining: &PretrainingData) {
        self.recordings.extend(pretraining.recordings.iter().cloned());
        self.recorders.extend(pretraining.recorders.iter().cloned());
    }

    /// Whether a recording, or another one of its recorder, is among them.
    pub fn knows(&self, sha256: &str, recorder: Option<&str>) -> bool {
        self.recordings.contains(sha256) || recorder.is_some_and(|recorder| self.recorders.contains(recorder))
    }

    fn add(&mut self, sha256: &str, recorder: &str) {
        self.recordings.extend((!sha256.is_empty()).then(|| sha256.to_owned()));
        self.recorders.extend((!recorder.is_empty()).then(|| recorder.to_owned()));
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::Data(format!("{}: {error}", path.display())))
}

fn rows<T: for<'a> Deserialize<'a>>(name: &Path, bytes: &[u8]) -> Result<Vec<T>, Error> {
    let rows: Result<Vec<T>, csv::Error> = csv::Reader::from_reader(bytes).deserialize().collect();
    rows.map_err(|error| Error::Data(format!("{}: {error}", name.display())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn write_run(run: &Path) {
        std::fs::create_dir_all(run.join("split")).unwrap();
        for (name, text) in [
            (
                "manifest.csv",
                "path,label,bytes,sha256,recorder,group\na/1,a,1,s1,anna,0\na/2,a,1,s2,,1\nb/3,b,1,s3,\"b, b\",2\n",
            ),
            ("split/train.csv", "class,path,label\na,a/1,0\n"),
            ("split/val.csv", "class,path,label\na,a/2,0\n"),
            ("split/test.csv", "class,path,label\nb,b/3,1\n"),
        ] {
            std::fs::write(run.join(name), text).unwrap();
        }
    }

    #[test]
    fn training_and_validation_of_a_run_count_and_its_test_does_not() {
        let run = tempfile::tempdir().unwrap();
        write_run(run.path());
        let trained_on = TrainedOn::of_run(run.path()).unwrap();
        assert!(trained_on.knows("s1", None) && trained_on.knows("s2", None) && trained_on.knows("new", Some("anna")));
        assert!(
            !trained_on.knows("s3", Some("b, b")) && !trained_on.knows("", None) && !trained_on.knows("s", Some(""))
        );
    }

    #[test]
    fn the_list_reads_back() {
        let mut trained_on = TrainedOn::default();
        trained_on.add("s1", "anna \"b\", c");
        trained_on.add("s2", "");
        trained_on.add_pretraining(&PretrainingData { recordings: vec!["s9".into()], ..PretrainingData::default() });
        let text = trained_on.to_csv();
        assert_eq!(TrainedOn::parse(Path::new("x"), text.as_bytes()).unwrap(), trained_on);
        assert!(TrainedOn::parse(Path::new("x"), b"sha256\ns1\n").is_err());
    }

    #[test]
    fn damaged_tables_are_named() {
        let run = tempfile::tempdir().unwrap();
        assert!(TrainedOn::of_run(run.path()).unwrap_err().to_string().contains("manifest.csv"));
        write_run(run.path());
        std::fs::write(run.path().join("split/val.csv"), "class,path,label\na,a/7,0\n").unwrap();
        let message = TrainedOn::of_run(run.path()).unwrap_err().to_string();
        assert!(message.contains("a/7 is not in manifest.csv"), "{message}");
    }
}
