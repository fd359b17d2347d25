//! Values of swept configuration keys.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Configuration keys that a trial sets, such as `train.weight_decay`, with their values.
pub type TrialSettings = BTreeMap<String, Setting>;

/// The value of one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Setting {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// A word, such as the name of a schedule.
    Text(String),
}

impl Setting {
    /// The value of a number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Flag(_) | Self::Text(_) => None,
        }
    }

    /// Numbers by value and before words, words by alphabet, `false` before `true`.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self.number(), other.number()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.to_string().cmp(&other.to_string()),
        }
    }
}

/// As tables show it.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl From<f64> for Setting {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_type_and_have_one_order() {
        let ordered = [
            Setting::Integer(-3),
            Setting::Number(0.5),
            Setting::Integer(2),
            Setting::Number(1e9),
            Setting::Text("cosine".into()),
            Setting::Flag(false),
            Setting::Flag(true),
        ];
        for (index, one) in ordered.iter().enumerate() {
            for (other_index, other) in ordered.iter().enumerate() {
                assert_eq!(one.order(other), index.cmp(&other_index), "{one} {other}");
            }
        }
        let json = serde_json::to_string(&ordered).unwrap();
        assert_eq!(json, r#"[-3,0.5,2,1000000000.0,"cosine",false,true]"#);
        assert_eq!(serde_json::from_str::<Vec<Setting>>(&json).unwrap(), ordered);
        let mut cbor = Vec::new();
        ciborium::into_writer(&ordered, &mut cbor).unwrap();
        assert_eq!(ciborium::from_reader::<Vec<Setting>, _>(&cbor[..]).unwrap(), ordered);
    }
}
