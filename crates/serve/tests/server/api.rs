//! Requests and their responses.

use serde_json::Value;

use crate::client::{Answer, LABELS, Server, form, tested, wav};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn predict_answers_like_the_service_it_replaces() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/health").json(), serde_json::json!({"status": "ok"}));
    let sound = wav(7.0, 1);
    for (query, n_ranked) in [("", 3), ("?top_k=2", 2), ("?top_k=0", 1), ("?top_k=99", 3), ("?top_k=2&other=x", 2)] {
        let answer = server.post(&format!("/predict{query}"), &[("cry.wav", &sound)]);
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        let json = answer.json();
        assert_eq!(keys(&json), ["all_probs", "label", "probability", "top_k"]);
        assert_eq!(json["top_k"].as_array().unwrap().len(), n_ranked, "{query}");
        assert_eq!(
            (&json["label"], &json["probability"]),
            (&json["top_k"][0]["label"], &json["top_k"][0]["probability"])
        );
        assert_eq!(keys(&json["all_probs"]), LABELS);
        let sum: f64 = json["all_probs"].as_object().unwrap().values().filter_map(Value::as_f64).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    }
    let twice = [0, 1].map(|_| server.post("/predict", &[("cry.wav", &sound)]).body);
    assert_eq!(twice[0], twice[1]);
    assert_ne!(
        twice[0],
        server.post("/predict", &[("cry.wav", &wav(7.0, 5))]).body,
        "another sound gets another answer"
    );
}

#[test]
fn classify_reports_what_is_not_a_cry_and_predict_says_it_in_headers() {
    let server = Server::start(&[]);
    let silence = |seconds: f32| {
        let mut sound = wav(seconds, 1);
        sound[44..].fill(0);
        sound
    };
    for (sound, score, refused, warnings) in [
        (silence(5.0), 0.0, true, Some("the recording is silent")),
        (silence(1.0), 0.0, true, Some("the recording is silent; only 1.0 s of sound; the model expects 7 s")),
        (wav(5.0, 1), 0.731_058_6, false, None),
    ] {
        let answer = server.post("/v1/classify", &[("cry.wav", &sound)]).json();
        let prediction = &answer["recordings"][0]["prediction"];
        assert_eq!(prediction["not_a_cry"], refused, "{answer}");
        // The gate's weights are 0 and its bias is 1, but digital silence always scores 0.
        assert!((prediction["cry_score"].as_f64().unwrap() - score).abs() < 1e-6, "{answer}");
        let answer = server.post("/predict", &[("cry.wav", &sound)]);
        let plain = answer.json();
        assert_eq!(keys(&plain), ["all_probs", "label", "probability", "top_k"]);
        assert_eq!(plain["label"], prediction["label"]);
        assert_eq!(answer.header("x-cry-score").and_then(|score| score.parse().ok()), prediction["cry_score"].as_f64());
        assert_eq!(answer.header("x-not-a-cry"), Some(if refused { "true" } else { "false" }));
        assert_eq!(answer.header("x-warnings"), warnings);
    }
}

#[test]
fn invalid_requests_have_their_status_and_a_reason() {
    let server = Server::start(&[]);
    let sound = wav(1.0, 1);
    let files: &[(&str, &[u8])] = &[("a.wav", &sound)];
    let raw = "content-type: audio/wav\r\n";
    let check = |answer: Answer, status: u16, what: &str| {
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        let json = answer.json();
        let detail = json["detail"].as_str().or_else(|| json["detail"][0]["msg"].as_str());
        assert!(detail.is_some_and(|detail| !detail.is_empty()), "{what}: {json}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
    };
    for path in ["/predict?top_k=-1", "/predict?top_k=x", "/v1/classify?top_k=-1", "/v1/classify?coverage=0.5"] {
        check(server.post(path, files), 422, path);
    }
    for query in ["window=0.1", "window=99", "hop=0", "min_confidence=2", "unknown=1", "window=NaN"] {
        check(server.post(&format!("/v1/classify?{query}"), files), 422, query);
    }
    for path in ["/predict", "/v1/classify"] {
        check(server.post(path, &[]), 422, "no file");
        check(server.ask("POST", path, "", b""), 422, "no body");
        check(server.post(path, &[("a.wav", b"")]), 400, "empty");
        check(server.post(path, &[("a.wav", b"this is not a sound")]), 400, "undecodable");
        check(server.post(path, &[("../../etc/passwd", b"RIFF")]), 400, "a path as a name");
        check(server.ask("POST", path, "content-type: multipart/form-data\r\n", b"x"), 400, "no boundary");
        check(
            server.ask("POST", path, "content-type: multipart/form-data; boundary=e\r\n", b"--e\r\nx"),
            400,
            "broken",
        );
        check(server.get(path), 405, "GET");
    }
    check(server.ask("POST", "/predict", "content-type: text/plain\r\n", b"x"), 422, "text");
    check(server.ask("POST", "/v1/classify", "content-type: text/plain\r\n", b"x"), 415, "text");
    check(server.ask("POST", "/v1/classify", raw, b"not a sound"), 400, "raw");
    let link = br#"{"url": "http://127.0.0.1/"}"#;
    check(server.ask("POST", "/v1/classify", "content-type: application/json\r\n", link), 422, "URLs are off");
    check(server.get("/nothing"), 404, "no page");
}

#[test]
fn a_slash_at_the_end_of_a_path_is_redirected_as_by_fastapi() {
    let server = Server::start(&[]);
    for (method, path, target) in [
        ("POST", "/predict/", "/predict"),
        ("POST", "/predict/?top_k=2&x=%2F", "/predict?top_k=2&x=%2F"),
        ("POST", "/predict//", "/predict"),
        ("GET", "/predict/", "/predict"),
        ("POST", "/v1/classify/?hop=2", "/v1/classify?hop=2"),
        ("GET", "/v1/model/", "/v1/model"),
        ("GET", "/health/", "/health"),
        ("GET", "/docs/", "/docs"),
        ("GET", "/openapi.json/", "/openapi.json"),
        ("GET", "/page/style.css/", "/page/style.css"),
    ] {
        let answer = server.ask(method, path, "", b"");
        assert_eq!((answer.status, answer.header("location")), (307, Some(target)), "{method} {path}: {answer:?}");
    }
    for path in ["/nothing/", "//", "//predict", "/predict/x", "//example.org/predict/", "/v1/"] {
        let answer = server.ask("POST", path, "", b"");
        assert_eq!((answer.status, answer.header("location")), (404, None), "{path}: {answer:?}");
    }
}

#[test]
fn compressed_bodies_are_refused_by_their_encoding() {
    let server = Server::start(&[]);
    let (headers, body) = form(&[("a.wav", &wav(1.0, 1))]);
    for (encoding, status) in [
        ("content-encoding: gzip\r\n", 415),
        ("Content-Encoding: br\r\n", 415),
        ("content-encoding: identity, zstd\r\n", 415),
        ("content-encoding: identity\r\ncontent-encoding: deflate\r\n", 415),
        ("content-encoding: Identity\r\n", 200),
        ("content-encoding: \r\n", 200),
        ("", 200),
    ] {
        for path in ["/predict", "/v1/classify"] {
            let answer = server.ask("POST", path, &format!("{headers}{encoding}"), &body);
            assert_eq!(answer.status, status, "{path} {encoding}: {answer:?}");
            // RFC 9110, section 15.5.16: the header says which encodings would do.
            let accepted = (status == 415).then_some("identity");
            assert_eq!(answer.header("accept-encoding"), accepted, "{path} {encoding}");
        }
    }
    let answer = server.ask("POST", "/v1/classify", "content-type: audio/wav\r\ncontent-encoding: gzip\r\n", b"x");
    assert_eq!(answer.status, 415);
    assert!(answer.json()["detail"].as_str().unwrap().contains("compressed"), "{answer:?}");
}

#[test]
fn a_url_while_urls_are_off_is_answered_with_how_to_turn_them_on() {
    let server = Server::start(&[]);
    for path in ["/predict", "/v1/classify"] {
        let link = br#"{"url": "https://example.org/cry.wav"}"#;
        let answer = server.ask("POST", path, "content-type: application/json; charset=utf-8\r\n", link);
        assert_eq!(answer.status, 422, "{answer:?}");
        let problem = &answer.json()["detail"][0];
        assert_eq!(problem["loc"], serde_json::json!(["body", "url"]));
        let reason =
            "recordings by URL are off: send the recording itself, or start wail-serve with --allow-url-host HOST";
        assert_eq!(problem["msg"], reason);
    }
}

#[test]
fn urls_are_fetched_only_from_listed_hosts_and_never_from_this_machine() {
    let server = Server::start(&["--allow-url-host", "127.0.0.1"]);
    for (url, reason) in [("http://127.0.0.1/", "cannot be fetched"), ("http://example.org/", "not allowed")] {
        let body = format!("{{\"url\": \"{url}\"}}");
        let answer = server.ask("POST", "/predict", "content-type: application/json\r\n", body.as_bytes());
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
}

#[test]
fn an_explanation_has_a_fall_for_each_cell_and_one_recording_without_windows() {
    let server = Server::start(&[]);
    let long = wav(10.0, 3);
    let [plain, explained] =
        ["", "?explain=true"].map(|query| server.post(&format!("/v1/classify{query}"), &[("a.wav", &long)]).json());
    assert_eq!(plain["recordings"][0].get("explanation"), None);
    assert_eq!(explained["recordings"][0]["prediction"], plain["recordings"][0]["prediction"]);
    let explanation = &explained["recordings"][0]["explanation"];
    let list = |value: &Value| value.as_array().unwrap().len();
    assert_eq!(list(&explanation["grid"]["time_edges_seconds"]), 15, "half seconds of the clip, 7 s");
    assert_eq!(list(&explanation["grid"]["band_edges_hz"]), 9);
    let falls = explanation["log_odds_drop"].as_array().unwrap();
    assert!(falls.len() == 8 && falls.iter().all(|band| list(band) == 14), "{falls:?}");
    assert!(falls.iter().flat_map(|band| band.as_array().unwrap()).any(|fall| fall.as_f64().unwrap() != 0.0));

    let two: [(&str, &[u8]); 2] = [("a.wav", &long), ("b.wav", &long)];
    for (query, files, reason) in
        [("explain=true&window=2", &two[..1], "without windows"), ("explain=true", &two[..], "one recording at a time")]
    {
        let answer = server.post(&format!("/v1/classify?{query}"), files);
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
}

#[test]
fn classify_returns_all_details() {
    let server = Server::start(&[]);
    let long = wav(10.0, 3);
    let answer = server.ask("POST", "/v1/classify?coverage=0.9&hop=2", "content-type: audio/wav\r\n", &long);
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let recording = &json["recordings"][0];
    assert_eq!(recording["file"], Value::Null);
    assert_eq!(recording["prediction"]["prediction_set"], serde_json::json!(LABELS));
    assert_eq!(recording["prediction"]["abstains"], true);
    let starts: Vec<f64> =
        recording["segments"].as_array().unwrap().iter().filter_map(|s| s["span"]["start_seconds"].as_f64()).collect();
    assert_eq!(starts, [0.0, 2.0, 4.0, 6.0, 8.0]);
    assert_eq!(recording["segments"][0]["span"]["end_seconds"], 3.0, "the window is the model's");

    let json = server.ask("POST", "/v1/classify?window=4", "content-type: audio/wav\r\n", &long).json();
    let segments = json["recordings"][0]["segments"].as_array().unwrap();
    let starts: Vec<f64> = segments.iter().filter_map(|s| s["span"]["start_seconds"].as_f64()).collect();
    assert_eq!(
        starts,
        Vec::from_iter((0..=16).map(|index| f64::from(index) / 2.0)),
        "the hop is the model's, as in `wail infer`"
    );

    let files: [(&str, &[u8]); 3] = [("a.wav", &long), ("b.wav", b"not a sound"), ("c.wav", &wav(1.0, 1))];
    let json = server.post("/v1/classify", &files).json();
    let recordings = json["recordings"].as_array().unwrap();
    assert_eq!(recordings.iter().map(|r| r["file"].as_str().unwrap()).collect::<Vec<_>>(), ["a.wav", "b.wav", "c.wav"]);
    assert!(recordings[1]["error"].is_string() && recordings[1]["prediction"].is_null());
    assert_eq!(recordings[0]["warnings"], serde_json::json!(["only the first 7 s were used"]));
    assert!(recordings[2]["warnings"][0].as_str().unwrap().starts_with("only 1.0 s of sound"));
    let model = server.get("/v1/model").json();
    assert_eq!(model["model"], json["model"]);
    assert_eq!(model["labels"], serde_json::json!(LABELS));
    assert_eq!(model["card"], "# An untrained model\n");
    assert_eq!((&model["cry_threshold"], &model["tested"]), (&serde_json::json!(0.5), &tested()));
    assert_eq!(model["model"]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn pages_documents_and_metrics_come_from_the_program_itself() {
    let server = Server::start(&[]);
    for (path, content_type, word) in [
        ("/", "text/html; charset=utf-8", "not a medical device"),
        ("/page/page.js", "text/javascript; charset=utf-8", "/v1/classify"),
        ("/docs", "text/html; charset=utf-8", "SwaggerUIBundle"),
        ("/redoc", "text/html; charset=utf-8", "Redoc.init"),
        ("/openapi.json", "application/json", "\"/predict\""),
        ("/metrics", "application/openmetrics-text; version=1.0.0; charset=utf-8", "wail_requests"),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{path}");
        assert!(answer.text().contains(word), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("http"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    server.post("/predict", &[("a.wav", &wav(1.0, 1))]);
    let metrics = server.get("/metrics").text();
    for line in [
        "wail_requests_total{route=\"/predict\",method=\"POST\",status=\"200\"} 1",
        "wail_stage_seconds_count{stage=\"Model\"} 1",
        "wail_batch_images_count 1",
        "wail_recordings 0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}
