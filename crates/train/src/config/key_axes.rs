//! The axes of configuration keys, as tables inside `[sweep]` hold them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use experiment::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::{Table, Value};

use super::axis::{Axis, Range};

/// The axes of the keys of one table, or of one key of the top level: by their dotted name below it, which is empty for the key
/// itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct KeyAxes(pub BTreeMap<String, Axis<Setting>>);

impl KeyAxes {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for KeyAxes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(axis) = self.0.get("") {
            return axis.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, axis) in &self.0 {
            map.serialize_entry(name, axis)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for KeyAxes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut axes = BTreeMap::new();
        collect("", Value::deserialize(deserializer)?, &mut axes).map_err(D::Error::custom)?;
        Ok(Self(axes))
    }
}

impl JsonSchema for KeyAxes {
    fn schema_name() -> Cow<'static, str> {
        "KeyAxes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Adds the axes in `value`, which is called `name`; else what is wrong with it.
fn collect(name: &str, value: Value, axes: &mut BTreeMap<String, Axis<Setting>>) -> Result<(), String> {
    let in_words = |problem: &str| match name {
        "" => problem.to_owned(),
        name => format!("{name}: {problem}"),
    };
    let axis = match value {
        Value::Array(values) => Axis::Values(
            values
                .into_iter()
                .map(setting)
                .collect::<Option<_>>()
                .ok_or_else(|| in_words("each value must be a number, a word, true or false"))?,
        ),
        Value::Table(table) if table.contains_key("min") || table.contains_key("max") => {
            Axis::Range(range(table).map_err(|problem| in_words(&problem))?)
        }
        Value::Table(table) => {
            return table.into_iter().try_for_each(|(key, value)| {
                let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                collect(&name, value, axes)
            });
        }
        _ => return Err(in_words("must be a list of values, or a range such as { min = 1, max = 9 }")),
    };
    axes.insert(name.to_owned(), axis);
    Ok(())
}

fn setting(value: Value) -> Option<Setting> {
    match value {
        Value::Boolean(value) => Some(Setting::Flag(value)),
        Value::Integer(value) => Some(Setting::Integer(value)),
        Value::Float(value) => Some(Setting::Number(value)),
        Value::String(value) => Some(Setting::Text(value)),
        Value::Array(_) | Value::Table(_) | Value::Datetime(_) => None,
    }
}

/// A range of numbers; whole ones if both ends are.
fn range(table: Table) -> Result<Range<Setting>, String> {
    let message = |error: toml::de::Error| error.message().to_owned();
    match (table.get("min"), table.get("max")) {
        (Some(Value::Integer(_)), Some(Value::Integer(_))) => {
            let Range { min, max, log } = Range::<i64>::deserialize(table).map_err(message)?;
            Ok(Range { min: Setting::Integer(min), max: Setting::Integer(max), log })
        }
        _ => {
            let Range { min, max, log } = Range::<f64>::deserialize(table).map_err(message)?;
            Ok(Range { min: Setting::Number(min), max: Setting::Number(max), log })
        }
    }
}
