//! Markdown tables and escaping.

/// A table whose cells are Markdown.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    text += &line(&vec!["---".to_owned(); header.len()]);
    for row in rows {
        text += &line(&row);
    }
    text + "\n"
}

/// Escapes what would break a table or a line.
pub(crate) fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}
