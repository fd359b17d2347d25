//! Label tracks that Audacity exports: start, end and label on each line, separated by tabs.

use super::annotation::Annotation;
use crate::csv_table::number;

/// The labels of a track. Lines with the frequencies of the label above them, which begin with `\`, are skipped.
pub(super) fn parse(text: &str) -> Result<Vec<Annotation>, String> {
    let mut annotations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        if line.trim().is_empty() || line.starts_with('\\') {
            continue;
        }
        let mut fields = line.splitn(3, '\t').map(str::trim);
        let [start, end] = [fields.next(), fields.next()].map(|field| field.and_then(seconds));
        let (Some(start), Some(end)) = (start, end) else {
            return Err(format!(
                "line {line_number}: it is no label of Audacity (start, end and label, separated by tabs), and the file is \
                 neither a selection table of Raven nor a TextGrid of Praat"
            ));
        };
        let label = fields.next().unwrap_or_default().to_owned();
        annotations.push(Annotation { line: line_number, start, end, label, tier: String::new(), file: None });
    }
    if annotations.is_empty() { Err("it holds no annotations".into()) } else { Ok(annotations) }
}

/// A time with a point or a comma, s, as text with a point.
fn seconds(text: &str) -> Option<String> {
    number(text).map(|_| text.replace(',', "."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_with_points_or_commas_and_without_frequencies() {
        let text = "0.500000\t2.250000\thungry\r\n\\\t300.0\t4000.0\r\n3,5\t4,75\tbelly\tpain \r\n\r\n6\t7\n";
        let found = parse(text).unwrap();
        let found: Vec<_> =
            found.iter().map(|a| (a.line, a.start.as_str(), a.end.as_str(), a.label.as_str())).collect();
        assert_eq!(
            found,
            [(1, "0.500000", "2.250000", "hungry"), (3, "3.5", "4.75", "belly\tpain"), (5, "6", "7", "")]
        );
        for text in ["0\t1\tx\n0;1;x\n", "0\t1\tx\nnan\t1\tx\n", "0\t1\tx\n0\n"] {
            assert!(parse(text).unwrap_err().starts_with("line 2: it is no label of Audacity"));
        }
    }
}
