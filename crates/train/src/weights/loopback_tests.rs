//! Downloads from a server of the test's own.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::Arch;
use tempfile::TempDir;

use super::{FetchLimits, State, WeightFile, WeightsError, fetch, sha256, verify};

/// What the server does with one request; the last is repeated.
#[derive(Clone, Copy)]
enum Answer {
    /// The file, or the range that was asked for.
    Good,
    /// The same, but the connection closes after so many bytes.
    Drop(usize),
    /// The whole file, whatever the range.
    NoRanges,
    /// Fewer bytes than the register says, announced as such.
    Short,
    /// More bytes than the register says, without a length.
    Endless,
    /// The right length, the wrong bytes.
    Altered,
    Status(u16),
    /// Nothing, for as long as the client waits.
    Silence,
}

/// A server, the file that it has, and a folder to fetch into.
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
            arch: Arch::RESNET18,
            file: "test.onnx".into(),
            url: format!("http://{}/test.onnx", listener.local_addr().unwrap()),
            bytes: content.len() as u64,
            sha256: sha256(&content[..]).unwrap(),
            licence: "none".into(),
            source: "this test".into(),
        };
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let (served, asked, answers) = (content.clone(), Arc::clone(&ranges), answers.to_vec());
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let answer = answers[n.min(answers.len() - 1)];
                // A client that hangs up in the middle is no fault of the server.
                let _ = serve(stream.unwrap(), answer, &served, &asked);
            }
        });
        Self { entry, content, ranges, models: TempDir::new().unwrap() }
    }

    fn fetch(&self) -> Result<PathBuf, WeightsError> {
        let limits = FetchLimits { connect: Duration::from_secs(8), attempt: Duration::from_secs(8) };
        fetch(&self.entry, self.models.path(), &limits, &mut |done, total| assert!(done <= total))
    }

    fn state(&self) -> State {
        verify(&self.entry, self.models.path()).unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.models.path().join(name), bytes).unwrap();
    }

    /// Where the requests' ranges began.
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
    assert_eq!(case.asked(), [None], "what is verified is not asked for again");
    assert_eq!(std::fs::read_dir(case.models.path()).unwrap().count(), 1, "nothing else stays");
}

#[test]
fn a_part_is_continued_and_a_dropped_connection_taken_up_again() {
    let case = Case::new(&[Answer::Drop(50_000), Answer::Good]);
    case.put("test.onnx.part", &case.content[..70_000]);
    assert_eq!(case.state(), State::Partial { bytes: 70_000 });
    case.fetch().unwrap();
    assert_eq!(case.asked(), [Some(70_000), Some(120_000)]);
    assert_eq!(case.state(), State::Verified);
}

#[test]
fn a_connection_that_brings_nothing_more_ends_the_fetch_and_keeps_the_part() {
    let case = Case::new(&[Answer::Drop(50_000), Answer::Drop(0)]);
    let error = case.fetch().unwrap_err();
    assert!(matches!(error, WeightsError::Dropped { received: 50_000, expected: 200_000, .. }), "{error}");
    assert_eq!(case.state(), State::Partial { bytes: 50_000 });
}

#[test]
fn a_server_without_ranges_begins_again() {
    let case = Case::new(&[Answer::NoRanges]);
    case.put("test.onnx.part", b"other bytes");
    case.fetch().unwrap();
    assert_eq!(case.state(), State::Verified);
}

#[test]
fn other_bytes_are_never_kept() {
    for (answer, part) in [(Answer::Altered, 0), (Answer::Good, 10)] {
        let case = Case::new(&[answer]);
        case.put("test.onnx.part", &vec![b'x'; part]);
        let error = case.fetch().unwrap_err();
        assert!(matches!(error, WeightsError::Checksum { .. }), "{error}");
        assert_eq!(case.state(), State::Missing);
    }
}

#[test]
fn other_lengths_and_refusals_are_told_apart() {
    let case = Case::new(&[Answer::Short]);
    assert!(matches!(case.fetch(), Err(WeightsError::Length { found: 1000, expected: 200_000, .. })));
    let case = Case::new(&[Answer::Endless]);
    assert!(matches!(case.fetch(), Err(WeightsError::Length { expected: 200_000, .. })));
    assert_eq!(case.state(), State::Missing);
    for status in [404, 500] {
        let case = Case::new(&[Answer::Status(status)]);
        let error = case.fetch().unwrap_err();
        assert!(error.to_string().contains(&format!("status {status}")), "{error}");
    }
    let case = Case::new(&[Answer::Status(416)]);
    case.put("test.onnx.part", &case.content[..10]);
    assert!(matches!(case.fetch(), Err(WeightsError::Length { found: 10, .. })));
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let case = Case::new(&[Answer::Silence]);
    let limits = FetchLimits { connect: Duration::from_millis(400), ..FetchLimits::default() };
    let error = fetch(&case.entry, case.models.path(), &limits, &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, WeightsError::Unreachable { .. }), "{error}");
    assert_eq!(case.state(), State::Missing);
}

#[test]
fn a_server_that_is_not_there_is_told_and_a_damaged_file_replaced() {
    let mut case = Case::new(&[Answer::Good]);
    let url = std::mem::replace(&mut case.entry.url, "http://127.0.0.1:9/test.onnx".into());
    let error = case.fetch().unwrap_err();
    assert!(matches!(error, WeightsError::Unreachable { .. }), "{error}");
    case.entry.url = url;
    case.put("test.onnx", &case.content[1..]);
    assert!(matches!(case.state(), State::Damaged { .. }));
    case.put("test.onnx", &vec![0; case.content.len()]);
    assert!(matches!(case.state(), State::Damaged { .. }));
    case.fetch().unwrap();
    assert_eq!(case.state(), State::Verified);
}
