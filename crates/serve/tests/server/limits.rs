//! Limits on size, time and memory, access control, and the end of the service.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::{Server, form, read, wav};

/// The client sends everything before it reads the answer.
#[test]
fn a_body_that_is_too_large_gets_its_413_with_and_without_content_length() {
    let server = Server::start(&["--body-mib", "1"]);
    for n_bytes in [(1 << 20) + 1, 48 << 20] {
        let large = vec![0; n_bytes];
        for (path, headers) in [
            ("/v1/classify", "content-type: audio/wav\r\n"),
            ("/v1/classify", "content-type: audio/wav\r\ncontent-encoding: gzip\r\n"),
            ("/predict", "content-type: multipart/form-data; boundary=edge\r\n"),
            ("/predict", ""),
        ] {
            for answer in [server.ask("POST", path, headers, &large), server.post_chunked(path, headers, &large)] {
                let got = (answer.status, answer.header("connection"));
                assert_eq!(got, (413, Some("close")), "{n_bytes} {path} {headers}: {answer:?}");
                assert_eq!(answer.json()["detail"], "the request is larger than 1 MiB; send a shorter recording");
            }
        }
    }
    let exact = vec![0; 1 << 20];
    let raw = "content-type: audio/wav\r\n";
    assert_eq!(server.ask("POST", "/v1/classify", raw, &exact).status, 400, "a body of the limit is read");
    assert_eq!(server.post_chunked("/v1/classify", raw, &exact).status, 400);

    // Without the body: a client that asks first is not told to send it.
    for expect in ["", "expect: 100-continue\r\n"] {
        let mut stream = server.connect();
        let head = "POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: 99999999999\r\n";
        write!(stream, "{head}{expect}\r\n").unwrap();
        assert_eq!(read(stream).status, 413, "{expect}");
    }
}

#[test]
fn other_answers_that_do_not_wait_for_the_body_arrive_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "s3cret").unwrap();
    let server = Server::start(&["--token-file", file.to_str().unwrap()]);
    let large = vec![0; 16 << 20];
    for (path, status) in [("/predict", 401), ("/nothing", 404), ("/readyz", 405), ("/predict/", 307)] {
        for answer in [server.ask("POST", path, "", &large), server.post_chunked(path, "", &large)] {
            assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{path}: {answer:?}");
        }
    }
}

/// A connection stays open for further requests if their bodies were read.
#[test]
fn a_connection_is_used_again_after_a_body_that_was_read() {
    let server = Server::start(&[]);
    let (headers, body) = form(&[("a.wav", &wav(1.0, 1))]);
    let head = |last: &str| {
        format!("POST /predict HTTP/1.1\r\nhost: test\r\n{last}content-length: {}\r\n{headers}\r\n", body.len())
    };
    let mut stream = server.connect();
    for last in ["", "", "connection: close\r\n"] {
        stream.write_all(head(last).as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    }
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap().matches("HTTP/1.1 200 OK").count(), 3);
}

/// A head or a body that arrives too slowly is cut off, while other requests are answered.
#[test]
fn slow_clients_are_cut_off() {
    let server = Server::start(&["--head-seconds", "0.5", "--body-seconds", "0.5"]);
    let mut head = server.connect();
    head.write_all(b"POST /predict HTTP/1.1\r\nhost: te").unwrap();
    let mut body = server.connect();
    body.write_all(b"POST /predict HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 100\r\n\r\nabc")
        .unwrap();
    let idle = server.connect();
    let mut between = server.connect();
    between.write_all(b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(read(body).status, 408);
    for mut stream in [head, idle, between] {
        let mut rest = Vec::new();
        assert!(stream.read_to_end(&mut rest).is_ok(), "the connection must be closed");
    }
}

#[test]
fn a_full_queue_and_full_memory_answer_503() {
    let mut server = Server::start(&["--queue", "1", "--memory-mib", "1", "--body-mib", "1"]);
    server.read_log();
    let two: [(&str, &[u8]); 2] = [("a.wav", &wav(1.0, 1)), ("b.wav", &wav(1.0, 2))];
    let answer = server.post("/v1/classify", &two);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "two recordings, one slot: {answer:?}");
    assert_eq!(server.post("/v1/classify", &two[..1]).status, 200, "one recording fits");

    let mut holder = server.connect();
    let head = "POST /v1/classify HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: audio/wav\r\ncontent-length: 1048576\r\n\r\n";
    holder.write_all(head.as_bytes()).unwrap();
    holder.write_all(&vec![0; (1 << 20) - 10]).unwrap();
    let is_held = |n_bytes: usize| {
        (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            server.metric("wail_body_bytes") == n_bytes
        })
    };
    assert!(is_held((1 << 20) - 10));
    let answer = server.post("/v1/classify", &two[..1]);
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1")),
        "another body holds the memory: {answer:?}"
    );
    drop(holder);
    assert!(is_held(0), "the memory is free again once the client disconnects");
    assert_eq!(server.post("/v1/classify", &two[..1]).status, 200);
}

/// The clip and its windows are counted together with the largest body, before anything is decoded.
#[test]
fn windows_that_never_fit_into_the_memory_are_refused() {
    let server = Server::start(&["--memory-mib", "2", "--body-mib", "1"]);
    let files: &[(&str, &[u8])] = &[("a.wav", &wav(1.0, 1))];
    // An input of the model has 64 x 64 x 4 bytes: 65 of them are more than 1 MiB, 18 are not.
    let answer = server.post("/v1/classify?hop=0.1", files);
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.json()["detail"][0]["msg"].as_str().unwrap().contains("choose a longer hop"), "{answer:?}");
    assert_eq!(server.post("/v1/classify?hop=7", files).status, 200);
    // An explanation holds three clips of 56,000 samples, and nine of them with nine inputs of the model: 2.8 MB.
    let answer = server.post("/v1/classify?explain=true", files);
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.text().contains("an explanation needs more memory"), "{answer:?}");
}

/// Sees the work of a client that has left: its connection is gone, its memory is not.
#[test]
fn a_client_that_leaves_frees_no_memory_that_is_still_used() {
    let mut server = Server::start(&[]);
    server.read_log();
    let sound = wav(14.0, 1);
    let head = format!(
        "POST /v1/classify?hop=0.1 HTTP/1.1\r\nhost: test\r\ncontent-type: audio/wav\r\ncontent-length: {}\r\n\r\n",
        sound.len()
    );
    let is_seen = (0..1000).any(|_| {
        let mut client = server.connect();
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(&sound).unwrap();
        while server.metric("wail_recordings") == 0 && server.metric("wail_body_bytes") == 0 {}
        drop(client);
        // The order matters: the memory is read after the connection has gone. One connection is that of the question.
        while server.metric("wail_connections") > 1 {}
        server.metric("wail_body_bytes") > 0
    });
    assert!(is_seen);
    while server.metric("wail_body_bytes") > 0 {}
    assert_eq!(server.metric("wail_recordings"), 0);
}

/// Whatever the machine, one of the time limits is more than decoding takes and less than the model takes, so that both threads that run
/// the model are stuck for a while.
#[test]
fn readyz_is_false_while_all_threads_are_stuck() {
    let sound = wav(14.0, 1);
    let is_seen = ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5"].into_iter().any(|seconds| {
        let mut server = Server::start(&["--answer-seconds", seconds]);
        server.read_log();
        let is_seen = AtomicBool::new(false);
        let client = || {
            for _ in (0..8).take_while(|_| !is_seen.load(Ordering::SeqCst)) {
                server.ask("POST", "/v1/classify?hop=0.1", "content-type: audio/wav\r\n", &sound);
            }
        };
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
            while !is_seen.load(Ordering::SeqCst) && clients.iter().any(|client| !client.is_finished()) {
                is_seen.store(server.get("/readyz").status == 503, Ordering::SeqCst);
            }
        });
        while server.get("/readyz").status == 503 {}
        is_seen.into_inner()
    });
    assert!(is_seen);
}

#[test]
fn predictions_model_and_metrics_need_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let server = Server::start(&["--token-file", file.to_str().unwrap()]);
    let (headers, body) = form(&[("a.wav", &wav(1.0, 1))]);
    for (token, status) in
        [("", 401), ("authorization: Bearer wrong\r\n", 401), ("authorization: Bearer s3cret\r\n", 200)]
    {
        for path in ["/predict", "/v1/classify"] {
            assert_eq!(server.ask("POST", path, &format!("{headers}{token}"), &body).status, status, "{path} {token}");
        }
        for path in ["/v1/model", "/metrics"] {
            assert_eq!(server.ask("GET", path, token, b"").status, status, "{path} {token}");
        }
    }
    assert_eq!(server.get("/predict").header("www-authenticate"), None, "only a 401 asks for a token");
    for path in ["/", "/health", "/readyz", "/docs"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

#[test]
fn only_listed_origins_are_allowed() {
    let server = Server::start(&["--allow-origin", "https://good.example"]);
    for (origin, allowed) in [("https://good.example", Some("https://good.example")), ("https://evil.example", None)] {
        let answer = server.ask("GET", "/v1/model", &format!("origin: {origin}\r\n"), b"");
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin}");
        let exposed = answer.header("access-control-expose-headers");
        assert_eq!(exposed, Some("x-cry-score,x-not-a-cry,x-warnings"), "{origin}");
    }
}

/// Requests whose body is still arriving when the service receives the signal are answered.
#[test]
fn open_requests_are_answered_when_the_service_stops() {
    let mut server = Server::start(&[]);
    let (headers, body) = form(&[("a.wav", &wav(7.0, 1))]);
    let length = body.len();
    let head = format!("POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n{headers}\r\n");
    let mut streams: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
    let (first, second) = body.split_at(length / 2);
    for stream in &mut streams {
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(first).unwrap();
    }
    server.signal("TERM");
    server.wait_for("stopping");
    streams.iter_mut().for_each(|stream| stream.write_all(second).unwrap());
    for stream in streams {
        assert_eq!(read(stream).status, 200);
    }
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
