//! What `wail encoders check` finds out about an encoder in an ONNX file.

mod proposal;

use std::path::Path;
use std::time::{Duration, Instant};

use features::FeatureConfig;
use model::{BackboneWeights, Compute, GraphSummary, UnsupportedNode};

use crate::Error;
use crate::config::{Config, EncoderInput, InputKind, NO_INPUT, Problem};

/// Passes that are timed.
const TIMED_PASSES: usize = 5;

/// What an encoder takes and gives, how fast it is, and the table for it.
pub struct EncoderCheck {
    /// What its graph takes and gives.
    pub summary: GraphSummary,
    /// The table that was tried.
    pub input: EncoderInput,
    /// The front end that was tried.
    pub features: FeatureConfig,
    /// What is not known and was assumed.
    pub assumptions: Vec<String>,
    /// How it ran, or why not.
    pub outcome: Result<Run, Error>,
}

/// How an encoder ran on one clip.
pub struct Run {
    /// Length of an embedding.
    pub n_outputs: usize,
    /// Median time of one clip.
    pub median: Duration,
}

/// Checks the encoder in the file at `path` with the table of `config`, or else with one that fits its graph, of the kind `kind` if that
/// is given.
///
/// # Errors
/// [`Error::ModelFile`] if the file cannot be read, [`Error::Config`] if `config` has no such table, or there is none that could fit.
pub fn check(
    path: &Path,
    config: Option<&Config>,
    kind: Option<InputKind>,
    compute: &Compute,
) -> Result<EncoderCheck, Error> {
    let summary = model::describe_onnx(path).map_err(Error::ModelFile)?;
    let (input, features, assumptions) = match config {
        Some(config) => {
            let input = config.backbone.input.clone().ok_or_else(|| Error::Config(NO_INPUT.into()))?;
            (input, config.features.clone(), Vec::new())
        }
        None => {
            let proposal = proposal::propose(&summary, kind).map_err(Error::Config)?;
            (proposal.input, proposal.features, proposal.assumptions)
        }
    };
    let outcome = run(path, &summary, &input, &features, compute);
    Ok(EncoderCheck { summary, input, features, assumptions, outcome })
}

fn run(
    path: &Path,
    summary: &GraphSummary,
    input: &EncoderInput,
    features: &FeatureConfig,
    compute: &Compute,
) -> Result<Run, Error> {
    if let [_, ..] = summary.unsupported[..] {
        return Err(Error::Weights(format!("rten does not run {} of its nodes", summary.unsupported.len())));
    }
    let problems = input.problems(features, 0);
    if !problems.is_empty() {
        let lines: Vec<String> = problems.iter().map(Problem::text).collect();
        return Err(Error::Config(lines.join("\n  ")));
    }
    let binding = input.binding().map_err(|problem| Error::Config(problem.text()))?;
    let inputs = features.inputs();
    let only = inputs.first().copied().ok_or_else(|| Error::Config(NO_INPUT.into()))?;
    let (weights, _) = BackboneWeights::load_onnx(path, &binding, only).map_err(Error::ModelFile)?;
    let engine = compute.engine(&weights, &inputs).map_err(Error::device("the encoder"))?;
    let record = vec![0.0; engine.record_len()];
    let time = |_| {
        let started = Instant::now();
        engine.embed(&record).map_err(Error::device("the encoder"))?;
        Ok(started.elapsed())
    };
    let mut times = (0..=TIMED_PASSES).map(time).collect::<Result<Vec<Duration>, Error>>()?;
    times.remove(0); // the first pass allocates memory
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(Run { n_outputs: engine.n_outputs(), median })
}

impl EncoderCheck {
    /// What the graph takes and gives, for people.
    pub fn description(&self) -> String {
        let GraphSummary { opset, n_nodes, inputs, outputs, unsupported, refusal } = &self.summary;
        let mut lines = vec![format!("graph     opset {opset}, {n_nodes} nodes")];
        for (word, ports) in [("takes", inputs), ("gives", outputs)] {
            for port in ports {
                let element = if port.is_float32 { "float32" } else { "not float32" };
                lines.push(format!("{word:<9} {}, {element} {}", port.name, port.shape()));
            }
        }
        lines.extend(refusal.clone().map(|refusal| format!("refused   {refusal}")));
        let node = |UnsupportedNode { node, operator, reason }: &UnsupportedNode| {
            format!("rten lacks {operator} (node {node}): {reason}")
        };
        lines.extend(unsupported.iter().map(node));
        if let Ok(Run { n_outputs, median }) = &self.outcome {
            let ms = median.as_secs_f64() * 1e3;
            lines.push(format!("embedding {n_outputs} values"));
            lines.push(format!(
                "time      {ms:.1} ms for a clip of {} s (median of {TIMED_PASSES}, rten on the CPU)",
                self.features.clip_seconds
            ));
        }
        lines.join("\n")
    }

    /// The tables of a configuration for the encoder in `file`, with what was assumed.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] if a value has no TOML form.
    pub fn tables(&self, file: &Path) -> Result<String, Error> {
        let file = toml::Value::String(file.display().to_string());
        let input = toml::to_string(&self.input).map_err(Error::config_file("the table cannot be written as TOML"))?;
        let mut text = format!(
            "[features]\nclip_seconds = {:?}\n\n[backbone]\narch = \"onnx\"\nweights = {file}\n\n[backbone.input]\n",
            self.features.clip_seconds
        );
        for assumption in &self.assumptions {
            text += &format!("# {assumption}\n");
        }
        Ok(text + &input)
    }
}
