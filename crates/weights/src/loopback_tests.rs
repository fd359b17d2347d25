//! Downloads from a local test server.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use crate::{Error, FetchLimits, State, WeightFile, fetch, verify};

/// What the server does with a request; the last answer is repeated.
#[derive(Clone, Copy)]
enum Answer {
    /// The file, or the requested range.
    Good,
    /// The same, but the connection closes after this many bytes.
    Drop(usize),
    /// The whole file, whatever the range.
    NoRanges,
    /// Fewer bytes than the register says, with their length.
    Short,
    /// More bytes than the register says, without a length.
    Endless,
    /// The right length, the wrong bytes.
    Altered,
    Status(u16),
    /// No answer.
    Silence,
}

/// A server, its file, and a folder to download into.
struct Case {
    entry: WeightFile,
    content: Vec<u8>,
    ranges: Arc<Mutex<Vec<Option<usize>>>>,
    models: TempDir,
}

impl Case {
    fn new(answers: &[Answer]) -> Self {
        let content: Vec<u8> = (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let entry = WeightFile {
            name: "test".into(),
            arch: "resnet18".into(),
            file: "test.onnx".into(),
            url: format!("http://{}/test.onnx", listener.local_addr().unwrap()),
            bytes: content.len() as u64,
            sha256: durable::sha256_hex(&content),
            licence: "none".into(),
            source: "this test".into(),
        };
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let (served, asked, answers) = (content.clone(), Arc::clone(&ranges), answers.to_vec());
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let answer = answers[n.min(answers.len() - 1)];
                // A client may hang up in the middle.
                let _ = serve(stream.unwrap(), answer, &served, &asked);
            }
        });
        Self { entry, content, ranges, models: TempDir::new().unwrap() }
    }

    fn fetch(&self) -> Result<PathBuf, Error> {
        let limits = FetchLimits { connect: Duration::from_secs(8), attempt: Duration::from_secs(8) };
        fetch(&self.entry, self.models.path(), &limits, &mut |done, total| assert!(done <= total))
    }

    fn state(&self) -> State {
        verify(&self.entry, self.models.path()).unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.models.path().join(name), bytes).unwrap();
    }

    /// First byte of each request's range.
    fn asked(&self) -> Vec<Option<usize>> {
        self.ranges.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, answer: Answer, content: &[u8], asked: &Mutex<Vec<Option<usize>>>) -> std::io::Result<()> {
    let mut start = None;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    asked.lock().unwrap().push(start);
    let mut out = stream;
    let from = start.unwrap_or(0).min(content.len());
    let mut head = |status: &str, length: Option<usize>| {
        let length = length.map_or(String::new(), |n| format!("Content-Length: {n}\r\n"));
        let range = format!("Content-Range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len());
        let range = if status.starts_with("206") { range } else { String::new() };
        write!(out, "HTTP/1.1 {status}\r\n{length}{range}Connection: close\r\n\r\n")?;
        out.try_clone()
    };
    let ranged = if start.is_some() { "206 Partial Content" } else { "200 OK" };
    match answer {
        Answer::Good => head(ranged, Some(content.len() - from))?.write_all(&content[from..]),
        Answer::Drop(n) => {
            let end = (from + n).min(content.len());
            head(ranged, Some(content.len() - from))?.write_all(&content[from..end])
        }
        Answer::NoRanges => head("200 OK", Some(content.len()))?.write_all(content),
        Answer::Short => head("200 OK", Some(1000))?.write_all(&content[..1000]),
        Answer::Endless => head("200 OK", None)?.write_all(&[content, content].concat()),
        Answer::Altered => {
            let altered: Vec<u8> = content.iter().map(|byte| byte ^ 1).collect();
            head("200 OK", Some(altered.len()))?.write_all(&altered)
        }
        Answer::Silence => out.read(&mut [0]).map(drop),
        Answer::Status(code) => head(&format!("{code} No"), Some(0)).map(drop),
    }
}

#[test]
fn a_good_file_is_fetched_once() {
    let case = Case::new(&[Answer::Good]);
    assert_eq!(case.state(), State::Missing);
    let path = case.fetch().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), case.content);
    assert_eq!(case.state(), State::Verified);
    case.fetch().unwrap();
    assert_eq!(case.asked(), [None], "a verified file is not requested again");
    assert_eq!(std::fs::read_dir(case.models.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn a_partial_download_and_a_dropped_connection_are_resumed() {
    let case = Case::new(&[Answer::Drop(50_000), Answer::Good]);
    case.put("test.onnx.part", &case.content[..70_000]);
    assert_eq!(case.state(), State::Partial { bytes: 70_000 });
    case.fetch().unwrap();
    assert_eq!(case.asked(), [Some(70_000), Some(120_000)]);
    assert_eq!(case.state(), State::Verified);
}

#[test]
fn a_connection_without_progress_ends_the_fetch_and_keeps_the_part() {
    let case = Case::new(&[Answer::Drop(50_000), Answer::Drop(0)]);
    let error = case.fetch().unwrap_err();
    assert!(matches!(error, Error::Dropped { received: 50_000, expected: 200_000, .. }), "{error}");
    assert_eq!(case.state(), State::Partial { bytes: 50_000 });
}

#[test]
fn a_server_without_ranges_sends_the_whole_file() {
    let case = Case::new(&[Answer::NoRanges]);
    case.put("test.onnx.part", b"other bytes");
    case.fetch().unwrap();
    assert_eq!(case.state(), State::Verified);
}

#[test]
fn wrong_bytes_are_never_kept() {
    for (answer, part) in [(Answer::Altered, 0), (Answer::Good, 10)] {
        let case = Case::new(&[answer]);
        case.put("test.onnx.part", &vec![b'x'; part]);
        let error = case.fetch().unwrap_err();
        assert!(matches!(error, Error::Checksum { .. }), "{error}");
        assert_eq!(case.state(), State::Missing);
    }
}

#[test]
fn wrong_lengths_and_refusals_are_distinguished() {
    let case = Case::new(&[Answer::Short]);
    assert!(matches!(case.fetch(), Err(Error::Length { found: 1000, expected: 200_000, .. })));
    let case = Case::new(&[Answer::Endless]);
    assert!(matches!(case.fetch(), Err(Error::Length { expected: 200_000, .. })));
    assert_eq!(case.state(), State::Missing);
    for status in [404, 500] {
        let case = Case::new(&[Answer::Status(status)]);
        let error = case.fetch().unwrap_err();
        assert!(error.to_string().contains(&format!("status {status}")), "{error}");
    }
    let case = Case::new(&[Answer::Status(416)]);
    case.put("test.onnx.part", &case.content[..10]);
    assert!(matches!(case.fetch(), Err(Error::Length { found: 10, .. })));
}

#[test]
fn a_silent_server_times_out() {
    let case = Case::new(&[Answer::Silence]);
    let limits = FetchLimits { connect: Duration::from_millis(400), ..FetchLimits::default() };
    let error = fetch(&case.entry, case.models.path(), &limits, &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(case.state(), State::Missing);
}

#[test]
fn an_unreachable_server_is_reported_and_a_damaged_file_is_replaced() {
    let mut case = Case::new(&[Answer::Good]);
    let url = std::mem::replace(&mut case.entry.url, "http://127.0.0.1:9/test.onnx".into());
    let error = case.fetch().unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    case.entry.url = url;
    case.put("test.onnx", &case.content[1..]);
    assert!(matches!(case.state(), State::Damaged { .. }));
    case.put("test.onnx", &vec![0; case.content.len()]);
    assert!(matches!(case.state(), State::Damaged { .. }));
    case.fetch().unwrap();
    assert_eq!(case.state(), State::Verified);
}
