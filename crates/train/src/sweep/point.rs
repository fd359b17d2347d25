//! A point of the search space, and the trial there.

use experiment::{Setting, TrialConfig, TrialSettings};
use model::{AttentionConfig, HeadConfig, HeadKind, RecurrentConfig};

use crate::config::{Axis, Config};

/// An axis with its name: a hyperparameter of the head, or a dotted key of the configuration.
pub(super) type NamedAxis = (String, Axis<Setting>);

/// A value for each axis, with the axis' name.
pub(super) type Point = Vec<(String, Setting)>;

/// The trial at `point`; `None` if the head lacks a value.
pub(super) fn trial(config: &Config, point: Point) -> Option<TrialConfig> {
    let number = |name: &str| point.iter().find(|(axis, _)| axis == name).and_then(|(_, value)| value.number());
    let size = |name: &str| number(name).map(|size| size as usize);
    let settings: TrialSettings =
        point.iter().filter(|(axis, _)| config.sweep.keys.contains_key(axis)).cloned().collect();
    let bidirectional = match settings.get("head.bidirectional") {
        Some(value) => *value == Setting::Flag(true),
        None => config.head.bidirectional,
    };
    let recurrent = || Some(RecurrentConfig { hidden: size("hidden")?, dropout: number("dropout")?, bidirectional });
    let head = match config.head.kind {
        HeadKind::Mlp => HeadConfig::mlp(size("inner")?, number("dropout")?),
        HeadKind::Logistic => HeadConfig::logistic(number("c")?),
        HeadKind::Attention => {
            HeadConfig::Attention(AttentionConfig { hidden: size("hidden")?, dropout: number("dropout")? })
        }
        HeadKind::Gru => HeadConfig::Gru(recurrent()?),
        HeadKind::Lstm => HeadConfig::Lstm(recurrent()?),
    };
    let learning_rate = number("learning_rate").filter(|_| config.head.kind.has_epochs());
    Some(TrialConfig { learning_rate, head, settings })
}
