//! Kubernetes: a manifest with the configuration, an indexed job whose indexes are the shards, and the job that merges them.

use crate::steps::{Division, Steps};

/// Path of the configuration in a container.
pub const CONFIG: &str = "/etc/wail/config.toml";

/// Longest first part of a name: `-shards-`, an index and six characters follow, and Kubernetes takes 63.
const LONGEST_NAME: usize = 40;

/// What the containers are made of.
#[derive(Debug)]
pub struct Place {
    /// Image with the program `wail`.
    pub image: String,
    /// Persistent volume claim that every pod mounts as its working folder.
    pub claim: String,
    /// Resources of each container, such as `cpu` and `4`.
    pub resources: Vec<(String, String)>,
}

/// The manifest of the sweep called `name`, whose configuration is the text `config` and which the arguments `sweep` describe.
pub fn manifest(name: &str, config: &str, sweep: &[String], division: Division, place: &Place) -> String {
    let count = division.shards.to_string();
    let steps = Steps::new(name, sweep, &["--shard", "auto", "--shards", &count], division);
    let name = object_name(name);
    let indented: String = config.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        r#"# Written by `wail submit kubernetes`, for `kubectl apply --filename -`.
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}-config
data:
  config.toml: |2
{indented}---
# The shards. An index is a shard; it is done when its pod ends with exit code 0.
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}-shards
spec:
  completionMode: Indexed
  completions: {count}
  parallelism: {parallel}
  backoffLimitPerIndex: 3
  podFailurePolicy:
    rules:
    # Stopped by a signal, or another pod is still at work on the shard: again, as often as it takes.
    - action: Ignore
      onExitCodes: {{operator: In, values: [75]}}
    # Wrong config, bad input data, missing weights: final. The other shards go on.
    - action: FailIndex
      onExitCodes: {{operator: In, values: [2, 3, 4]}}
    # The node failed, or the pod had to make room.
    - action: Ignore
      onPodConditions: [{{type: DisruptionTarget, status: "True"}}]
  template:
    spec:
{pod}
      # Fills the caches with this shard's part of the recordings.
      initContainers:
      - name: prepare
{prepare}
      containers:
      - name: shard
{shard}
---
# Joins the shards. Until all are there it ends with exit code 75, and is tried again after longer and longer pauses.
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}-merge
spec:
  backoffLimit: 1000
  podFailurePolicy:
    rules:
    - action: FailJob
      onExitCodes: {{operator: In, values: [2, 3, 4]}}
    - action: Ignore
      onPodConditions: [{{type: DisruptionTarget, status: "True"}}]
  template:
    spec:
{pod}
      containers:
      - name: merge
{merge}
"#,
        parallel = division.parallel,
        pod = pod(&name, place),
        prepare = container(&steps.prepare, place),
        shard = container(&steps.shard, place),
        merge = container(&steps.merge, place),
    )
}

/// What all pods have: volumes, and time to stop after a signal.
fn pod(name: &str, place: &Place) -> String {
    format!(
        r#"      restartPolicy: Never
      terminationGracePeriodSeconds: 120
      securityContext: {{fsGroup: 65532, fsGroupChangePolicy: OnRootMismatch}}
      volumes:
      - name: work
        persistentVolumeClaim: {{claimName: {claim}}}
      - name: config
        configMap: {{name: {name}-config}}"#,
        claim = scalar(&place.claim),
    )
}

/// What all containers have, and the arguments of `wail`.
fn container(arguments: &[String], place: &Place) -> String {
    let arguments: Vec<String> = arguments.iter().map(|word| scalar(word)).collect();
    let resources: Vec<String> =
        place.resources.iter().map(|(name, amount)| format!("{}: {}", scalar(name), scalar(amount))).collect();
    let resources = resources.join(", ");
    format!(
        r#"        image: {image}
        command: [wail]
        args: [{arguments}]
        workingDir: /work
        resources: {{requests: {{{resources}}}, limits: {{{resources}}}}}
        securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
        volumeMounts:
        - {{name: work, mountPath: /work}}
        - {{name: config, mountPath: /etc/wail, readOnly: true}}"#,
        image = scalar(&place.image),
        arguments = arguments.join(", "),
    )
}

/// A YAML scalar with the value `text`: a JSON string is one.
fn scalar(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A name that Kubernetes takes: lower case, digits and hyphens, with a letter or digit at both ends.
fn object_name(name: &str) -> String {
    let lower: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let short: String = lower.trim_start_matches('-').chars().take(LONGEST_NAME).collect();
    let trimmed = short.trim_end_matches('-');
    if trimmed.is_empty() { "wail".into() } else { trimmed.into() }
}
