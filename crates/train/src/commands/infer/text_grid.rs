//! Episodes as a TextGrid of Praat: <https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html>.

use std::fmt::Write;

/// A TextGrid of `seconds` with one interval tier, `episodes`; `marked` are start, end and text of its intervals, in order.
/// What lies between them is empty.
pub(super) fn text_grid(seconds: f64, marked: &[(f64, f64, String)]) -> String {
    let mut intervals: Vec<(f64, f64, &str)> = Vec::new();
    let mut reached = 0.0;
    for (start, end, text) in marked {
        if *start > reached {
            intervals.push((reached, *start, ""));
        }
        intervals.push((*start, *end, text));
        reached = *end;
    }
    let seconds = seconds.max(reached);
    if seconds > reached || intervals.is_empty() {
        intervals.push((reached, seconds, ""));
    }
    let mut grid = format!(
        "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = {seconds}\ntiers? <exists>\nsize = 1\n\
         item []:\n    item [1]:\n        class = \"IntervalTier\"\n        name = \"episodes\"\n        xmin = 0\n        \
         xmax = {seconds}\n        intervals: size = {}\n",
        intervals.len()
    );
    for (index, (start, end, text)) in intervals.iter().enumerate() {
        let text = text.replace('"', "\"\"");
        // Writing into a string cannot fail.
        _ = write!(
            grid,
            "        intervals [{}]:\n            xmin = {start}\n            xmax = {end}\n            text = \"{text}\"\n",
            index + 1
        );
    }
    grid
}
