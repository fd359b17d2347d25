//! `MODEL_CARD.md` in the form of the Hugging Face Hub: YAML metadata, then Markdown
//! (<https://huggingface.co/docs/hub/model-cards>).

use std::path::Path;

use features::{FeatureConfig, InputShape, PATCHES, YAMNET_PATCH};
use metrics::{Calibration, Evaluation};

use crate::gate::GateSummary;
use crate::report::{Report, TrialSummary, findings, interval, markdown, number};

/// The card of one trial of a run; `gate` is what is known of its gate, if it has one.
pub(super) fn text(
    report: &Report,
    trial: &TrialSummary,
    features: &FeatureConfig,
    calibration: &Calibration,
    gate: Option<&GateSummary>,
    out: &Path,
) -> String {
    let name = out.file_name().map_or_else(|| "model".into(), |name| name.to_string_lossy());
    let is_best = trial.id == report.leaderboard[0].id;
    let data = &report.data;
    let licence = match (&data.licence, data.synthetic) {
        (Some(licence), _) => licence.as_str(),
        (None, true) => "none needed: a program made them",
        (None, false) => "not stated; set `data.licence` in the config",
    };
    let mut text = format!(
        "---\nlicense: other\nlibrary_name: wail\npipeline_tag: audio-classification\ntags:\n- baby-cry\n- audio-classification\n- onnx\n\
         metrics:\n- f1\n---\n\n# {name}\n\nSays why a baby cries, from {} s of sound: {}.\n\n",
        features.clip_seconds,
        data.labels.join(", ")
    );
    for warning in &report.warnings {
        text += &format!("> **Warning:** {}\n\n", markdown::plain(warning));
    }
    text += &format!(
        "## Model\n\n- backbone: {}, {}; {}\n- head: ReLU, dropout {}, linear {} units, linear {} logits\n\
         - trained by Wail {}, run `{}`, trial `{}`, epoch {}, seed {}\n- probabilities: softmax of the logits divided by {:.4}, a temperature fitted on {} validation recordings\n\n",
        report.backbone.arch,
        report.backbone.trained,
        markdown::plain(&report.backbone.used),
        trial.config.head.dropout,
        trial.config.head.inner,
        data.labels.len(),
        env!("CARGO_PKG_VERSION"),
        report.run,
        trial.id,
        trial.epoch,
        report.seed,
        calibration.temperature,
        calibration.n_examples
    );
    text += &format!(
        "## Data\n\n- recordings: `{}`{}, fingerprint `{}`\n- licence of the recordings: {}\n- split: {}\n\n",
        data.root,
        if data.synthetic { " (synthetic)" } else { "" },
        data.fingerprint,
        markdown::plain(licence),
        markdown::plain(&data.split)
    );
    text += &markdown::table(
        &["class", "training", "validation", "test"],
        data.labels.iter().enumerate().map(|(class, label)| {
            let counts = data.counts.iter().map(|split| split[class].to_string());
            std::iter::once(markdown::plain(label)).chain(counts).collect()
        }),
    );
    text += "## Scores\n\n";
    if is_best {
        let row = |name: &str, evaluation: &Evaluation| {
            let scores = &evaluation.scores;
            vec![
                if data.leaks.any() { format!("{name} (leaky split)") } else { name.to_owned() },
                number(Some(scores.macro_f1.value)),
                interval(scores.macro_f1.interval),
                number(Some(evaluation.majority.macro_f1)),
                number(Some(scores.accuracy.value)),
            ]
        };
        text += &markdown::table(
            &["split", "macro-F1", "95 % interval", "always the largest class", "accuracy"],
            [row("test", &report.test), row("validation", &report.validation)],
        );
    } else {
        text += &format!(
            "Validation macro-F1 {:.3}. It was not the best of its run, so that it was never scored on test.\n\n",
            trial.val_macro_f1
        );
    }
    text += "## Limits\n\n";
    for finding in findings(report) {
        text += &format!("- {}\n", markdown::plain(&finding));
    }
    match gate {
        Some(gate) => {
            let detection = &gate.detection;
            text += &format!(
                "- It has a gate: what scores below {:.3} is no cry. On families of made sounds that it was not trained with{}, against {} \
                 recordings: ROC-AUC {} (95 % {}), and {:.0} % of the sounds pass where 95 % of the cries do. Real rooms are worse.\n\n",
                gate.threshold,
                if gate.known_to_backbone { ", but its backbone was" } else { "" },
                detection.n_positives,
                number(Some(detection.roc_auc.value)),
                interval(detection.roc_auc.interval),
                100.0 * detection.false_alarm_rate.value
            );
        }
        None => text += "- It always answers with one of its classes, also for silence, noise or laughter.\n\n",
    }
    text += "## Intended use\n\nResearch, and a hint beside a person's own judgement. It is no medical device: never decide about a child's \
             health or care by it.\n\n";
    text += &format!(
        "## How to run\n\n```sh\ntrain infer cry.wav --model {}\n```\n\n`model.onnx` takes {}, and gives `logits`, float32 `[batch, {}]`{}. Its metadata entry `wail` holds the labels, the \
         feature settings and how it was trained, as JSON. `model.safetensors` has the same with its authors' names, the input channels \
         of a ResNet summed into one and batch norm folded; `model.bpk` is a burn record of `model::Network`.\n",
        out.display(),
        inputs(features),
        data.labels.len(),
        if gate.is_some() { ", and `cry`, float32 `[batch, 1]`, the gate's score" } else { "" },
    );
    text
}

/// What `model.onnx` takes in.
fn inputs(features: &FeatureConfig) -> String {
    let inputs = features.inputs();
    if let &[(_, [height, width])] = &inputs[..] {
        return format!(
            "`input`, float32 `[batch, 1, {height}, {width}]`, the log-mel image that `train features` writes"
        );
    }
    let [patch_frames, _] = YAMNET_PATCH;
    let input = |&(name, [height, width]): &InputShape| match name {
        PATCHES => {
            let n_patches = 1 + (height - patch_frames) / (patch_frames / 2);
            format!("`{name}`, float32 `[batch, {n_patches}, {patch_frames}, {width}]`")
        }
        _ => format!("`{name}`, float32 `[batch, 1, {height}, {width}]`"),
    };
    let inputs: Vec<String> = inputs.iter().map(input).collect();
    format!(
        "{}, which `train features --front-end image+yamnet` writes (`--stage image`, `--stage patches`)",
        inputs.join(" and ")
    )
}
