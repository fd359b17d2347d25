//! Every key of a configuration as Markdown, from the types: `docs/config.md` and `wail config keys`.

use schemars::JsonSchema;
use serde_json::Value;

use super::Settings;
use crate::Error;

/// The Markdown tables of a configuration: a section for each table of the file, a row for each key with its default and its
/// doc comment.
///
/// # Errors
/// [`Error::Encode`] if the defaults have no JSON form.
pub fn tables<C: Settings + JsonSchema + Default>() -> Result<String, Error> {
    let schema = schemars::schema_for!(C).to_value();
    let defaults = serde_json::to_value(C::default()).map_err(Error::encode("the defaults of a configuration"))?;
    let mut text = String::new();
    Reference { root: &schema }.table("", &schema, &defaults, &mut text);
    Ok(text)
}

struct Reference<'a> {
    /// The schema of the whole configuration, which holds the definitions that its parts refer to.
    root: &'a Value,
}

impl<'a> Reference<'a> {
    /// Adds the section of the table `path` and those of the tables inside it.
    fn table(&self, path: &str, schema: &'a Value, defaults: &Value, text: &mut String) {
        if !path.is_empty() {
            *text += &format!("### `[{path}]`\n\n{}\n\n", cell(schema));
        }
        *text += "| key | default | meaning |\n| --- | --- | --- |\n";
        let mut inner = Vec::new();
        for (key, property) in properties(schema) {
            let definition = self.resolve(property);
            let default = &defaults[key];
            let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if properties(definition).next().is_some() {
                inner.push((name, definition, default));
                continue;
            }
            let default = if default.is_null() { "–".into() } else { format!("`{}`", inline(default)) };
            *text += &format!("| `{key}` | {default} | {} |\n", self.meaning(property, definition));
        }
        *text += "\n";
        for (name, definition, default) in inner {
            self.table(&name, definition, default, text);
        }
    }

    /// The doc comment of a key, and those of its possible values.
    fn meaning(&self, property: &Value, definition: &'a Value) -> String {
        let mut meaning = if property["description"].is_null() { cell(definition) } else { cell(property) };
        for variant in definition["oneOf"].as_array().into_iter().flatten() {
            let (value, keys) = match &variant["const"] {
                Value::String(value) => (format!("`{value}`"), String::new()),
                _ => self.tagged(variant),
            };
            meaning += &format!("<br>{value}: {}{keys}", cell(variant));
        }
        meaning
    }

    /// A table whose `kind` decides its other keys: the kind, and the other keys.
    fn tagged(&self, variant: &'a Value) -> (String, String) {
        let kind = &variant["properties"]["kind"]["const"];
        let others = properties(variant).filter(|(key, _)| *key != "kind");
        let keys = others.map(|(key, property)| {
            let default = match &property["default"] {
                Value::Null => String::new(),
                default => format!(", default `{}`", inline(default)),
            };
            format!(" `{key}`{default}: {}", cell(property))
        });
        (format!("`kind = {kind}`"), keys.collect())
    }

    /// The definition that a property refers to, even if the property is optional.
    fn resolve(&self, property: &'a Value) -> &'a Value {
        let of = |schema: &'a Value| {
            schema["$ref"].as_str().and_then(|path| self.root.pointer(path.trim_start_matches('#')))
        };
        let either = || property["anyOf"].as_array().into_iter().flatten().find_map(of);
        of(property).or_else(either).unwrap_or(property)
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// The description of a schema in one line that a cell of a table can hold.
fn cell(schema: &Value) -> String {
    schema["description"]
        .as_str()
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

/// A default as TOML writes it in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let entries: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        // Defaults of type f32 are written with f32 precision, without the digits that f64 adds.
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(wide) if f64::from(wide as f32) == wide => format!("{:?}", wide as f32),
            Some(wide) => format!("{wide:?}"),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}
