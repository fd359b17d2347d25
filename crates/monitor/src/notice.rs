//! The JSON with which brokers and webhooks are told of an episode.

use serde::Serialize;

use crate::{Event, Recorded};

/// The start or the end of an episode.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Notice<'a> {
    /// "start" or "end".
    pub event: &'static str,
    pub episode: &'a Recorded,
}

impl<'a> Notice<'a> {
    /// `None` for events of other kinds.
    pub(crate) fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::Start(episode) => Some(Self { event: "start", episode }),
            Event::End(episode) => Some(Self { event: "end", episode }),
            Event::Review(_) | Event::Level(_) | Event::Source(_) => None,
        }
    }

    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    /// An episode that lasts.
    pub(crate) fn episode(id: u64) -> Recorded {
        let mut episode: Recorded = serde_json::from_str(
            r#"{ "id": 1, "source": "nursery", "began": "2026-11-27T20:00:00.000Z", "confirmed": "2026-11-27T20:00:02.000Z",
                 "seconds": 2.0, "label": "hungry", "probability": 0.7, "all_probs": { "hungry": 0.7, "tired": 0.3 },
                 "cry_score": 0.9, "peak_cry_score": 0.95, "level_dbfs": -20.5 }"#,
        )
        .unwrap();
        episode.id = id;
        episode
    }

    #[test]
    fn a_notice_is_the_kind_of_event_and_the_episode() {
        let json = Notice::of(&Event::Start(episode(7))).unwrap().json().unwrap();
        assert!(
            json.starts_with(r#"{"event":"start","episode":{"id":7,"source":"nursery","began":"2026-11-27T"#),
            "{json}"
        );
        assert!(json.contains(r#""probability":0.7,"#), "{json}");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::from_value::<Recorded>(json["episode"].clone()).unwrap(), episode(7));
        assert_eq!(Notice::of(&Event::End(episode(7))).unwrap().event, "end");
        assert_eq!(Notice::of(&Event::Review(episode(7))), None);
    }
}
