//! MLflow: a run for each run, with a nested one for each trial.

use std::collections::BTreeMap;

use experiment::{Epoch, TrialConfig};

use super::mlflow_client::{MlflowClient, MlflowRun};
use super::sink::{Sink, TrackError};
use super::watch::{Event, TrialName, TrialOutcome};

/// Metric whose last step says which epochs the server has.
const LAST: &str = "val_macro_f1";
/// Environment variable with the experiment's name, as for MLflow's own clients.
const EXPERIMENT_VARIABLE: &str = "MLFLOW_EXPERIMENT_NAME";
/// The name without it.
const EXPERIMENT: &str = "wail";

/// Sends events to an MLflow server. Everything that it is told, it first looks for on the server.
pub struct Mlflow {
    client: MlflowClient,
    run: String,
    config: String,
    /// The experiment's id and the run, once the server knows them.
    parent: Option<(String, MlflowRun)>,
    /// Trials that are being trained, with the last step that was sent.
    trials: BTreeMap<TrialName, (MlflowRun, i64)>,
}

impl Mlflow {
    /// Sends to the server at `url`.
    pub fn new(url: &str) -> Self {
        let (run, config) = (String::new(), String::new());
        Self { client: MlflowClient::new(url), run, config, parent: None, trials: BTreeMap::new() }
    }

    /// The experiment and the run, found or made at the first use: the server may have been down before.
    fn parent(&mut self) -> Result<(String, MlflowRun), TrackError> {
        if let Some(parent) = &self.parent {
            return Ok(parent.clone());
        }
        let name = std::env::var(EXPERIMENT_VARIABLE).unwrap_or_else(|_| EXPERIMENT.into());
        let experiment = self.client.experiment(&name)?;
        let run = self.client.run(&experiment, &self.run, &self.run, None)?;
        // A search that grew since: the server keeps the parameters that it has.
        match self.client.log_params(&run, &params(&self.config)) {
            Ok(()) | Err(TrackError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(self.parent.insert((experiment, run)).clone())
    }

    /// Sends the epochs of a trial that the server does not have.
    fn send(&mut self, trial: &TrialName, epochs: &[Epoch]) -> Result<MlflowRun, TrackError> {
        let (run, last) = match self.trials.get(trial) {
            Some(known) => known.clone(),
            None => {
                let (experiment, parent) = self.parent()?;
                let key = format!("{}/{}", self.run, trial.path());
                let run = self.client.run(&experiment, &key, &trial.path(), Some(&parent.id))?;
                let last = run.last_step(LAST).unwrap_or(0);
                (run, last)
            }
        };
        let missing = epochs.iter().filter(|epoch| epoch.epoch as i64 > last);
        let metrics: Vec<(String, f64, i64)> = missing.clone().flat_map(metrics).collect();
        self.client.log_metrics(&run, &metrics)?;
        let last = missing.map(|epoch| epoch.epoch as i64).max().unwrap_or(last);
        self.trials.insert(trial.clone(), (run.clone(), last));
        Ok(run)
    }

    fn end(&mut self, trial: &TrialName, config: &TrialConfig, outcome: &TrialOutcome) -> Result<(), TrackError> {
        let (epochs, status) = match outcome {
            TrialOutcome::Trained { epochs, .. } => (epochs.as_slice(), "FINISHED"),
            TrialOutcome::Failed(_) => (&[][..], "FAILED"),
        };
        let run = self.send(trial, epochs)?;
        let params = config.axes().into_iter().map(|(name, value)| (name.to_owned(), value.to_string()));
        self.client.log_params(&run, &params.collect::<Vec<_>>())?;
        if let TrialOutcome::Trained { chosen, .. } = outcome {
            let best = [("best_val_macro_f1".to_owned(), chosen.val_macro_f1, chosen.epoch as i64)];
            if run.last_step("best_val_macro_f1").is_none() {
                self.client.log_metrics(&run, &best)?;
            }
        }
        self.client.end(&run, status)?;
        self.trials.remove(trial);
        Ok(())
    }
}

impl Sink for Mlflow {
    fn take(&mut self, event: &Event) -> Result<(), TrackError> {
        match event {
            Event::RunStarted { run, config } => {
                (self.run, self.config) = (run.clone(), config.clone());
                self.parent().map(drop)
            }
            Event::SearchStarted { .. } => Ok(()),
            Event::EpochEnded { trial, epoch } => self.send(trial, std::slice::from_ref(epoch)).map(drop),
            Event::TrialEnded { trial, config, outcome } => self.end(trial, config, outcome),
            Event::RunEnded { scores, artefacts } => {
                let (_, run) = self.parent()?;
                let metrics: Vec<(String, f64, i64)> = scores.iter().map(|(name, v)| (plain(name), *v, 0)).collect();
                let missing: Vec<_> = metrics.into_iter().filter(|(key, ..)| run.last_step(key).is_none()).collect();
                self.client.log_metrics(&run, &missing)?;
                artefacts.iter().try_for_each(|path| self.client.log_artefact(&run, path))?;
                self.client.end(&run, "FINISHED")
            }
        }
    }
}

fn metrics(epoch: &Epoch) -> [(String, f64, i64); 4] {
    let Epoch { epoch, learning_rate, train_loss, val_loss, val_macro_f1 } = epoch;
    let step = *epoch as i64;
    [("train_loss", *train_loss), ("val_loss", *val_loss), (LAST, *val_macro_f1), ("learning_rate", *learning_rate)]
        .map(|(key, value)| (key.to_owned(), value, step))
}

/// A name with characters that MLflow takes.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "_-./ ".contains(c) { c } else { '_' }).collect()
}

/// The keys of a TOML document with their values, `table.key`.
fn params(config: &str) -> Vec<(String, String)> {
    fn add(path: &str, value: &toml::Value, found: &mut Vec<(String, String)>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    add(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value, found);
                }
            }
            toml::Value::String(text) => found.push((path.into(), text.clone())),
            other => found.push((path.into(), other.to_string())),
        }
    }
    let mut found = Vec::new();
    if let Ok(table) = config.parse::<toml::Table>() {
        add("", &toml::Value::Table(table), &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_becomes_flat_parameters() {
        let found = params("name = \"a\"\n[train]\nepochs = 3\n[data.split]\nkind = \"grouped\"\n");
        let expected = [("data.split.kind", "grouped"), ("name", "a"), ("train.epochs", "3")];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(params("not toml ="), []);
    }

    #[test]
    fn names_of_scores_are_plain() {
        assert_eq!(plain("test/calibration error (ECE)"), "test/calibration error _ECE_");
    }
}
