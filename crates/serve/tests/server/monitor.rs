//! The monitor: sources, episodes, events, clips and reviews.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{LABELS, MODEL, Server, command, read, wav};

/// Silence of 4 s, a tone of 3 s and silence of 10 s as PCM at 16 kHz. To the model of these tests everything but silence is a cry.
fn sound() -> Vec<u8> {
    let tone = |i: u32| if (64_000..112_000).contains(&i) { (8000.0 * (0.2 * i as f32).sin()) as i16 } else { 0 };
    (0..272_000).flat_map(|i| tone(i).to_le_bytes()).collect()
}

/// A folder with a configuration whose source sends the sound once `go` appears in it.
fn folder(end_of_command: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sound.pcm"), sound()).unwrap();
    let script =
        format!("until [ -e go ]; do [ -e sound.pcm ] || exit; sleep 0.02; done; cat sound.pcm; {end_of_command}");
    let config = format!(
        "[[source]]\nname = \"nursery\"\ncommand = [\"sh\", \"-c\", \"cd '{}'; {script}\"]\n[clips]\nbefore_seconds = 2\n",
        folder.path().display()
    );
    std::fs::write(folder.path().join("monitor.toml"), config).unwrap();
    folder
}

fn start(folder: &Path) -> Server {
    let mut server = Server::start(&["--monitor", folder.join("monitor.toml").to_str().unwrap()]);
    server.read_log();
    server
}

/// The stream of `GET /v1/events`.
struct Events(BufReader<TcpStream>);

impl Events {
    fn of(server: &Server) -> Self {
        let mut stream = server.connect();
        stream.write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut events = Self(BufReader::new(stream));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            events.0.read_line(&mut head).unwrap();
        }
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
        events
    }

    /// The next event: its name and data. `None` at the end of the stream.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", event)) => name = event.into(),
                Some(("data", data)) => return Some((name, serde_json::from_str(data).unwrap())),
                _ => {}
            }
        }
    }

    /// The data of the next event with this name.
    fn wait_for(&mut self, name: &str) -> Value {
        loop {
            let (found, data) = self.next().expect(name);
            if found == name {
                return data;
            }
        }
    }
}

#[test]
fn an_episode_is_told_kept_and_reviewed() {
    let folder = folder("exec sleep 60");
    let mut server = start(folder.path());
    let mut events = Events::of(&server);
    File::create(folder.path().join("go")).unwrap();
    let began = events.wait_for("start");
    assert_eq!((&began["id"], &began["source"], began.get("ended")), (&json!(1), &json!("nursery"), None));
    assert_eq!(server.get("/v1/monitor").status, 200);
    let mut ended = events.wait_for("end");
    for key in ["id", "source", "began", "confirmed"] {
        assert_eq!(ended[key], began[key], "{key}");
    }
    // Of the 12 windows that the tone touches, half a second each counts.
    assert_eq!(
        (&ended["seconds"], &ended["interrupted"], &ended["has_clip"]),
        (&json!(6.0), &json!(false), &json!(true))
    );
    assert_eq!(ended["clip_onset_seconds"], 2.0);
    assert!(
        ended["ended"].as_str() > ended["confirmed"].as_str() && ended["confirmed"].as_str() > ended["began"].as_str()
    );

    let state = server.get("/v1/monitor").json();
    assert_eq!((&state["keeps_clips"], &state["labels"]), (&json!(true), &json!(LABELS)));
    let source = &state["sources"][0];
    assert_eq!(
        (&source["name"], &source["state"], source.get("problem")),
        (&json!("nursery"), &json!("listening"), None)
    );
    assert!(source["last"]["level_dbfs"].is_number() && source.get("episode").is_none(), "{source}");

    let began = began["began"].as_str().unwrap();
    for (query, n) in [
        ("", 1),
        ("?source=nursery&limit=5", 1),
        ("?source=attic", 0),
        ("?since=2000-01-01T00:00:00Z", 1),
        (&format!("?since={began}"), 1),
        (&format!("?until={began}"), 0),
    ] {
        let found = server.get(&format!("/v1/episodes{query}")).json();
        assert_eq!(found["episodes"], json!(vec![&ended; n]), "{query}");
    }
    for query in ["?since=yesterday", "?limit=0", "?limit=10001", "?sauce=nursery"] {
        assert_eq!(server.get(&format!("/v1/episodes{query}")).status, 422, "{query}");
    }

    let clip = server.get("/v1/episodes/1/clip");
    assert_eq!((clip.status, clip.header("content-type")), (200, Some("audio/flac")));
    assert!(clip.body.starts_with(b"fLaC"));
    assert_eq!(clip.body, std::fs::read(folder.path().join("wail-monitor/clips/1.flac")).unwrap());
    assert_eq!(["/v1/episodes/2/clip", "/v1/episodes/x/clip"].map(|path| server.get(path).status), [404, 404]);

    let json_type = "content-type: application/json\r\n";
    let review = |id: u32, headers: &str, body: &str| {
        server.ask("POST", &format!("/v1/episodes/{id}/review"), headers, body.as_bytes())
    };
    for (id, headers, body, status) in [
        (1, "", r#"{"verdict": "cry"}"#, 422),
        (1, json_type, r#"{"verdict": "perhaps"}"#, 422),
        (1, json_type, r#"{"verdict": "cry", "label": "bored"}"#, 422),
        (1, json_type, r#"{"verdict": "not_a_cry", "label": "tired"}"#, 422),
        (2, json_type, r#"{"verdict": "cry"}"#, 404),
    ] {
        assert_eq!(review(id, headers, body).status, status, "{body}");
    }
    let table = |file: &str| std::fs::read_to_string(folder.path().join("wail-monitor").join(file)).unwrap();
    for (body, cries, others) in [
        (r#"{"verdict": "not_a_cry", "label": null}"#, "", "clips/1.flac,2.000,8.000,not a cry\n"),
        (r#"{"verdict": "cry", "label": null}"#, "", ""),
        (r#"{"verdict": "cry", "label": "tired"}"#, "clips/1.flac,2.000,8.000,tired\n", ""),
    ] {
        let answer = review(1, json_type, body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut said: Value = serde_json::from_str(body).unwrap();
        if said["label"].is_null() {
            said.as_object_mut().unwrap().remove("label");
        }
        ended["review"] = said;
        assert_eq!((answer.json(), events.wait_for("review")), (ended.clone(), ended.clone()));
        assert_eq!(table("reviews.csv"), format!("file,start,end,label\n{cries}"));
        assert_eq!(table("not-a-cry.csv"), format!("file,start,end,label\n{others}"));
    }

    server.signal("TERM");
    while events.next().is_some() {}
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let n_lines = table("history.jsonl").lines().count();
    assert_eq!(n_lines, 5, "a start, an end and three reviews");
}

#[test]
fn a_source_that_ends_is_started_again_and_says_why() {
    let folder = folder("echo no such camera >&2; rm go; exit 3");
    let server = start(folder.path());
    let mut events = Events::of(&server);
    File::create(folder.path().join("go")).unwrap();
    let mut states = Vec::new();
    while states.len() < 3 {
        let status = events.wait_for("source");
        states.push((status["state"].clone(), status.get("problem").cloned()));
    }
    let problem = Some(json!("sh failed with exit code 3: no such camera; the next attempt is after 1 s"));
    let [listening, waiting, starting] = ["listening", "waiting", "starting"].map(Value::from);
    assert_eq!(states, [(listening, None), (waiting, problem.clone()), (starting, problem)]);
}

#[test]
fn a_source_that_sends_a_file_of_sound_is_not_heard_as_noise() {
    let folder = folder("exec sleep 60");
    std::fs::write(folder.path().join("sound.pcm"), wav(3.0, 1)).unwrap();
    let server = start(folder.path());
    let mut events = Events::of(&server);
    File::create(folder.path().join("go")).unwrap();
    let status = events.wait_for("source");
    assert_eq!(status["state"], "waiting");
    assert!(
        status["problem"].as_str().unwrap().starts_with("sh sends WAV in place of raw PCM; add -t raw"),
        "{status}"
    );
}

#[test]
fn a_killed_server_leaves_a_history_that_goes_on() {
    let folder = folder("exec sleep 60");
    // No silence at the end: the episode lasts.
    std::fs::write(folder.path().join("sound.pcm"), &sound()[..224_000]).unwrap();
    let mut server = start(folder.path());
    let mut events = Events::of(&server);
    File::create(folder.path().join("go")).unwrap();
    let began = events.wait_for("start");
    kill(&mut server.child);
    let history = folder.path().join("wail-monitor/history.jsonl");
    let torn = "{\"end\": {\"id\": 1, \"source\": ";
    File::options().append(true).open(&history).unwrap().write_all(torn.as_bytes()).unwrap();

    let mut server = start(folder.path());
    let mut events = Events::of(&server);
    assert_eq!(events.wait_for("start")["id"], 2);
    server.signal("TERM");
    let ended = events.wait_for("end");
    assert_eq!(
        (&ended["id"], &ended["interrupted"]),
        (&json!(2), &json!(true)),
        "the program stops before the episode ends"
    );
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let text = std::fs::read_to_string(&history).unwrap();
    let facts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = [("start", 1), ("end", 1), ("start", 2), ("end", 2)];
    let found = |(name, id): &(&str, u64), fact: &Value| fact[name]["id"] == *id;
    assert!(facts.len() == 4 && expected.iter().zip(&facts).all(|(expected, fact)| found(expected, fact)), "{text}");
    let first = &facts[1]["end"];
    assert_eq!((&first["began"], &first["interrupted"]), (&began["began"], &json!(true)));
    assert!(first["ended"].as_str() > first["began"].as_str(), "{first}");
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn sighup_replaces_the_model_that_listens_and_the_command_runs_on() {
    let folder = folder("echo once >> heard; exec sleep 60");
    let config = folder.path().join("monitor.toml");
    let mut server = Server::start(&["--monitor", config.to_str().unwrap()]);
    let mut events = Events::of(&server);
    server.signal("HUP");
    server.wait_for("listening with the other model");
    server.read_log();
    File::create(folder.path().join("go")).unwrap();
    assert_eq!(events.wait_for("end")["id"], 1);
    assert_eq!(std::fs::read_to_string(folder.path().join("heard")).unwrap(), "once\n");
}

#[test]
fn one_process_uses_a_folder() {
    let folder = folder("exec sleep 60");
    let _server = start(folder.path());
    let config = folder.path().join("monitor.toml");
    let model = MODEL.path().to_str().unwrap();
    let second = ["--model", model, "--listen", "127.0.0.1:0", "--monitor", config.to_str().unwrap()];
    let output = command(folder.path()).args(second).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && text.contains("another wail-serve uses the folder"), "{text}");
}

#[test]
fn a_monitor_that_others_could_reach_needs_a_token_and_its_routes_ask_for_it() {
    let folder = folder("exec sleep 60");
    let config = folder.path().join("monitor.toml");
    let arguments = ["--model", MODEL.path().to_str().unwrap(), "--monitor", config.to_str().unwrap()];
    let open = command(folder.path()).args(arguments).args(["--listen", "0.0.0.0:0"]).output().unwrap();
    let text = String::from_utf8(open.stderr).unwrap();
    assert!(open.status.code() == Some(2) && text.contains("--token-file"), "{text}");

    let token = folder.path().join("token");
    std::fs::write(&token, "secret\n").unwrap();
    let server = Server::start(&["--monitor", config.to_str().unwrap(), "--token-file", token.to_str().unwrap()]);
    for path in ["/v1/monitor", "/v1/episodes", "/v1/episodes/1/clip", "/v1/events"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    assert_eq!(server.ask("POST", "/v1/episodes/1/review", "", b"").status, 401);
    assert_eq!(server.ask("GET", "/v1/monitor", "authorization: Bearer secret\r\n", b"").status, 200);
}

#[test]
fn without_a_token_pages_elsewhere_read_nothing() {
    let folder = folder("exec sleep 60");
    let server = start(folder.path());
    for (path, host, status) in [
        ("/v1/monitor", "example.org", 403),
        ("/v1/events", "example.org", 403),
        ("/v1/model", "example.org", 200),
        ("/v1/monitor", "127.0.0.1", 200),
    ] {
        let mut stream = server.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let answer = read(stream);
        assert_eq!(answer.status, status, "{path} {host}: {answer:?}");
    }
}

#[test]
fn without_a_monitor_the_routes_say_so() {
    let server = Server::start(&[]);
    for path in ["/v1/monitor", "/v1/episodes", "/v1/episodes/1/clip", "/v1/events"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json()["detail"], "no monitor runs here; start wail-serve with --monitor FILE");
    }
}

#[test]
fn wrong_configurations_name_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitor.toml");
    for (config, reasons) in [
        ("", &["there is no [[source]]"][..]),
        ("[[source]]\nname = \"a b\"\ncommand = []\nchannels = 0", &["`name`", "`command`", "`channels`"]),
        ("[[source]]\nname = \"a\"\ncommand = [\"x\"]\nrate = 1", &["line 4", "unknown field `rate`"]),
        (
            "[[source]]\nname = \"a\"\ncommand = [\"x\"]\n[episodes]\nwindow_seconds = 99",
            &["[episodes] does not fit the model"],
        ),
        ("[[source]]\nname = \"a\"\ncommand = [\"x\"]\n[mqtt]\nbroker = \"http://x\"", &["mqtt.broker"]),
    ] {
        std::fs::write(&path, config).unwrap();
        let arguments =
            ["--model", MODEL.path().to_str().unwrap(), "--listen", "127.0.0.1:0", "--monitor", "monitor.toml"];
        let output = command(folder.path()).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(reasons.iter().all(|reason| text.contains(reason)), "{reasons:?}: {text}");
    }
}
