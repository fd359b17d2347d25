//! Long recordings and microphone streams, with the real binary.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::run_files::{self, fresh, signal, stdout};
use serde_json::Value;
use tempfile::TempDir;

const TINY: &str = r#"
name = "tiny"
[data]
roots = []
synthetic_recordings = 40
[features]
image_size = 64
[backbone]
weights = "random"
[train]
epochs = 3
augmented_views = 1
[sweep]
learning_rate = [1e-2]
inner = [16]
dropout = [0.5]
[gate]
sounds_per_kind = 4
"#;

const RATE_HZ: usize = 8000;

/// Longest time that a test waits for an expected line.
const PATIENCE: Duration = Duration::from_secs(120);

/// A finished run, with a cry of 14 s between silences of 8 s as `long.wav`.
static RUN: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = fresh(TINY);
    stdout(&wail(folder.path(), &["--config", "tiny.toml"]));
    let pcm: Vec<u8> = [silence(8), cry(folder.path(), 14), silence(8)].concat();
    std::fs::write(folder.path().join("long.wav"), wav(RATE_HZ as u32, pcm.len() as u32, &pcm)).unwrap();
    folder
});

/// The command `wail`; `infer` uses the run's model on the CPU.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = run_files::command(folder, arguments);
    if arguments[0] == "infer" {
        command.args(["--model", "newest", "--device", "cpu"]);
    }
    command
}

fn wail(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

fn silence(seconds: usize) -> Vec<u8> {
    vec![0; 2 * RATE_HZ * seconds]
}

/// PCM of the recording with the highest cry score, repeated.
fn cry(folder: &Path, seconds: usize) -> Vec<u8> {
    let answers = stdout(&wail(folder, &["infer", "data/synthetic/40", "--format", "jsonl"]));
    let answers = answers.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let clearest = answers.max_by(|a, b| a["cry_score"].as_f64().unwrap().total_cmp(&b["cry_score"].as_f64().unwrap()));
    let clearest = clearest.unwrap();
    assert_eq!(clearest["not_a_cry"], false, "{clearest}");
    let bytes = std::fs::read(folder.join(clearest["file"].as_str().unwrap())).unwrap();
    bytes[44..].iter().copied().cycle().take(2 * RATE_HZ * seconds).collect()
}

/// A 16-bit mono WAV whose header states `length` bytes of sound.
fn wav(rate_hz: u32, length: u32, pcm: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend((2 * rate_hz).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(length.to_le_bytes());
    [&bytes, pcm].concat()
}

#[test]
fn a_timeline_locates_the_cry_and_every_format_agrees() {
    let folder = RUN.path();
    let infer =
        |format: &str| wail(folder, &["infer", "long.wav", "--window", "7", "--hop", "3.5", "--format", format]);
    let answer = json(&infer("json"));
    assert_eq!((&answer["file"], &answer["hop_seconds"]), (&"long.wav".into(), &3.5.into()));
    let events = answer["events"].as_array().unwrap();
    let second = |event: &Value, key: &str| event[key].as_f64().unwrap();
    assert!(!events.is_empty(), "{answer}");
    let (first, last) = (&events[0], &events[events.len() - 1]);
    assert!(second(first, "start_seconds") >= 1.75, "the first window is silent: {answer}");
    assert!(second(last, "end_seconds") <= 28.0, "so is the last: {answer}");
    let seconds: f64 = events.iter().map(|event| second(event, "end_seconds") - second(event, "start_seconds")).sum();
    assert!(seconds > 7.0, "{answer}");
    for pair in events.windows(2) {
        assert!(second(&pair[0], "end_seconds") <= second(&pair[1], "start_seconds"), "{answer}");
        let parted = second(&pair[0], "end_seconds") < second(&pair[1], "start_seconds");
        assert!(parted || pair[0]["label"] != pair[1]["label"], "neighbours with one answer are one event: {answer}");
    }

    let lines = stdout(&infer("jsonl"));
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), events.len());
    let csv = stdout(&infer("csv"));
    let rows: Vec<csv::StringRecord> = csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap).collect();
    let labels = stdout(&infer("audacity"));
    let labels: Vec<Vec<&str>> = labels.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(
        (rows.len(), labels.len(), stdout(&infer("table")).lines().count()),
        (events.len(), events.len(), events.len())
    );
    for (((event, line), row), label) in events.iter().zip(&lines).zip(&rows).zip(&labels) {
        assert_eq!(event["n_windows"], line["n_windows"]);
        assert_eq!(row[3], *event["label"].as_str().unwrap());
        assert_eq!(row[1].parse::<f64>().unwrap(), second(event, "start_seconds"));
        assert_eq!(label[0].parse::<f64>().unwrap(), second(event, "start_seconds"));
        assert_eq!(label[1].parse::<f64>().unwrap(), second(event, "end_seconds"));
        assert_eq!(label[2], event["label"]);
    }
}

#[test]
fn a_window_is_classified_like_a_separate_recording() {
    let folder = RUN.path();
    for rate_hz in [8000, 11_025] {
        let pcm = cry(folder, 10);
        let name = format!("{rate_hz}.wav");
        std::fs::write(folder.join(&name), wav(rate_hz, pcm.len() as u32, &pcm)).unwrap();
        let whole = json(&wail(folder, &["infer", &name, "--format", "json"]));
        let events = json(&wail(folder, &["infer", &name, "--window", "7", "--hop", "7", "--format", "json"]));
        let expected = if whole["not_a_cry"] == true { None } else { Some(&whole) };
        let found = events["events"].as_array().unwrap().iter().find(|event| event["start_seconds"] == 0.0);
        assert_eq!(found.map(|event| &event["label"]), expected.map(|whole| &whole["label"]), "{events} {whole}");
        if found.is_some_and(|event| event["n_windows"] == 1) {
            assert_eq!(found.map(|event| &event["cry_score"]), expected.map(|whole| &whole["cry_score"]));
        }
    }
}

/// An hour and a half of silence at 48 kHz is a sparse file; its samples would exceed the memory limit of 1 GB.
#[test]
fn hours_of_sound_are_classified_in_constant_memory() {
    if cfg!(not(target_os = "linux")) {
        return eprintln!("SKIPPED, the memory limit: only Linux is known to enforce it");
    }
    let folder = RUN.path();
    let length = 5400 * 48_000 * 2;
    let mut file = std::fs::File::create(folder.join("hours.wav")).unwrap();
    file.write_all(&wav(48_000, length, &[])).unwrap();
    file.set_len(44 + u64::from(length)).unwrap();
    let mut limited = Command::new("sh");
    limited.current_dir(folder).env("MALLOC_ARENA_MAX", "1").args(["-c", "ulimit -v 1000000; exec \"$0\" \"$@\""]);
    limited.arg(env!("CARGO_BIN_EXE_wail")).args([
        "infer",
        "hours.wav",
        "--model",
        "newest",
        "--window",
        "7",
        "--hop",
        "7",
        "--device",
        "cpu",
    ]);
    let output = limited.args(["--format", "json"]).output().unwrap();
    let answer = json(&output);
    assert_eq!(answer["events"], serde_json::json!([]), "silence is not a cry");
    assert!(String::from_utf8_lossy(&output.stderr).contains("silent"), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `wail infer --follow -`, and the lines that it prints.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(arguments: &[&str]) -> Self {
        let mut command = command(RUN.path(), &[&["infer", "--follow", "-", "--rate", "8000"], arguments].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { child, lines }
    }

    fn send(&mut self, pcm: &[u8]) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(pcm).unwrap();
        stdin.flush().unwrap();
    }

    /// Waits for the end and returns the remaining lines.
    fn end(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        self.lines.iter().collect()
    }
}

/// The stream stops a tenth of a second after the window and stays open, so the line must not wait for more sound.
#[test]
fn an_event_is_printed_while_the_stream_is_open() {
    let mut follower = Follower::start(&[]);
    follower.send(&cry(RUN.path(), 7));
    follower.send(&silence(1)[..RATE_HZ / 5]);
    let line = follower.lines.recv_timeout(PATIENCE).expect("the event is printed at once");
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["start_seconds"], &event["end_seconds"]), (&0.0.into(), &7.0.into()), "{event}");
    assert!(event["label"].is_string() && event["cry_score"].is_number(), "{event}");
    follower.end();
}

#[test]
fn silence_gives_no_event_and_frames_may_arrive_in_pieces() {
    let mut follower = Follower::start(&["--channels", "2"]);
    let pcm = silence(20);
    for piece in pcm.chunks(7919) {
        follower.send(piece);
    }
    assert_eq!(follower.end(), [""; 0]);
}

#[test]
fn a_signal_ends_the_stream_without_an_error() {
    let mut follower = Follower::start(&[]);
    follower.send(&cry(RUN.path(), 8));
    follower.lines.recv_timeout(PATIENCE).expect("an event");
    signal(&follower.child, "-TERM");
    assert!(follower.child.wait().unwrap().success(), "even though the pipe is still open");
}

#[test]
fn invalid_arguments_are_refused_with_exit_code_2() {
    let folder = RUN.path();
    for (arguments, expected) in [
        (&["infer", "long.wav", "--window", "9"][..], "a window of 9 s"),
        (&["infer", "long.wav", "--window", "7", "--hop", "8"], "a hop of 8 s"),
        (&["infer", "long.wav", "--format", "audacity"], "give a --window"),
        (&["infer", "long.wav", "long.wav", "--window", "7", "--format", "audacity"], "one recording"),
        (&["infer", "long.wav", "--follow"], "--follow and the input - go together"),
        (&["infer", "-"], "--follow and the input - go together"),
        (&["infer", "-", "--follow", "--rate", "100"], "100"),
        (&["infer", "long.wav", "--rate", "8000"], "--follow"),
    ] {
        let output = wail(folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}
