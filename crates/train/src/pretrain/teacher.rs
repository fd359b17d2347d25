//! What a teacher makes of recordings: a CSV file, whatever made it.

use std::collections::HashMap;
use std::path::Path;

use crate::Error;

/// The rows of the recordings `hashes` in the file at `path`, each column brought to mean 0 and standard deviation 1 over them;
/// a column that never changes becomes 0.
///
/// # Errors
/// [`Error::Data`] if the file cannot be read, holds what is no number, or lacks a recording.
pub(super) fn targets(path: &Path, hashes: &[String]) -> Result<Vec<Vec<f32>>, Error> {
    let fail = |why: String| Error::Data(format!("{}: {why}", path.display()));
    let mut reader = csv::Reader::from_path(path).map_err(|e| fail(e.to_string()))?;
    let mut known: HashMap<String, Vec<f32>> = HashMap::new();
    for line in reader.records() {
        let line = line.map_err(|e| fail(e.to_string()))?;
        let hash = line.get(0).unwrap_or_default();
        let numbers: Result<Vec<f32>, _> = line.iter().skip(1).map(str::parse::<f32>).collect();
        let numbers = numbers.map_err(|e| fail(format!("the line of {hash}: {e}")))?;
        if let Some(odd) = numbers.iter().find(|number| !number.is_finite()) {
            return Err(fail(format!("the line of {hash} holds {odd}, no finite number")));
        }
        known.insert(hash.to_owned(), numbers);
    }
    let rows = hashes.iter().map(|hash| {
        let row = known.get(hash).filter(|row| !row.is_empty());
        row.cloned().ok_or_else(|| fail(format!("there is no embedding of the recording with SHA-256 {hash}")))
    });
    let mut rows: Vec<Vec<f32>> = rows.collect::<Result<_, _>>()?;
    for column in 0..rows.first().map_or(0, Vec::len) {
        let n = rows.len() as f64;
        let mean = rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / n;
        let variance = rows.iter().map(|row| (f64::from(row[column]) - mean).powi(2)).sum::<f64>() / n;
        let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
        rows.iter_mut().for_each(|row| row[column] = ((f64::from(row[column]) - mean) * scale) as f32);
    }
    Ok(rows)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_hash_and_standardised() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("teacher.csv");
        let read = |text: &str, hashes: &[&str]| {
            std::fs::write(&path, text).unwrap();
            let hashes: Vec<String> = hashes.iter().map(|hash| (*hash).to_owned()).collect();
            targets(&path, &hashes).map_err(|e| e.to_string())
        };
        let text = "sha256,e0,e1\naa,1,5\nbb,100,5\ncc,3,5\n";
        assert_eq!(read(text, &["cc", "aa"]).unwrap(), [[1.0, 0.0], [-1.0, 0.0]]);
        assert!(read(text, &["dd"]).unwrap_err().contains("SHA-256 dd"));
        assert!(read("sha256,e0\naa,x\n", &["aa"]).unwrap_err().contains("the line of aa"));
        assert!(read("sha256,e0\naa,inf\n", &["aa"]).unwrap_err().contains("no finite number"));
        assert!(read("sha256,e0\naa,1\nbb,1,2\n", &["aa"]).unwrap_err().contains("teacher.csv"));
    }
}
