use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use rumqttc::LastWill;

use super::super::topics::Topics;
use super::*;
use crate::notice::tests::episode;
use crate::subscription::Publisher;
use crate::{Event, SourceState};

/// The types of packets, in the upper half of their first byte.
const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;
const DISCONNECT: u8 = 14;

/// A connection as a broker sees it.
struct Connection(TcpStream);

/// A message that a broker has got.
struct Got {
    topic: String,
    payload: String,
    /// Of QoS 1.
    packet_id: Option<[u8; 2]>,
}

impl Connection {
    /// Accepts a client.
    fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut connection = Self(stream);
        let (first, _) = connection.packet();
        assert_eq!(first >> 4, CONNECT);
        connection.0.write_all(&[0x20, 2, 0, 0]).unwrap();
        connection
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.read_exact(&mut byte).unwrap();
        byte[0]
    }

    /// The next packet: its first byte, and what follows its length.
    fn packet(&mut self) -> (u8, Vec<u8>) {
        let first = self.byte();
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (first, body)
    }

    /// The next message. A subscription is accepted on the way.
    fn message(&mut self) -> Got {
        let (first, body) = self.packet();
        if first >> 4 == SUBSCRIBE {
            self.0.write_all(&[0x90, 3, body[0], body[1], 0]).unwrap();
            return self.message();
        }
        assert_eq!(first >> 4, PUBLISH);
        let (topic, rest) = body[2..].split_at(usize::from(body[0]) << 8 | usize::from(body[1]));
        let (packet_id, payload) = if first & 2 == 0 { (None, rest) } else { (Some([rest[0], rest[1]]), &rest[2..]) };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Got { topic: text(topic), payload: text(payload), packet_id }
    }

    /// The payload of the next message on `topic`.
    fn wait_for(&mut self, topic: &str) -> Got {
        loop {
            let got = self.message();
            if got.topic == topic {
                return got;
            }
        }
    }

    fn acknowledge(&mut self, got: &Got) {
        let [high, low] = got.packet_id.unwrap();
        self.0.write_all(&[0x40, 2, high, low]).unwrap();
    }
}

/// A link to `listener`, whose only source never cries by its own account.
fn start(listener: &TcpListener, publisher: &Publisher) -> JoinHandle<()> {
    let mut options = MqttOptions::new("monitor-wail", ("127.0.0.1", listener.local_addr().unwrap().port()));
    options.set_last_will(LastWill::new("wail/available", "offline", QoS::AtLeastOnce, true));
    let board = Board::new(Topics::new("wail"), Some("homeassistant".into()), "wail-compact");
    let current = || {
        let since = "2026-11-27T19:00:00.000Z".into();
        vec![SourceStatus {
            name: "nursery".into(),
            state: SourceState::Listening,
            problem: None,
            since,
            last: None,
            episode: None,
        }]
    };
    let mut link = Link::new(options, board, publisher.subscribe(), current);
    link.backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
    thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(link.run())
    })
}

#[test]
fn a_broker_that_was_away_gets_the_state_and_every_episode() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let publisher = Publisher::new();
    let handle = start(&listener, &publisher);

    let mut broker = Connection::accept(&listener);
    let discovery = broker.message();
    assert_eq!(discovery.topic, "homeassistant/device/wail_nursery/config");
    assert_eq!(broker.wait_for("wail/available").payload, "online");
    publisher.publish(Event::Start(episode(1)));
    assert_eq!(broker.wait_for("wail/nursery/crying").payload, "ON");
    let start = broker.wait_for("wail/nursery/episode");
    drop(broker);
    publisher.publish(Event::End(episode(1)));

    let mut broker = Connection::accept(&listener);
    assert_eq!(broker.message().topic, "homeassistant/device/wail_nursery/config");
    assert!(broker.wait_for("wail/nursery/attributes").payload.contains("\"episode\":1,"));
    assert_eq!(broker.wait_for("wail/nursery/crying").payload, "OFF");
    assert_eq!(broker.wait_for("wail/available").payload, "online");
    let again = broker.wait_for("wail/nursery/episode");
    assert_eq!(again.payload, start.payload, "it was not acknowledged");
    broker.acknowledge(&again);
    let end = broker.wait_for("wail/nursery/episode");
    assert!(end.payload.starts_with(r#"{"event":"end","#), "{}", end.payload);
    broker.acknowledge(&end);

    // Home Assistant has started.
    broker.0.write_all(&[&[0x30, 28, 0, 20][..], b"homeassistant/status", b"online"].concat()).unwrap();
    assert_eq!(broker.message().payload, discovery.payload);

    publisher.publish(Event::Start(episode(2)));
    let last = broker.wait_for("wail/nursery/episode");
    drop(publisher);
    broker.acknowledge(&last);
    assert_eq!(broker.wait_for("wail/nursery/available").payload, "offline");
    assert_eq!(broker.wait_for("wail/available").payload, "offline");
    assert_eq!(broker.packet().0 >> 4, DISCONNECT);
    drop(broker);
    handle.join().unwrap();
}

#[test]
fn a_monitor_without_a_broker_stops_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let publisher = Publisher::new();
    let handle = start(&listener, &publisher);
    // Neither one that answers nothing nor one that is not there delays the end.
    let (silent, _) = listener.accept().unwrap();
    publisher.publish(Event::Start(episode(1)));
    drop(publisher);
    handle.join().unwrap();
    drop(silent);
}
