//! The kinds of heads and their hyperparameters.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attention::AttentionConfig;
use super::logistic::LogisticConfig;
use super::mlp::MlpConfig;
use super::recurrent::{Cell, RecurrentConfig};

/// Kind of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// ReLU, dropout and two linear layers, trained by gradient descent.
    #[default]
    Mlp,
    /// Logistic regression with an L2 penalty on standardised embeddings, fitted until it converges. It draws nothing at random.
    Logistic,
    /// Attentive statistics over frames: mean and standard deviation, each frame weighted by a small network, and a linear layer,
    /// trained by gradient descent.
    Attention,
    /// A GRU over frames, the mean of its states and a linear layer, trained by gradient descent.
    Gru,
    /// An LSTM over frames, the mean of its states and a linear layer, trained by gradient descent.
    Lstm,
}

impl HeadKind {
    /// Whether the head takes frames instead of an embedding.
    pub fn takes_frames(self) -> bool {
        match self {
            Self::Mlp | Self::Logistic => false,
            Self::Attention | Self::Gru | Self::Lstm => true,
        }
    }

    /// Whether the head's layer over time may have a second direction.
    pub fn is_recurrent(self) -> bool {
        matches!(self, Self::Gru | Self::Lstm)
    }

    /// Whether the head is trained by gradient descent, epoch by epoch, from random weights. Otherwise it is fitted in one step.
    pub fn has_epochs(self) -> bool {
        self != Self::Logistic
    }

    /// Whether the head rectifies embeddings, so that it is trained on rectified ones.
    pub fn rectifies(self) -> bool {
        self == Self::Mlp
    }
}

/// As configurations name it.
impl fmt::Display for HeadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mlp => "mlp",
            Self::Logistic => "logistic",
            Self::Attention => "attention",
            Self::Gru => "gru",
            Self::Lstm => "lstm",
        })
    }
}

/// Hyperparameters of a head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Fields", into = "Fields")]
pub enum HeadConfig {
    /// Of [`HeadKind::Mlp`].
    Mlp(MlpConfig),
    /// Of [`HeadKind::Logistic`].
    Logistic(LogisticConfig),
    /// Of [`HeadKind::Attention`].
    Attention(AttentionConfig),
    /// Of [`HeadKind::Gru`].
    Gru(RecurrentConfig),
    /// Of [`HeadKind::Lstm`].
    Lstm(RecurrentConfig),
}

impl HeadConfig {
    /// An mlp with `inner` units and a dropout probability.
    pub fn mlp(inner: usize, dropout: f64) -> Self {
        Self::Mlp(MlpConfig { inner, dropout })
    }

    /// A logistic regression with this C.
    pub fn logistic(c: f64) -> Self {
        Self::Logistic(LogisticConfig { c })
    }

    /// The kind.
    pub fn kind(&self) -> HeadKind {
        match self {
            Self::Mlp(_) => HeadKind::Mlp,
            Self::Logistic(_) => HeadKind::Logistic,
            Self::Attention(_) => HeadKind::Attention,
            Self::Gru(_) => HeadKind::Gru,
            Self::Lstm(_) => HeadKind::Lstm,
        }
    }

    /// Every problem with the values; empty if they are valid.
    pub fn validate(&self) -> Vec<String> {
        match self {
            Self::Mlp(config) => config.validate(),
            Self::Logistic(config) => config.validate(),
            Self::Attention(config) => config.validate(),
            Self::Gru(config) | Self::Lstm(config) => config.validate(),
        }
    }

    /// Name and value of each hyperparameter, in the order of tables.
    pub fn values(&self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Mlp(MlpConfig { inner, dropout }) => vec![("inner", *inner as f64), ("dropout", *dropout)],
            Self::Logistic(LogisticConfig { c }) => vec![("c", *c)],
            Self::Attention(AttentionConfig { hidden, dropout })
            | Self::Gru(RecurrentConfig { hidden, dropout, .. })
            | Self::Lstm(RecurrentConfig { hidden, dropout, .. }) => {
                vec![("hidden", *hidden as f64), ("dropout", *dropout)]
            }
        }
    }

    /// Number of weights and biases of such a head.
    pub fn n_weights(&self, n_inputs: usize, n_classes: usize) -> usize {
        match self {
            Self::Mlp(MlpConfig { inner, .. }) => (n_inputs + 1) * inner + (inner + 1) * n_classes,
            Self::Logistic(_) => (n_inputs + 1) * n_classes,
            Self::Attention(config) => config.n_weights(n_inputs, n_classes),
            Self::Gru(config) => config.n_weights(Cell::Gru, n_inputs, n_classes),
            Self::Lstm(config) => config.n_weights(Cell::Lstm, n_inputs, n_classes),
        }
    }

    /// The layers in words, for embeddings or frames of any length.
    pub fn in_words(&self, n_classes: usize) -> String {
        match self {
            Self::Mlp(MlpConfig { inner, dropout }) => {
                format!("ReLU, dropout {dropout}, linear {inner} units, linear {n_classes} logits")
            }
            Self::Logistic(LogisticConfig { c }) => format!("logistic regression, C = {c}, linear {n_classes} logits"),
            Self::Attention(AttentionConfig { hidden, dropout }) => format!(
                "on frames: dropout {dropout} of features, linear {hidden} units, ReLU, attentive mean and standard deviation, linear \
                 {n_classes} logits"
            ),
            Self::Gru(RecurrentConfig { hidden, dropout, bidirectional })
            | Self::Lstm(RecurrentConfig { hidden, dropout, bidirectional }) => {
                let layer = if self.kind() == HeadKind::Gru { "GRU" } else { "LSTM" };
                let directions = if *bidirectional { "in both directions, " } else { "" };
                format!(
                    "on frames: dropout {dropout} of features, {layer} {hidden} units, {directions}mean over time, linear \
                     {n_classes} logits"
                )
            }
        }
    }
}

/// The form on disk: the hyperparameters of every kind, side by side. An mlp is written without its kind, as before there were
/// others.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HeadConfig")]
struct Fields {
    /// Kind of the head; absent for an mlp.
    #[serde(default, skip_serializing_if = "is_mlp")]
    kind: HeadKind,
    /// mlp: units of the inner layer, 1 to 65536.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inner: Option<usize>,
    /// attention, gru, lstm: units, 1 to 4096.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hidden: Option<usize>,
    /// All but logistic: dropout probability during training, `[0, 1)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dropout: Option<f64>,
    /// gru, lstm: whether a second layer runs from the last frame to the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bidirectional: Option<bool>,
    /// logistic: inverse strength of the L2 penalty, as scikit-learn's `C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<f64>,
}

fn is_mlp(kind: &HeadKind) -> bool {
    *kind == HeadKind::Mlp
}

impl From<HeadConfig> for Fields {
    fn from(config: HeadConfig) -> Self {
        let kind = config.kind();
        match config {
            HeadConfig::Mlp(MlpConfig { inner, dropout }) => {
                Self { kind, inner: Some(inner), dropout: Some(dropout), ..Self::default() }
            }
            HeadConfig::Logistic(LogisticConfig { c }) => Self { kind, c: Some(c), ..Self::default() },
            HeadConfig::Attention(AttentionConfig { hidden, dropout }) => {
                Self { kind, hidden: Some(hidden), dropout: Some(dropout), ..Self::default() }
            }
            HeadConfig::Gru(config) | HeadConfig::Lstm(config) => {
                let RecurrentConfig { hidden, dropout, bidirectional } = config;
                let (hidden, dropout, bidirectional) = (Some(hidden), Some(dropout), Some(bidirectional));
                Self { kind, hidden, dropout, bidirectional, ..Self::default() }
            }
        }
    }
}

impl TryFrom<Fields> for HeadConfig {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let kind = fields.kind;
        let missing = |name: &str| format!("missing field `{name}` of a head of the kind {kind}");
        let inner = || fields.inner.ok_or_else(|| missing("inner"));
        let hidden = || fields.hidden.ok_or_else(|| missing("hidden"));
        let dropout = || fields.dropout.ok_or_else(|| missing("dropout"));
        let recurrent = || -> Result<RecurrentConfig, String> {
            let bidirectional = fields.bidirectional.ok_or_else(|| missing("bidirectional"))?;
            Ok(RecurrentConfig { hidden: hidden()?, dropout: dropout()?, bidirectional })
        };
        let config = match kind {
            HeadKind::Mlp => Self::Mlp(MlpConfig { inner: inner()?, dropout: dropout()? }),
            HeadKind::Logistic => Self::Logistic(LogisticConfig { c: fields.c.ok_or_else(|| missing("c"))? }),
            HeadKind::Attention => Self::Attention(AttentionConfig { hidden: hidden()?, dropout: dropout()? }),
            HeadKind::Gru => Self::Gru(recurrent()?),
            HeadKind::Lstm => Self::Lstm(recurrent()?),
        };
        match fields == Fields::from(config.clone()) {
            true => Ok(config),
            false => Err(format!("a head of the kind {kind} has the fields of another kind")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_mlp_is_written_without_its_kind_and_other_kinds_with_it() {
        let mlp = HeadConfig::mlp(16, 0.5);
        let logistic = HeadConfig::logistic(0.01);
        let attention = HeadConfig::Attention(AttentionConfig { hidden: 8, dropout: 0.0 });
        let lstm = HeadConfig::Lstm(RecurrentConfig { hidden: 8, dropout: 0.5, bidirectional: true });
        for (config, text) in [
            (mlp, r#"{"inner":16,"dropout":0.5}"#),
            (logistic, r#"{"kind":"logistic","c":0.01}"#),
            (attention, r#"{"kind":"attention","hidden":8,"dropout":0.0}"#),
            (lstm, r#"{"kind":"lstm","hidden":8,"dropout":0.5,"bidirectional":true}"#),
        ] {
            assert_eq!(serde_json::to_string(&config).unwrap(), text);
            assert_eq!(serde_json::from_str::<HeadConfig>(text).unwrap(), config);
        }
        let with_kind: HeadConfig = serde_json::from_str(r#"{"kind":"mlp","inner":16,"dropout":0.5}"#).unwrap();
        assert_eq!(with_kind.kind(), HeadKind::Mlp);
    }

    #[test]
    fn fields_that_are_missing_or_of_another_kind_are_refused() {
        for (text, expected) in [
            ("{}", "missing field `inner` of a head of the kind mlp"),
            (r#"{"inner":16}"#, "missing field `dropout`"),
            (r#"{"kind":"logistic"}"#, "missing field `c` of a head of the kind logistic"),
            (r#"{"inner":16,"dropout":0.5,"c":1.0}"#, "a head of the kind mlp has the fields of another kind"),
            (r#"{"kind":"logistic","c":1.0,"inner":16}"#, "of the kind logistic has the fields of another kind"),
            (r#"{"kind":"logistic","c":1.0,"depth":16}"#, "unknown field `depth`"),
            (r#"{"kind":"gru","hidden":8,"dropout":0.0}"#, "missing field `bidirectional` of a head of the kind gru"),
            (r#"{"kind":"attention","hidden":8,"dropout":0.0,"inner":8}"#, "has the fields of another kind"),
            (r#"{"kind":"forest"}"#, "unknown variant `forest`"),
        ] {
            let error = serde_json::from_str::<HeadConfig>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
