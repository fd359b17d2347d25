//! Event files of TensorBoard: TFRecords of `tensorflow.Event` messages.

use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use super::crc32c::masked;

/// What the first record of each file says.
const VERSION: &str = "brain.Event:2";

/// `tensorflow.Event`, as far as it is written here.
#[derive(Clone, PartialEq, Message)]
pub struct TensorboardEvent {
    /// Unix time, s.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(string, optional, tag = "3")]
    pub file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub summary: Option<Summary>,
}

/// `tensorflow.Summary`.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<SummaryValue>,
}

/// `tensorflow.Summary.Value`.
#[derive(Clone, PartialEq, Message)]
pub struct SummaryValue {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
}

/// The record that begins a file.
pub fn header() -> Vec<u8> {
    record(&TensorboardEvent { wall_time: now(), file_version: Some(VERSION.into()), ..TensorboardEvent::default() })
}

/// A record of numbers by name at `step`.
pub fn scalars(step: i64, values: &[(&str, f64)]) -> Vec<u8> {
    let value = |(tag, value): &(&str, f64)| SummaryValue { tag: (*tag).into(), simple_value: Some(*value as f32) };
    let summary = Summary { value: values.iter().map(value).collect() };
    record(&TensorboardEvent { wall_time: now(), step, summary: Some(summary), ..TensorboardEvent::default() })
}

/// A TFRecord: length, its CRC, data, its CRC.
fn record(event: &TensorboardEvent) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length).to_le_bytes(), &data, &masked(&data).to_le_bytes()].concat()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `scripts/checks/tracking.py` reads whole files with TensorBoard itself.
    #[test]
    fn a_record_holds_its_length_and_the_event() {
        let bytes = scalars(3, &[("val/loss", 0.5)]);
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert_eq!(bytes.len(), 8 + 4 + length + 4);
        let event = TensorboardEvent::decode(&bytes[12..12 + length]).unwrap();
        assert_eq!((event.step, event.summary.unwrap().value[0].simple_value), (3, Some(0.5)));
        assert!(event.wall_time > 1.6e9);
    }
}
