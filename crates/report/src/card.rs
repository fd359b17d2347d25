//! `MODEL_CARD.md` in the form of the Hugging Face Hub: YAML metadata, then Markdown
//! (<https://huggingface.co/docs/hub/model-cards>).

mod hub;

use std::path::Path;

use dataset::count;
use experiment::{GateSummary, Report, TrialSummary};
use features::{FeatureConfig, InputShape, PATCHES, YAMNET_PATCH};
use metrics::{Calibration, Evaluation};
use model::EpisodeSettings;

use crate::findings::findings;
use crate::text::{interval, number};
use crate::{events, markdown, robustness};
pub use hub::HubMetadata;

/// The contents of a model's card.
pub struct Card<'a> {
    /// Report of the run.
    pub report: &'a Report,
    /// The exported trial.
    pub trial: &'a TrialSummary,
    /// Feature settings of the model.
    pub features: &'a FeatureConfig,
    /// Calibration of the model.
    pub calibration: &'a Calibration,
    /// The gate's summary, if the model has a gate.
    pub gate: Option<&'a GateSummary>,
    /// How the model finds episodes.
    pub episodes: Option<EpisodeSettings>,
    /// Folder of the model.
    pub folder: &'a Path,
    /// What the run does not know.
    pub hub: &'a HubMetadata,
}

impl Card<'_> {
    /// The card as Markdown.
    pub fn text(&self) -> String {
        [self.header(), self.model(), self.data(), self.scores(), self.limits(), self.usage()].concat()
    }

    /// Whether the model was scored on test.
    fn is_tested(&self) -> bool {
        self.trial.id == self.report.leaderboard[0].id
    }

    fn header(&self) -> String {
        let name = self.folder.file_name().map_or_else(|| "model".into(), |name| name.to_string_lossy());
        let tested = self.is_tested().then_some(self.report);
        let mut text = self.hub.yaml(&name, tested);
        text += &format!(
            "# {name}\n\nClassifies why a baby cries, from {} s of sound: {}.\n\n",
            self.features.clip_seconds,
            self.report.data.labels.join(", ")
        );
        for warning in &self.report.warnings {
            text += &format!("> **Warning:** {}\n\n", markdown::plain(warning));
        }
        text
    }

    fn model(&self) -> String {
        let Self { report, trial, calibration, .. } = self;
        format!(
            "## Model\n\n- backbone: {}, {}; {}\n- head: {}\n\
             - trained by Wail {}, run `{}`, trial `{}`, epoch {}, seed {}\n- probabilities: softmax of the logits divided by {:.4}, a temperature fitted on {}\n\n",
            report.backbone.arch,
            report.backbone.trained,
            markdown::plain(&report.backbone.used),
            trial.config.head.in_words(report.data.labels.len()),
            env!("CARGO_PKG_VERSION"),
            report.run,
            trial.id,
            trial.epoch,
            report.seed,
            calibration.temperature,
            count(calibration.n_examples, "validation recording")
        )
    }

    fn data(&self) -> String {
        let data = &self.report.data;
        let licence = match (&data.licence, data.synthetic) {
            (Some(licence), _) => licence.as_str(),
            (None, true) => "none needed: they are synthetic",
            (None, false) => "not stated; set `data.licence` in the config",
        };
        let text = format!(
            "## Data\n\n- recordings: `{}`{}, fingerprint `{}`\n- licence of the recordings: {}\n- split: {}\n\n",
            data.root,
            if data.synthetic { " (synthetic)" } else { "" },
            data.fingerprint,
            markdown::plain(licence),
            markdown::plain(&data.split)
        );
        text + &markdown::table(
            &["class", "training", "validation", "test"],
            data.labels.iter().enumerate().map(|(class, label)| {
                let counts = data.counts.iter().map(|split| split[class].to_string());
                std::iter::once(markdown::plain(label)).chain(counts).collect()
            }),
        )
    }

    fn scores(&self) -> String {
        let Self { report, trial, .. } = self;
        if !self.is_tested() {
            return format!(
                "## Scores\n\nValidation macro-F1 {:.3}{}. It was not the best trial of its run, so it was never scored on test.\n\n",
                trial.val_macro_f1,
                report.data.recorders.caution().map_or(String::new(), |caution| format!(" ({caution})"))
            );
        }
        let row = |name: &str, evaluation: &Evaluation| {
            let scores = &evaluation.scores;
            vec![
                if report.data.leaks.any() { format!("{name} (leaky split)") } else { name.to_owned() },
                number(Some(scores.macro_f1.value)),
                interval(scores.macro_f1.interval, Some(evaluation.n_groups)),
                number(Some(evaluation.majority.macro_f1)),
                number(Some(scores.accuracy.value)),
            ]
        };
        let rows = [row("test", &report.test), row("validation", &report.validation)];
        let header = ["split", "macro-F1", "95 % interval", "always the largest class", "accuracy"];
        let caution =
            report.data.recorders.caution().map_or(String::new(), |caution| format!("Of all scores: {caution}.\n\n"));
        let robustness = robustness::section(report);
        format!("## Scores\n\n{}{caution}{robustness}", markdown::table(&header, rows))
    }

    fn limits(&self) -> String {
        let mut text = "## Limits\n\n".to_owned();
        for finding in findings(self.report) {
            text += &format!("- {}\n", markdown::plain(&finding));
        }
        let Some(gate) = self.gate else {
            return text
                + "- It has no gate: it answers with one of its classes even for silence, noise or laughter.\n\n";
        };
        let detection = &gate.detection;
        text + &format!(
            "- It has a gate{}: a sound that scores below {:.3} is not a cry. On families of synthetic sounds that the gate was not trained \
             with{}{}, against {}: ROC-AUC {} (95 % {}); at 95 % recall, {:.0} % of the sounds pass. Sounds of real rooms are harder.\n- {}{}\n\n",
            if gate.is_encoders_own { ", the encoder's own score for crying" } else { "" },
            gate.threshold,
            if self.report.format_version < 5 { " (except mixed over some cries)" } else { "" },
            if gate.known_to_backbone { ", but the backbone was" } else { "" },
            count(detection.n_positives, "recording"),
            number(Some(detection.roc_auc.value)),
            interval(detection.roc_auc.interval, None),
            100.0 * detection.false_alarm_rate.value,
            markdown::plain(&events::in_words(self.report).unwrap_or_default()),
            match &self.report.events {
                Some(events) if self.episodes != Some(events.settings) => " This model has other settings of episodes.",
                _ => "",
            }
        )
    }

    fn usage(&self) -> String {
        format!(
            "## Intended use\n\nResearch, and a hint in addition to a person's own judgement. It is not a medical device: never base a decision \
             about a child's health or care on it.\n\n## How to run\n\n```sh\nwail infer cry.wav --model {}\n```\n\n`model.onnx` takes {}, \
             and returns `logits`, float32 `[batch, {}]`{}. Its \
             metadata entry `wail` holds labels, feature settings and provenance as JSON. {}\n",
            self.folder.display(),
            inputs(self.features, self.folder),
            self.report.data.labels.len(),
            if self.gate.is_some() { ", and `cry`, float32 `[batch, 1]`, the gate's score" } else { "" },
            match self.report.backbone.is_onnx() {
                true => "`model.safetensors` holds the same, with the encoder's graph as the tensor `onnx.graph`.",
                false => {
                    "`model.safetensors` holds the same with the tensor names of its authors, the input channels of a ResNet summed into \
                     one, and batch norm folded. `model.bpk` is a burn record of `model::Network`."
                }
            },
        )
    }
}

/// The inputs of `model.onnx` in `folder`.
fn inputs(features: &FeatureConfig, folder: &Path) -> String {
    let folder = folder.display();
    let inputs = features.inputs();
    if let &[(_, [height, width])] = &inputs[..] {
        return format!(
            "`input`, float32 `[batch, 1, {height}, {width}]`, which `wail features --model {folder}` writes without the channel axis"
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
        "{}, which `wail features --model {folder}` writes (`--stage image` without the channel axis, `--stage patches`)",
        inputs.join(" and ")
    )
}
