//! Limits on size, time and memory, access control, and the end of the service.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::client::{Server, form, read, wav};

#[test]
fn a_body_that_is_too_large_is_refused_with_and_without_content_length() {
    let server = Server::start(&["--body-mib", "1"]);
    let large = vec![0; (1 << 20) + 1];
    let answer = server.ask("POST", "/v1/classify", "content-type: audio/wav\r\n", &large);
    assert_eq!(answer.status, 413, "{answer:?}");

    let mut stream = server.connect();
    let head = "POST /v1/classify HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: audio/wav\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    for chunk in large.chunks(1 << 16) {
        write!(stream, "{:x}\r\n", chunk.len()).unwrap();
        stream.write_all(chunk).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(read(stream).status, 413);

    let mut stream = server.connect();
    let head = "POST /predict HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 99999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read(stream).status, 413);
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
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(read(body).status, 408);
    for mut stream in [head, idle] {
        let mut rest = Vec::new();
        assert!(stream.read_to_end(&mut rest).is_ok(), "the connection must be closed");
    }
}

#[test]
fn a_full_queue_and_full_memory_answer_503() {
    let server = Server::start(&["--queue", "1", "--memory-mib", "1", "--body-mib", "1"]);
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
            server.get("/metrics").text().lines().any(|line| line == format!("wail_body_bytes {n_bytes}"))
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
    let mut line = String::new();
    while !line.contains("stopping") {
        line.clear();
        assert!(server.log.read_line(&mut line).unwrap() > 0);
    }
    streams.iter_mut().for_each(|stream| stream.write_all(second).unwrap());
    for stream in streams {
        assert_eq!(read(stream).status, 200);
    }
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
