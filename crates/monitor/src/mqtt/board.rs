//! What a broker should show, and which episodes it has yet to be told of.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::discovery;
use super::topics::Topics;
use crate::notice::Notice;
use crate::{Event, Level, Recorded, SourceState, SourceStatus};

/// Episode messages that are kept while the broker is away; the oldest are dropped beyond.
const KEPT_EPISODES: usize = 1000;
/// Shortest time between two messages of a sensor.
const LEVEL_INTERVAL: Duration = Duration::from_secs(5);

/// A message to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub topic: String,
    pub payload: String,
    pub retain: bool,
}

impl Message {
    fn state(topic: String, payload: impl Into<String>) -> Self {
        Self { topic, payload: payload.into(), retain: true }
    }

    fn passing(topic: String, payload: impl Into<String>) -> Self {
        Self { topic, payload: payload.into(), retain: false }
    }
}

/// The state of all sources, as messages.
pub(super) struct Board {
    topics: Topics,
    discovery: Option<String>,
    model: String,
    sources: BTreeMap<String, Shown>,
    /// Yet to be sent, the oldest first.
    episodes: VecDeque<Message>,
    /// Sent, but the broker has not acknowledged it.
    in_flight: Option<Message>,
}

/// What is shown of a source.
#[derive(Debug, Default)]
struct Shown {
    is_listening: bool,
    is_crying: bool,
    /// Those of the newest episode.
    attributes: Option<String>,
    last: Option<Level>,
    level_sent: Option<Instant>,
}

/// The attributes of the binary sensor: the newest episode.
#[derive(Debug, Serialize)]
struct Attributes<'a> {
    episode: u64,
    reason: &'a str,
    probability: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cry_score: Option<f32>,
    level_dbfs: f32,
    began: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<&'a str>,
    seconds: f64,
}

impl Board {
    /// `discovery` is the prefix of Home Assistant's discovery topics.
    pub(super) fn new(topics: Topics, discovery: Option<String>, model: &str) -> Self {
        let model = model.to_owned();
        Self { topics, discovery, model, sources: BTreeMap::new(), episodes: VecDeque::new(), in_flight: None }
    }

    /// Takes over how the sources are at this moment.
    pub(super) fn refresh(&mut self, sources: Vec<SourceStatus>) {
        for source in sources {
            self.set_state(&source.name, source.state);
            let shown = self.sources.entry(source.name).or_default();
            shown.is_crying = source.episode.is_some();
            if source.last.is_some() {
                shown.last = source.last;
            }
        }
    }

    /// Takes an event. Returns the messages that it causes, but for that of an episode, which is queued.
    pub(super) fn take(&mut self, event: Event, now: Instant) -> Vec<Message> {
        if let Some(notice) = Notice::of(&event) {
            self.queue(&notice);
        }
        match event {
            Event::Start(episode) => self.set_crying(&episode, true),
            Event::End(episode) => self.set_crying(&episode, false),
            Event::Level(level) => self.set_level(level, now),
            Event::Source(source) => self.set_state(&source.name, source.state),
            Event::Review(_) => Vec::new(),
        }
    }

    /// Discovery messages of all sources; none if discovery is off.
    pub(super) fn discovery(&self) -> Vec<Message> {
        let Some(prefix) = &self.discovery else { return Vec::new() };
        let describe = |source: &String| {
            let payload = discovery::payload(&self.topics, source, &self.model).to_string();
            Message::state(discovery::topic(prefix, &self.topics, source), payload)
        };
        self.sources.keys().map(describe).collect()
    }

    /// Everything that a broker which has just been started needs to know.
    pub(super) fn everything(&self) -> Vec<Message> {
        let mut messages = self.discovery();
        for (name, shown) in &self.sources {
            messages.extend(shown.attributes(&self.topics, name));
            messages.push(shown.crying(&self.topics, name));
            messages.extend(shown.levels(&self.topics, name));
            messages.push(shown.available(&self.topics, name));
        }
        messages.push(Message::state(self.topics.available(), "online"));
        messages
    }

    /// What the monitor says before it disconnects.
    pub(super) fn farewell(&self) -> Vec<Message> {
        let offline = |source: &String| Message::state(self.topics.source_available(source), "offline");
        let mut messages: Vec<Message> = self.sources.keys().map(offline).collect();
        messages.push(Message::state(self.topics.available(), "offline"));
        messages
    }

    /// The episode message to send now, which may have been sent before without an acknowledgement. `None` if there is none.
    pub(super) fn next_episode(&mut self) -> Option<&Message> {
        if self.in_flight.is_none() {
            self.in_flight = self.episodes.pop_front();
        }
        self.in_flight.as_ref()
    }

    /// Whether the broker has yet to acknowledge an episode message.
    pub(super) fn awaits_acknowledgement(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The broker has acknowledged the episode message.
    pub(super) fn acknowledge(&mut self) {
        self.in_flight = None;
    }

    fn queue(&mut self, notice: &Notice) {
        match notice.json() {
            Ok(json) => self.episodes.push_back(Message::passing(self.topics.episode(&notice.episode.source), json)),
            Err(error) => tracing::error!(%error, "MQTT: an episode cannot be written as JSON"),
        }
        if self.episodes.len() > KEPT_EPISODES {
            self.episodes.pop_front();
            tracing::warn!(
                "MQTT: the oldest episode message is dropped, because {KEPT_EPISODES} are waiting for the broker"
            );
        }
    }

    fn set_crying(&mut self, episode: &Recorded, is_crying: bool) -> Vec<Message> {
        let attributes = Attributes {
            episode: episode.id,
            reason: &episode.label,
            probability: episode.probability,
            cry_score: episode.cry_score,
            level_dbfs: episode.level_dbfs,
            began: &episode.began,
            ended: episode.ended.as_deref(),
            seconds: episode.seconds,
        };
        let shown = self.sources.entry(episode.source.clone()).or_default();
        shown.is_crying = is_crying;
        shown.attributes = serde_json::to_string(&attributes).ok();
        // Attributes first: an automation that ON triggers reads those of this episode.
        let attributes = shown.attributes(&self.topics, &episode.source);
        attributes.into_iter().chain([shown.crying(&self.topics, &episode.source)]).collect()
    }

    fn set_level(&mut self, level: Level, now: Instant) -> Vec<Message> {
        let source = level.source.clone();
        let shown = self.sources.entry(source.clone()).or_default();
        shown.last = Some(level);
        if shown.level_sent.is_some_and(|sent| now.saturating_duration_since(sent) < LEVEL_INTERVAL) {
            return Vec::new();
        }
        shown.level_sent = Some(now);
        shown.levels(&self.topics, &source)
    }

    fn set_state(&mut self, source: &str, state: SourceState) -> Vec<Message> {
        let shown = self.sources.entry(source.to_owned()).or_default();
        shown.is_listening = state == SourceState::Listening;
        vec![shown.available(&self.topics, source)]
    }
}

impl Shown {
    fn crying(&self, topics: &Topics, source: &str) -> Message {
        Message::state(topics.crying(source), if self.is_crying { "ON" } else { "OFF" })
    }

    fn attributes(&self, topics: &Topics, source: &str) -> Option<Message> {
        let attributes = self.attributes.as_ref()?;
        Some(Message::state(topics.attributes(source), attributes))
    }

    fn available(&self, topics: &Topics, source: &str) -> Message {
        Message::state(topics.source_available(source), if self.is_listening { "online" } else { "offline" })
    }

    fn levels(&self, topics: &Topics, source: &str) -> Vec<Message> {
        let Some(last) = &self.last else { return Vec::new() };
        let level = Message::passing(topics.level(source), format!("{:.1}", last.level_dbfs));
        let score = last.cry_score.map(|score| Message::passing(topics.cry_score(source), format!("{score:.3}")));
        [level].into_iter().chain(score).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::notice::tests::episode;

    fn board() -> Board {
        let mut board = Board::new(Topics::new("wail"), Some("homeassistant".into()), "wail-compact");
        board.refresh(vec![
            status("nursery", SourceState::Listening, None),
            status("camera", SourceState::Starting, None),
        ]);
        board
    }

    fn status(name: &str, state: SourceState, episode: Option<u64>) -> SourceStatus {
        SourceStatus {
            name: name.into(),
            state,
            problem: None,
            since: "2026-11-27T19:00:00.000Z".into(),
            last: None,
            episode,
        }
    }

    fn level(level_dbfs: f32) -> Event {
        let time = "2026-11-27T20:00:00.000Z".into();
        Event::Level(Level { source: "nursery".into(), time, level_dbfs, cry_score: Some(0.25) })
    }

    /// Topics and payloads; retained ones have a star.
    fn shown(messages: Vec<Message>) -> Vec<String> {
        let show = |message: Message| {
            format!("{} {}{}", message.topic, message.payload, if message.retain { " *" } else { "" })
        };
        messages.into_iter().map(show).collect()
    }

    #[test]
    fn an_episode_turns_the_sensor_on_and_off() {
        let mut board = board();
        let now = Instant::now();
        let start = shown(board.take(Event::Start(episode(7)), now));
        let attributes = r#"{"episode":7,"reason":"hungry","probability":0.7,"cry_score":0.9,"level_dbfs":-20.5,"began":"2026-11-27T20:00:00.000Z","seconds":2.0}"#;
        assert_eq!(start, [format!("wail/nursery/attributes {attributes} *"), "wail/nursery/crying ON *".into()]);

        let mut ended = episode(7);
        ended.ended = Some("2026-11-27T20:01:00.000Z".into());
        let end = shown(board.take(Event::End(ended), now));
        assert!(end[0].contains(r#""ended":"2026-11-27T20:01:00.000Z""#), "{end:?}");
        assert_eq!(end[1], "wail/nursery/crying OFF *");

        let first = board.next_episode().unwrap().clone();
        assert_eq!((first.topic.as_str(), first.retain), ("wail/nursery/episode", false));
        assert_eq!(first.payload, Notice::of(&Event::Start(episode(7))).unwrap().json().unwrap());
        assert_eq!(board.next_episode(), Some(&first), "it is sent again until it is acknowledged");
        board.acknowledge();
        assert!(board.next_episode().unwrap().payload.starts_with(r#"{"event":"end","#));
        board.acknowledge();
        assert_eq!(board.next_episode(), None);
    }

    #[test]
    fn a_new_broker_is_told_everything() {
        let mut board = board();
        let now = Instant::now();
        board.take(Event::Start(episode(7)), now);
        board.take(level(-33.33), now);
        let everything = board.everything();
        let discovery: Vec<&str> = everything.iter().take(2).map(|message| message.topic.as_str()).collect();
        assert_eq!(discovery, ["homeassistant/device/wail_camera/config", "homeassistant/device/wail_nursery/config"]);
        assert!(everything[..2].iter().all(|message| message.retain));
        let states =
            shown(everything[2..].iter().filter(|message| !message.topic.ends_with("attributes")).cloned().collect());
        let expected = [
            "wail/camera/crying OFF *",
            "wail/camera/available offline *",
            "wail/nursery/crying ON *",
            "wail/nursery/level -33.3",
            "wail/nursery/cry_score 0.250",
            "wail/nursery/available online *",
            "wail/available online *",
        ];
        assert_eq!(states, expected);

        board.refresh(vec![status("nursery", SourceState::Waiting, None)]);
        let states = shown(board.everything());
        assert!(
            states.contains(&"wail/nursery/crying OFF *".into())
                && states.contains(&"wail/nursery/available offline *".into())
        );
    }

    #[test]
    fn without_discovery_nothing_is_discovered() {
        let mut board = Board::new(Topics::new("wail"), None, "wail-compact");
        board.refresh(vec![status("nursery", SourceState::Listening, None)]);
        assert_eq!(
            shown(board.everything()),
            ["wail/nursery/crying OFF *", "wail/nursery/available online *", "wail/available online *"]
        );
    }

    #[test]
    fn levels_are_five_seconds_apart() {
        let mut board = board();
        let begin = Instant::now();
        let mut at = |seconds: f32| shown(board.take(level(-seconds), begin + Duration::from_secs_f32(seconds)));
        assert_eq!(at(0.0), ["wail/nursery/level -0.0", "wail/nursery/cry_score 0.250"]);
        assert_eq!(at(4.9), [""; 0]);
        assert_eq!(at(5.0), ["wail/nursery/level -5.0", "wail/nursery/cry_score 0.250"]);
        assert_eq!(at(9.5), [""; 0]);
    }

    #[test]
    fn a_source_that_fails_is_unavailable() {
        let mut board = board();
        let taken = board.take(Event::Source(status("nursery", SourceState::Waiting, None)), Instant::now());
        assert_eq!(shown(taken), ["wail/nursery/available offline *"]);
        let expected =
            ["wail/camera/available offline *", "wail/nursery/available offline *", "wail/available offline *"];
        assert_eq!(shown(board.farewell()), expected);
    }

    #[test]
    fn the_newest_thousand_episode_messages_are_kept() {
        let mut board = board();
        for id in 0..1002 {
            board.take(Event::End(episode(id)), Instant::now());
        }
        let mut kept = Vec::new();
        while let Some(message) = board.next_episode() {
            let json: serde_json::Value = serde_json::from_str(&message.payload).unwrap();
            kept.push(json["episode"]["id"].as_u64().unwrap());
            board.acknowledge();
        }
        assert_eq!(kept, (2..1002).collect::<Vec<u64>>());
    }
}
