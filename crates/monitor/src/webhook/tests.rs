use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use super::*;
use crate::Level;
use crate::notice::tests::episode;

#[test]
fn the_signature_is_that_of_rfc_4231() {
    // Test case 2.
    let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(signature(&key("Jefe").unwrap(), b"what do ya want for nothing?"), expected);
}

#[test]
fn only_starts_and_ends_are_delivered_each_with_its_own_id() {
    let start = Delivery::of(&Event::Start(episode(7))).unwrap();
    let end = Delivery::of(&Event::End(episode(7))).unwrap();
    assert_eq!((start.event, end.event), ("start", "end"));
    assert_eq!(start.id.len(), 32);
    assert_ne!(start.id, end.id);

    let level =
        Level { source: "nursery".into(), time: "2026-11-27T20:00:00.000Z".into(), level_dbfs: -60.0, cry_score: None };
    assert_eq!(Delivery::of(&Event::Level(level)), None);
    assert_eq!(Delivery::of(&Event::Review(episode(7))), None);
}

#[test]
fn only_answers_that_may_change_are_worth_another_attempt() {
    let of = |status: u16| outcome(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), SystemTime::now());
    for status in [200, 201, 202, 204] {
        assert_eq!(of(status), Outcome::Delivered, "{status}");
    }
    for status in [429, 500, 502, 503, 504] {
        assert!(matches!(of(status), Outcome::Failed(_, None)), "{status}");
    }
    for status in [301, 302, 307, 308, 400, 401, 403, 404, 408, 410, 413] {
        assert!(matches!(of(status), Outcome::Refused(_)), "{status}");
    }
}

#[test]
fn a_receiver_can_say_when_it_wants_the_next_attempt() {
    let now = httpdate::parse_http_date("Fri, 27 Nov 2026 20:00:00 GMT").unwrap();
    let cases = [
        ("7", Some(7)),
        ("0", Some(1)),
        ("99999999", Some(3600)),
        ("Fri, 27 Nov 2026 20:02:00 GMT", Some(120)),
        ("Fri, 27 Nov 2026 19:00:00 GMT", Some(1)),
        ("soon", None),
    ];
    for (text, seconds) in cases {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
        let expected =
            Outcome::Failed("the receiver answers 429 Too Many Requests".into(), seconds.map(Duration::from_secs));
        assert_eq!(outcome(StatusCode::TOO_MANY_REQUESTS, &headers, now), expected, "{text}");
    }
}

#[test]
fn problems_name_their_keys() {
    let of = |toml: &str| {
        toml::from_str::<WebhookSettings>(toml).unwrap().open(Path::new("/nowhere")).err().unwrap_or_default()
    };
    assert_eq!(of("url = \"http://localhost:8123/api/webhook/x\""), [""; 0]);
    for url in ["ftp://localhost/x", "localhost/x", "https://", ""] {
        let found = of(&format!("url = \"{url}\"\nsecret_file = \"none\""));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("webhook.url: ") && found[1].starts_with("webhook.secret_file: "), "{found:?}");
    }
    assert!(toml::from_str::<WebhookSettings>("url = \"http://localhost\"\nsecret = \"x\"").is_err());
}

/// A request that a server has got.
struct Got {
    head: Vec<String>,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .iter()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    }
}

/// A server that gives one answer after the other, and sends what it got.
fn server(answers: &'static [&'static str]) -> (String, mpsc::Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?secret", listener.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let mut reader = BufReader::new(listener.accept().unwrap().0);
            let head: Vec<String> =
                reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            let mut got = Got { head, body: String::new() };
            let length = got.header("content-length").unwrap().parse().unwrap();
            reader.by_ref().take(length).read_to_string(&mut got.body).unwrap();
            write!(reader.get_mut(), "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            sender.send(got).unwrap();
        }
    });
    (url, received)
}

fn impatient(url: &str, key: Option<Hmac<Sha256>>) -> Hook {
    let mut hook = Hook::new(url.parse().unwrap(), key);
    hook.backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
    hook
}

#[test]
fn a_delivery_is_repeated_with_the_same_id_and_signature_until_it_is_taken() {
    let (url, received) = server(&["500 Oh", "500 Oh", "200 OK", "404 Not Found", "204 No Content"]);
    let (sender, events) = broadcast::channel(16);
    let handle = start(vec![impatient(&url, Some(key("Jefe").unwrap()))], events).unwrap();
    for event in [Event::Start(episode(1)), Event::End(episode(1)), Event::Start(episode(2))] {
        sender.send(event).unwrap();
    }
    let got: Vec<Got> = received.iter().collect();
    drop(sender);
    handle.join().unwrap();

    let ids: Vec<&str> = got.iter().filter_map(|got| got.header("x-wail-delivery")).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3] && ids[3] != ids[4], "{ids:?}");
    let told: Vec<&str> = got.iter().filter_map(|got| got.header("x-wail-event")).collect();
    assert_eq!(told, ["start", "start", "start", "end", "start"], "a refused delivery is not repeated");
    for got in &got {
        assert_eq!(got.head[0], "POST /hook?secret HTTP/1.1");
        assert_eq!(got.header("content-type"), Some("application/json"));
        let expected = signature(&key("Jefe").unwrap(), got.body.as_bytes());
        assert_eq!(got.header("x-wail-signature"), Some(expected.as_str()));
    }
    let body: serde_json::Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!((&body["event"], &body["episode"]["id"]), (&"start".into(), &1.into()));
}

#[test]
fn a_slow_receiver_holds_up_no_other_and_no_redirect_is_followed() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let (url, received) = server(&["302 Found\r\nlocation: /elsewhere", "200 OK"]);
    let (sender, events) = broadcast::channel(16);
    let _ends_with_the_test = start(vec![impatient(&silent_url, None), impatient(&url, None)], events).unwrap();
    for id in [1, 2] {
        sender.send(Event::Start(episode(id))).unwrap();
    }
    let got: Vec<Got> = received.iter().collect();
    assert_eq!(got.len(), 2);
    for got in &got {
        assert_eq!(got.head[0], "POST /hook?secret HTTP/1.1");
        assert_eq!(got.header("x-wail-signature"), None);
    }
    assert!(got[1].body.contains("\"id\":2,"));
}

#[test]
fn what_is_left_is_tried_once_more_when_the_monitor_stops() {
    let (url, received) = server(&["503 Busy\r\nretry-after: 600", "200 OK", "200 OK"]);
    let (sender, events) = broadcast::channel(16);
    let handle = start(vec![impatient(&url, None)], events).unwrap();
    sender.send(Event::Start(episode(1))).unwrap();
    let first = received.recv().unwrap();
    sender.send(Event::End(episode(1))).unwrap();
    drop(sender);
    handle.join().unwrap();
    let rest: Vec<Got> = received.iter().collect();
    let told: Vec<Option<&str>> = [&first].into_iter().chain(&rest).map(|got| got.header("x-wail-event")).collect();
    assert_eq!(told, [Some("start"), Some("start"), Some("end")]);
}
