//! The configuration of a trial: that of the run with the keys that the trial sets.

use experiment::{Setting, TrialSettings};
use toml::{Table, Value};

use super::Config;
use super::axis::Axis;
use super::settings::{Problem, insert_at, read};
use super::swept_keys::refusal;
use crate::Error;

impl Config {
    /// This configuration with the values `settings`, as `--set` would give them; the search stays.
    ///
    /// # Errors
    /// [`Error::Config`] with every key that is unknown or has an invalid value, alone or in combination with others.
    pub(crate) fn with(&self, settings: &TrialSettings) -> Result<Self, Error> {
        self.chosen(settings).map_err(|problems| {
            let settings: Vec<String> = settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            let lines: Vec<String> = problems.iter().map(Problem::text).collect();
            Error::Config(format!("a trial with {}: {}", settings.join(", "), lines.join("\n  ")))
        })
    }

    fn chosen(&self, settings: &TrialSettings) -> Result<Self, Vec<Problem>> {
        if settings.is_empty() {
            return Ok(self.clone());
        }
        let whole = |message: String| vec![Problem { key: "the configuration".into(), message }];
        let mut table = Table::try_from(self).map_err(|error| whole(error.to_string()))?;
        table.remove("sweep");
        let mut problems = Vec::new();
        for (key, value) in settings {
            let value = Value::try_from(value).map_err(|error| whole(error.to_string()))?;
            if let Err(part) = insert_at(&mut table, key, value) {
                problems.push(Problem { key: key.clone(), message: format!("{part} is not a table") });
            }
        }
        let mut config: Self = read(&mut table, &mut problems).map_err(|error| whole(error.to_string()))?;
        config.sweep = self.sweep.clone();
        problems.extend(config.problems_of_values());
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// What is wrong with the axes of keys: those that cannot be swept, and values that a configuration with them alone refuses.
    /// `known` are the problems without them.
    pub(super) fn problems_of_keys(&self, known: &[Problem]) -> Vec<Problem> {
        self.sweep.keys.iter().flat_map(|(key, axis)| self.problems_of_key(key, axis, known)).collect()
    }

    fn problems_of_key(&self, key: &str, axis: &Axis<Setting>, known: &[Problem]) -> Vec<Problem> {
        let problem = |message: String| Problem { key: format!("sweep.{key}"), message };
        if let Some(message) = refusal(key).or_else(|| axis.problem()) {
            return vec![problem(message.into())];
        }
        if key == "seed" && !self.head.kind.has_epochs() {
            return vec![problem(format!(
                "must be left out: a head of the kind {} draws nothing at random",
                self.head.kind
            ))];
        }
        let of_value = |value: &&Setting| {
            let problems =
                self.chosen(&TrialSettings::from([(key.to_owned(), (*value).clone())])).err().unwrap_or_default();
            let new = problems.into_iter().filter(|problem| !known.contains(problem));
            new.map(|found| problem(format!("the value {value}: {}", found.text()))).collect::<Vec<_>>()
        };
        axis.ends().iter().flat_map(of_value).collect()
    }
}
