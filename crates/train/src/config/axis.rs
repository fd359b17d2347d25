//! One axis of a search: a list of values, or a range that random search draws from.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use experiment::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What trials may have for one key.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis<T> {
    /// Each of these values; none if the key is not searched.
    Values(Vec<T>),
    /// Any value of a range.
    Range(Range<T>),
}

/// A range of numbers, from which random search draws. Whole numbers stay whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range<T> {
    /// The lowest.
    pub min: T,
    /// The highest, above `min`.
    pub max: T,
    /// Whether the logarithm is uniform instead of the value itself; then `min` must be above 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log: bool,
}

impl<T> Axis<T> {
    /// Whether the key is not searched.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Values(values) if values.is_empty())
    }

    /// The values, or the ends of the range.
    pub fn ends(&self) -> Vec<&T> {
        match self {
            Self::Values(values) => values.iter().collect(),
            Self::Range(Range { min, max, .. }) => vec![min, max],
        }
    }

    /// The same axis with values of another type.
    pub fn map<U>(&self, change: impl Fn(&T) -> U) -> Axis<U> {
        match self {
            Self::Values(values) => Axis::Values(values.iter().map(change).collect()),
            Self::Range(Range { min, max, log }) => {
                Axis::Range(Range { min: change(min), max: change(max), log: *log })
            }
        }
    }
}

impl Axis<Setting> {
    /// What is wrong with the list or the range itself.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Values(values) if values.is_empty() => Some("must have at least one value"),
            Self::Values(values) => {
                let is_repeated = |(index, value): (usize, &Setting)| values[..index].contains(value);
                values.iter().enumerate().any(is_repeated).then_some("names a value twice")
            }
            Self::Range(Range { min, max, log }) => match (min.number(), max.number()) {
                (Some(min), Some(max)) if !(min < max && min.is_finite() && max.is_finite()) => {
                    Some("min must be below max")
                }
                (Some(min), _) if *log && min <= 0.0 => Some("min must be above 0 with log = true"),
                _ => None,
            },
        }
    }
}

/// Not searched.
impl<T> Default for Axis<T> {
    fn default() -> Self {
        Self::Values(Vec::new())
    }
}

impl<T> From<Vec<T>> for Axis<T> {
    fn from(values: Vec<T>) -> Self {
        Self::Values(values)
    }
}

impl<T: Serialize> Serialize for Axis<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Values(values) => values.serialize(serializer),
            Self::Range(range) => range.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Axis<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrRange<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListOrRange<T> {
            type Value = Axis<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of values, or a range such as { min = 1e-5, max = 1e-1, log = true }")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Axis::Values)
            }

            fn visit_map<A: MapAccess<'de>>(self, range: A) -> Result<Self::Value, A::Error> {
                Range::deserialize(MapAccessDeserializer::new(range)).map(Axis::Range)
            }
        }

        deserializer.deserialize_any(ListOrRange(PhantomData))
    }
}

/// A list of values, as tables of keys show it.
impl<T: JsonSchema> JsonSchema for Axis<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Axis_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>() })
    }

    fn inline_schema() -> bool {
        true
    }
}
