//! The REST API of an MLflow server, version 2.0, as far as it is used here.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use ureq::Agent;

use super::sink::TrackError;

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(20);
/// Most metrics and parameters of one request.
const METRICS_AT_ONCE: usize = 1000;
const PARAMS_AT_ONCE: usize = 100;
/// Most characters of the value of a parameter.
const PARAM_CHARS: usize = 500;

/// Talks to a server.
pub struct MlflowClient {
    agent: Agent,
    url: String,
}

/// A run of the server.
#[derive(Debug, Clone)]
pub struct MlflowRun {
    pub id: String,
    artifact_uri: String,
    /// The last step of each metric that it has.
    last_steps: Value,
}

impl MlflowRun {
    /// The last step of the metric `key`; `None` if it has no value.
    pub fn last_step(&self, key: &str) -> Option<i64> {
        let metrics = self.last_steps.as_array()?;
        metrics.iter().find(|metric| metric["key"] == key)?["step"].as_i64().or(Some(0))
    }
}

impl MlflowClient {
    /// A client of the server at `url`, such as `http://127.0.0.1:5000`.
    pub fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_recv_body(Some(ANSWER))
            .build();
        Self { agent: config.into(), url: url.trim_end_matches('/').into() }
    }

    /// The id of the experiment `name`, which is created if there is none.
    pub fn experiment(&self, name: &str) -> Result<String, TrackError> {
        let found = self.get(&format!("experiments/get-by-name?experiment_name={}", encode(name)));
        match found {
            Ok(found) => Ok(text(&found["experiment"]["experiment_id"])),
            Err(TrackError::Refused { status: 404, .. }) => {
                Ok(text(&self.post("experiments/create", &json!({ "name": name }))?["experiment_id"]))
            }
            Err(error) => Err(error),
        }
    }

    /// The run of `experiment` whose tag `wail.key` is `key`; it is created with `name` and inside `parent` if there is none.
    pub fn run(&self, experiment: &str, key: &str, name: &str, parent: Option<&str>) -> Result<MlflowRun, TrackError> {
        let filter = format!("tags.`wail.key` = '{}'", key.replace('\'', ""));
        let search = json!({ "experiment_ids": [experiment], "filter": filter, "max_results": 1 });
        let found = self.post("runs/search", &search)?;
        if let Some(run) = found["runs"].as_array().and_then(|runs| runs.first()) {
            return Ok(parsed(run));
        }
        let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
        let mut tags = vec![tag("wail.key", &key.replace('\'', "")), tag("mlflow.runName", name)];
        tags.extend(parent.map(|parent| tag("mlflow.parentRunId", parent)));
        let create = json!({ "experiment_id": experiment, "run_name": name, "start_time": now_ms(), "tags": tags });
        Ok(parsed(&self.post("runs/create", &create)?["run"]))
    }

    /// Adds values of metrics: name, value, step.
    pub fn log_metrics(&self, run: &MlflowRun, metrics: &[(String, f64, i64)]) -> Result<(), TrackError> {
        let timestamp = now_ms();
        for part in metrics.chunks(METRICS_AT_ONCE) {
            let metric = |(key, value, step): &(String, f64, i64)| json!({ "key": key, "value": value, "step": step, "timestamp": timestamp });
            let metrics: Vec<Value> = part.iter().map(metric).collect();
            self.post("runs/log-batch", &json!({ "run_id": run.id, "metrics": metrics }))?;
        }
        Ok(())
    }

    /// Adds parameters. The server refuses another value for one that it has.
    pub fn log_params(&self, run: &MlflowRun, params: &[(String, String)]) -> Result<(), TrackError> {
        for part in params.chunks(PARAMS_AT_ONCE) {
            let param = |(key, value): &(String, String)| json!({ "key": key, "value": value.chars().take(PARAM_CHARS).collect::<String>() });
            let params: Vec<Value> = part.iter().map(param).collect();
            self.post("runs/log-batch", &json!({ "run_id": run.id, "params": params }))?;
        }
        Ok(())
    }

    /// Uploads the file at `path`, if the server itself keeps the artefacts of the run.
    pub fn log_artefact(&self, run: &MlflowRun, path: &Path) -> Result<(), TrackError> {
        let Some(folder) = run.artifact_uri.strip_prefix("mlflow-artifacts:/") else { return Ok(()) };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let bytes = std::fs::read(path).map_err(|source| TrackError::Io { path: path.into(), source })?;
        let folder = folder.trim_start_matches('/');
        let url = format!("{}/api/2.0/mlflow-artifacts/artifacts/{folder}/{}", self.url, encode(&name));
        let sent = self.agent.put(&url).content_type("application/octet-stream").send(&bytes[..]);
        self.answer(url, sent).map(drop)
    }

    /// Ends a run.
    pub fn end(&self, run: &MlflowRun, status: &str) -> Result<(), TrackError> {
        let update = json!({ "run_id": run.id, "status": status, "end_time": now_ms() });
        self.post("runs/update", &update).map(drop)
    }

    fn get(&self, path: &str) -> Result<Value, TrackError> {
        let url = format!("{}/api/2.0/mlflow/{path}", self.url);
        let sent = self.agent.get(&url).call();
        self.answer(url, sent)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, TrackError> {
        let url = format!("{}/api/2.0/mlflow/{path}", self.url);
        let sent = self.agent.post(&url).content_type("application/json").send(body.to_string());
        self.answer(url, sent)
    }

    fn answer(
        &self,
        url: String,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, TrackError> {
        let received = sent.and_then(|mut response| Ok((response.status(), response.body_mut().read_to_string()?)));
        let (status, text) =
            received.map_err(|source| TrackError::Unreachable { url: url.clone(), source: Box::new(source) })?;
        match status.is_success() {
            true if text.trim().is_empty() => Ok(Value::Null),
            true => serde_json::from_str(&text).map_err(|source| TrackError::Answer { url, source }),
            false => {
                let message = text.chars().take(300).collect();
                Err(TrackError::Refused { url, status: status.as_u16(), message })
            }
        }
    }
}

fn parsed(run: &Value) -> MlflowRun {
    let id = text(&run["info"]["run_id"]);
    MlflowRun { id, artifact_uri: text(&run["info"]["artifact_uri"]), last_steps: run["data"]["metrics"].clone() }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

/// Percent-encodes all but unreserved characters (RFC 3986).
fn encode(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_for_addresses() {
        assert_eq!(encode("a b/ä"), "a%20b%2F%C3%A4");
    }

    #[test]
    fn the_last_step_of_a_metric_is_known() {
        let run = parsed(&json!({
            "info": { "run_id": "1", "artifact_uri": "mlflow-artifacts:/0/1/artifacts" },
            "data": { "metrics": [{ "key": "loss", "step": 7 }, { "key": "first" }] },
        }));
        let steps = ["loss", "first", "none"].map(|key| run.last_step(key));
        assert_eq!((run.id.as_str(), steps), ("1", [Some(7), Some(0), None]));
    }
}
