//! The classes of a state dict, as people name them.

use std::path::Path;
use std::str::FromStr;

/// The classes of a state dict of PyTorch in the order of its outputs: separated by commas, or the name of a file with one on each
/// line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels(pub Vec<String>);

impl FromStr for Labels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let labels: Vec<String> = match Path::new(text) {
            path if path.is_file() => {
                let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
                text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
            }
            _ => text.split(',').map(|label| label.trim().to_owned()).collect(),
        };
        if labels.iter().any(String::is_empty) { Err("a label is empty".into()) } else { Ok(Self(labels)) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_from_a_list_or_from_the_lines_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.txt");
        std::fs::write(&file, "hungry\r\n\n belly pain \ntired, or not\n").unwrap();
        let labels = |text: &str| text.parse::<Labels>().map(|labels| labels.0.join("|"));
        assert_eq!(labels("hungry, belly pain,tired").unwrap(), "hungry|belly pain|tired");
        assert_eq!(labels("hungry").unwrap(), "hungry");
        assert_eq!(labels(file.to_str().unwrap()).unwrap(), "hungry|belly pain|tired, or not");
        for empty in ["", "hungry,", "hungry,,tired"] {
            assert_eq!(labels(empty).unwrap_err(), "a label is empty", "{empty:?}");
        }
    }
}
