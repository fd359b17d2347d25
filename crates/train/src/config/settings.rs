//! Reading a configuration file: overrides, defaults that depend on other values, and problems with line and column.

use std::path::Path;

use features::{FeatureConfig, Invalid};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::error::Source;

/// An invalid value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Dotted key, such as `train.epochs`.
    pub key: String,
    /// What it must be.
    pub message: String,
}

impl Problem {
    /// The key and what it must be.
    pub(crate) fn text(&self) -> String {
        format!("{}: {}", self.key, self.message)
    }

    /// Problems of the table `table`.
    pub fn of_table(table: &str, problems: Vec<Invalid>) -> impl Iterator<Item = Self> {
        problems.into_iter().map(move |Invalid { key, reason }| Self { key: format!("{table}.{key}"), message: reason })
    }
}

/// A configuration file.
pub trait Settings: Serialize + DeserializeOwned {
    /// The command that takes it.
    const COMMAND: &str;

    /// Every invalid value.
    fn problems(&self) -> Vec<Problem>;

    /// Defaults that depend on the values of the file.
    ///
    /// # Errors
    /// The reason why they have no TOML form.
    fn special_defaults(&self) -> Result<toml::Table, Source> {
        Ok(toml::Table::new())
    }

    /// Reads the file at `path` and parses it as [`Settings::parse`] does.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] if the file cannot be read; as [`Settings::parse`].
    fn load(path: &Path, overrides: &[String]) -> Result<Self, Error> {
        let unreadable = Error::config_file(format!("{}: cannot be read", path.display()));
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&path.display().to_string(), &text, overrides)
    }

    /// Parses the TOML `text` of the file `name`, applies `overrides` (each `table.key=value` with a TOML value; a bare word
    /// is a string) and validates the result.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] if it is not valid TOML, [`Error::Config`] with every wrong override, unknown key and invalid value, each
    /// with its override, or its line and column in the file.
    fn parse(name: &str, text: &str, overrides: &[String]) -> Result<Self, Error> {
        let mut table: toml::Table = toml::from_str(text).map_err(Error::config_file(name))?;
        let mut lines: Vec<String> = nest_axes(&mut table);
        lines.extend(overrides.iter().filter_map(|one| set(&mut table, one).err()));
        let mut problems = Vec::new();
        let mut config: Self = read(&mut table, &mut problems).map_err(Error::config_file(name))?;
        let defaults = config.special_defaults().map_err(Error::config_file(name))?;
        if !defaults.is_empty() {
            fill_in(&mut table, defaults);
            config = read(&mut table, &mut problems).map_err(Error::config_file(name))?;
        }
        problems.extend(config.problems());
        lines.extend(problems.into_iter().map(|Problem { key, message }| match place(text, overrides, &key) {
            Some(place) => format!("{place}: {key}: {message}"),
            None => format!("{key}: {message}"),
        }));
        match lines[..] {
            [] => Ok(config),
            _ => Err(Error::Config(format!("{name}: {}", lines.join("\n  ")))),
        }
    }

    /// The resolved configuration as TOML.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] if a value has no TOML form (an integer of 2^63 or more).
    fn to_toml(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(Error::config_file("the configuration cannot be written as TOML"))
    }
}

/// The requirement on the name of a run.
pub const PLAIN_NAME: &str = "letters, digits, - and _ only, and not empty";

/// Whether `name` satisfies [`PLAIN_NAME`].
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Applies one `table.key=value`, or returns what is wrong with it.
fn set(table: &mut toml::Table, assignment: &str) -> Result<(), String> {
    let wrong = |why: &str| format!("--set {assignment}: {why}; the form is table.key=value");
    let (key, value) = assignment.split_once('=').ok_or_else(|| wrong("there is no '='"))?;
    let value = match toml::from_str::<toml::Table>(&format!("value = {value}")) {
        Ok(mut parsed) => parsed.remove("value").ok_or_else(|| wrong("there is no value"))?,
        Err(_) => toml::Value::String(value.to_owned()),
    };
    if key.is_empty() || key.ends_with('.') {
        return Err(wrong("there is no key"));
    }
    insert_at(table, key, value).map_err(|part| wrong(&format!("{part} is not a table")))
}

/// Sets the dotted `key` to `value`; else returns the part of the key that is not a table.
pub(super) fn insert_at<'k>(table: &mut toml::Table, key: &'k str, value: toml::Value) -> Result<(), &'k str> {
    let (tables, last) = key.rsplit_once('.').map_or((None, key), |(tables, last)| (Some(tables), last));
    let mut inner = table;
    for part in tables.into_iter().flat_map(|tables| tables.split('.')) {
        inner =
            inner.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new())).as_table_mut().ok_or(part)?;
    }
    inner.insert(last.to_owned(), value);
    Ok(())
}

/// Turns the keys of `[sweep]` that are dotted names in quotes into tables, so that an override finds them. Returns what is wrong
/// with them.
fn nest_axes(table: &mut toml::Table) -> Vec<String> {
    let Some(toml::Value::Table(sweep)) = table.get_mut("sweep") else { return Vec::new() };
    let dotted: Vec<String> = sweep.keys().filter(|key| key.contains('.')).cloned().collect();
    let nest = |key: String| {
        let axis = sweep.remove(&key)?;
        let problem = |part| format!("sweep.{key}: {part} is an axis itself");
        insert_at(sweep, &key, axis).map_err(problem).err()
    };
    dotted.into_iter().filter_map(nest).collect()
}

/// Reads a configuration from `table`. Unknown keys and values of the wrong type are moved from `table` to `problems`, so that one
/// does not hide the others.
pub(super) fn read<C: DeserializeOwned>(table: &mut toml::Table, problems: &mut Vec<Problem>) -> Result<C, Source> {
    problems.extend(take_misplaced(table));
    loop {
        // Only text has the spans that say which key is wrong.
        let text = toml::to_string(table)?;
        let error = match toml::from_str(&text) {
            Ok(config) => return Ok(config),
            Err(error) => error,
        };
        let document = toml::de::DeTable::parse(&text)?;
        let path = error.span().and_then(|span| path_at(document.get_ref(), span.start));
        match path.filter(|path| remove(table, path)) {
            Some(path) => problems.push(Problem { key: path.join("."), message: error.message().to_owned() }),
            None => return Err(error.into()),
        }
    }
}

/// The key at the byte `offset` of a document, or the key of the value there: its name in each table from the outermost on.
fn path_at(table: &toml::de::DeTable, offset: usize) -> Option<Vec<String>> {
    table.iter().find_map(|(name, value)| {
        let own = vec![name.get_ref().to_string()];
        let inner = value.get_ref().as_table().and_then(|inner| path_at(inner, offset));
        let is_here = name.span().contains(&offset) || value.span().contains(&offset);
        inner.map(|inner| [own.clone(), inner].concat()).or_else(|| is_here.then_some(own))
    })
}

/// Removes the key at `path`; returns whether it was there.
fn remove(table: &mut toml::Table, path: &[String]) -> bool {
    match path {
        [] => false,
        [last] => table.remove(last).is_some(),
        [first, rest @ ..] => {
            table.get_mut(first).and_then(toml::Value::as_table_mut).is_some_and(|inner| remove(inner, rest))
        }
    }
}

/// Removes the keys of `[features]` that its front ends do not have from `table`, so that the rest can be read.
fn take_misplaced(table: &mut toml::Table) -> Vec<Problem> {
    let Some(toml::Value::Table(features)) = table.get_mut("features") else { return Vec::new() };
    // Other errors are reported when the whole table is parsed.
    let misplaced = FeatureConfig::misplaced_keys(toml::Value::Table(features.clone())).unwrap_or_default();
    for problem in &misplaced {
        features.remove(problem.key);
    }
    Problem::of_table("features", misplaced).collect()
}

/// Adds the values of `defaults` that `table` and the tables inside it lack.
fn fill_in(table: &mut toml::Table, defaults: toml::Table) {
    for (key, default) in defaults {
        match (table.get_mut(&key), default) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(defaults)) => fill_in(inner, defaults),
            (Some(_), _) => {}
            (None, default) => drop(table.insert(key, default)),
        }
    }
}

/// Where the dotted `key` is set: the last override that sets it, a table around it or a key inside it, else its line and column
/// in `text`, from 1.
fn place(text: &str, overrides: &[String], key: &str) -> Option<String> {
    let sets = |assignment: &&String| {
        assignment.split_once('=').is_some_and(|(name, _)| is_inside(key, name) || is_inside(name, key))
    };
    match overrides.iter().rev().find(sets) {
        Some(assignment) => Some(format!("--set {assignment}")),
        None => locate(text, key).map(|(line, column)| format!("line {line}, column {column}")),
    }
}

/// Whether the dotted key `inner` is `outer` or below it.
fn is_inside(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Line and column, from 1, of the dotted `key` in `text`. A name in quotes may hold several parts of it.
fn locate(text: &str, key: &str) -> Option<(usize, usize)> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let (mut start, mut rest) = (None, key);
    while !rest.is_empty() {
        let (name, value) = table.iter().find(|(name, _)| is_inside(rest, name.get_ref()))?;
        start = Some(name.span().start);
        rest = rest[name.get_ref().len()..].trim_start_matches('.');
        match value.get_ref() {
            toml::de::DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    let before = text.get(..start?)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
}
