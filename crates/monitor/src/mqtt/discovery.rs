//! What Home Assistant needs to know to show a source as a device.
//!
//! Device discovery, as <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload> describes it (Home Assistant 2024.11
//! and later): one retained message for each device, at `PREFIX/device/ID/config`. The options of the entities are those of
//! <https://www.home-assistant.io/integrations/binary_sensor.mqtt/> and <https://www.home-assistant.io/integrations/sensor.mqtt/>.

use serde_json::{Value, json};

use super::topics::Topics;

/// Where Home Assistant says that it has started, unless its users set another topic.
pub(super) const BIRTH: &str = "homeassistant/status";

/// The topic of the discovery message of `source`.
pub(super) fn topic(prefix: &str, topics: &Topics, source: &str) -> String {
    format!("{prefix}/device/{}/config", topics.id(source))
}

/// The device and its entities.
pub(super) fn payload(topics: &Topics, source: &str, model: &str) -> Value {
    let id = topics.id(source);
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "device": {
            "identifiers": [id],
            "name": format!("Wail {source}"),
            "manufacturer": "Wail",
            "model": model,
            "sw_version": version,
        },
        "origin": { "name": "Wail", "sw_version": version },
        "availability": [{ "topic": topics.available() }, { "topic": topics.source_available(source) }],
        "availability_mode": "all",
        "components": {
            "crying": {
                "platform": "binary_sensor",
                "unique_id": format!("{id}_crying"),
                "name": "Crying",
                "device_class": "sound",
                "state_topic": topics.crying(source),
                "json_attributes_topic": topics.attributes(source),
            },
            "level": {
                "platform": "sensor",
                "unique_id": format!("{id}_level"),
                "name": "Level",
                "icon": "mdi:volume-high",
                "state_topic": topics.level(source),
                "state_class": "measurement",
                "unit_of_measurement": "dBFS",
                "suggested_display_precision": 0,
            },
            "cry_score": {
                "platform": "sensor",
                "unique_id": format!("{id}_cry_score"),
                "name": "Cry score",
                "icon": "mdi:emoticon-cry-outline",
                "state_topic": topics.cry_score(source),
                "state_class": "measurement",
                "suggested_display_precision": 2,
            },
        },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_device_with_three_entities() {
        let topics = Topics::new("wail");
        assert_eq!(topic("homeassistant", &topics, "nursery"), "homeassistant/device/wail_nursery/config");
        let golden = r#"{
          "device": { "identifiers": ["wail_nursery"], "name": "Wail nursery", "manufacturer": "Wail", "model": "wail-compact",
                      "sw_version": "VERSION" },
          "origin": { "name": "Wail", "sw_version": "VERSION" },
          "availability": [{ "topic": "wail/available" }, { "topic": "wail/nursery/available" }],
          "availability_mode": "all",
          "components": {
            "crying": { "platform": "binary_sensor", "unique_id": "wail_nursery_crying", "name": "Crying", "device_class": "sound",
                        "state_topic": "wail/nursery/crying", "json_attributes_topic": "wail/nursery/attributes" },
            "level": { "platform": "sensor", "unique_id": "wail_nursery_level", "name": "Level", "icon": "mdi:volume-high",
                       "state_topic": "wail/nursery/level", "state_class": "measurement", "unit_of_measurement": "dBFS",
                       "suggested_display_precision": 0 },
            "cry_score": { "platform": "sensor", "unique_id": "wail_nursery_cry_score", "name": "Cry score",
                           "icon": "mdi:emoticon-cry-outline", "state_topic": "wail/nursery/cry_score",
                           "state_class": "measurement", "suggested_display_precision": 2 }
          }
        }"#
        .replace("VERSION", env!("CARGO_PKG_VERSION"));
        let golden: Value = serde_json::from_str(&golden).unwrap();
        assert_eq!(payload(&topics, "nursery", "wail-compact"), golden);
    }

    #[test]
    fn two_prefixes_give_two_devices() {
        let topics = Topics::new("upstairs/wail");
        assert_eq!(topic("ha", &topics, "cot"), "ha/device/upstairs_wail_cot/config");
        assert_eq!(payload(&topics, "cot", "m")["components"]["crying"]["unique_id"], "upstairs_wail_cot_crying");
    }
}
