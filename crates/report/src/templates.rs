//! The templates of all pages, and the filters they use.

use dataset::count;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment};

use crate::text::{interval, number};
use crate::{Error, markdown};

const TEMPLATES: [(&str, &str); 9] = [
    ("base.html", include_str!("templates/base.html")),
    ("report.html", include_str!("templates/report.html")),
    ("report.md", include_str!("templates/report.md")),
    ("comparison.html", include_str!("templates/comparison.html")),
    ("comparison.md", include_str!("templates/comparison.md")),
    ("audit.html", include_str!("templates/audit.html")),
    ("audit.css", include_str!("templates/audit.css")),
    ("style.css", include_str!("templates/style.css")),
    ("sort.js", include_str!("templates/sort.js")),
];

/// Renders the template `name`. In HTML every text is escaped, so that no name can become markup.
///
/// # Errors
/// [`Error::Template`] if the template does not fit the context.
pub(crate) fn render(name: &'static str, context: &Value) -> Result<String, Error> {
    let render = || environment()?.get_template(name)?.render(context);
    render().map_err(|source| Error::Template { name, source })
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_keep_trailing_newline(true);
    environment.set_auto_escape_callback(
        |name| {
            if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
        },
    );
    environment.add_filter("number", number_filter);
    environment.add_filter("percent", |share: f64| format!("{:.0}\u{a0}%", 100.0 * share));
    environment.add_filter("counted", |n: usize, noun: &str| count(n, noun));
    environment.add_filter("css", |share: f64| format!("{:.1}%", 100.0 * share));
    environment.add_filter("interval", |ends: Option<Vec<f64>>, n_groups: Option<usize>| {
        interval(ends.and_then(|ends| ends.try_into().ok()), n_groups)
    });
    environment.add_filter("split_name", |name: &str| if name == "val" { "validation" } else { "test" });
    environment.add_filter("signed", |value: f64| format!("{value:+.3}"));
    environment.add_filter("p_value", |p: f64| if p < 0.001 { format!("{p:.4}") } else { format!("{p:.3}") });
    environment.add_filter("plain", |text: &str| markdown::plain(text));
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

/// A number with three decimals, or with `digits`; `–` if there is none.
fn number_filter(value: &Value, digits: Option<usize>) -> String {
    let digits = digits.unwrap_or(3);
    f64::try_from(value.clone()).map_or_else(|_| number(None), |value| format!("{value:.digits$}"))
}
