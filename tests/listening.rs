//! Long recordings and microphone streams, with the real binary.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::run_files::{self, clearest_cry, fresh, signal, stdout};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
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
    let clearest = clearest_cry(&answers);
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

/// The episodes that `infer` finds in long.wav, as JSON.
fn episodes(arguments: &[&str]) -> Vec<Value> {
    let answer = json(&wail(RUN.path(), &[&["infer", "long.wav", "--format", "json"], arguments].concat()));
    assert_eq!(answer["file"], "long.wav");
    answer["episodes"].as_array().unwrap().clone()
}

fn second(episode: &Value, key: &str) -> f64 {
    episode[key].as_f64().unwrap_or_else(|| panic!("{key} of {episode}"))
}

#[test]
fn a_cry_between_silences_is_one_episode_and_every_format_agrees() {
    let folder = RUN.path();
    let found = episodes(&["--episodes"]);
    let [episode] = &found[..] else { panic!("{found:?}") };
    assert!((second(episode, "start_seconds") - 8.0).abs() < 1.5, "{episode}");
    assert!((second(episode, "end_seconds") - 22.0).abs() < 1.5, "{episode}");
    assert!((8.0..13.0).contains(&second(episode, "confirmed_seconds")), "{episode}");
    assert!(second(episode, "peak_cry_score") >= second(episode, "cry_score"), "{episode}");
    assert!((-60.0..0.0).contains(&second(episode, "level_dbfs")), "{episode}");
    let sum: f64 = episode["all_probs"].as_object().unwrap().values().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{episode}");

    let infer = |format: &str| stdout(&wail(folder, &["infer", "long.wav", "--episodes", "--format", format]));
    let mut line: Value = serde_json::from_str(&infer("jsonl")).unwrap();
    assert_eq!(line["file"].take(), "long.wav");
    line.as_object_mut().unwrap().remove("file");
    assert_eq!(line, *episode);
    let csv = infer("csv");
    let rows: Vec<std::collections::HashMap<String, String>> =
        csv::Reader::from_reader(csv.as_bytes()).deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    for key in
        ["start_seconds", "end_seconds", "confirmed_seconds", "cry_score", "level_dbfs", "probability", "n_windows"]
    {
        assert!((rows[0][key].parse::<f64>().unwrap() - second(episode, key)).abs() < 1e-5, "{key}: {csv}");
    }
    let label = infer("audacity");
    let label: Vec<&str> = label.trim_end().split('\t').collect();
    assert_eq!(
        [label[0], label[1]].map(|at| at.parse::<f64>().unwrap()),
        [second(episode, "start_seconds"), second(episode, "end_seconds")]
    );
    assert_eq!((label.len(), label[2], rows[0]["label"].as_str()), (3, episode["label"].as_str().unwrap(), label[2]));
    assert_eq!(infer("table").lines().count(), 1);
}

/// `wail table` reads the TextGrid back.
#[test]
fn a_text_grid_of_episodes_is_read_back_as_a_table() {
    let folder = RUN.path();
    let grid = stdout(&wail(folder, &["infer", "long.wav", "--episodes", "--format", "textgrid"]));
    assert!(grid.contains("xmax = 30\n"), "the length of the recording: {grid}");
    let marked = tempfile::tempdir().unwrap();
    std::fs::write(marked.path().join("long.TextGrid"), grid).unwrap();
    std::fs::copy(folder.join("long.wav"), marked.path().join("long.wav")).unwrap();
    let table = stdout(&run_files::command(marked.path(), &["table", "long.TextGrid"]).output().unwrap());
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(table.as_bytes()).records().map(Result::unwrap).collect();
    let episode = &episodes(&["--episodes"])[0];
    assert_eq!((rows.len(), &rows[0][1]), (1, episode["label"].as_str().unwrap()), "{table}");
    assert_eq!(rows[0][2].parse::<f64>().unwrap(), second(episode, "start_seconds"));
    assert_eq!(rows[0][3].parse::<f64>().unwrap(), second(episode, "end_seconds"));
}

#[test]
fn every_number_can_be_changed() {
    let n = |arguments: &[&str]| episodes(arguments).len();
    assert_eq!(n(&["--episodes"]), 1);
    assert_eq!(n(&["--episodes", "--min-length", "20"]), 0);
    assert_eq!(n(&["--episodes", "--confirm", "100/100"]), 0);
    assert_eq!(n(&["--episodes", "--on-threshold", "1"]), 0);
    let all = episodes(&["--episodes", "--on-threshold", "0", "--off-threshold", "0"]);
    assert_eq!((all.len(), second(&all[0], "start_seconds"), second(&all[0], "end_seconds")), (1, 0.0, 30.0));
    let threshold = (0.9 * second(&episodes(&["--episodes"])[0], "cry_score")).to_string();
    let start = |smoothing: &str| {
        let found = episodes(&["--on-threshold", &threshold, "--window", "3", "--smoothing", smoothing]);
        second(&found[0], "start_seconds")
    };
    assert!(start("4") > start("0"), "silence before the cry lowers the first means");
}

#[test]
fn a_window_is_classified_like_a_separate_recording() {
    let folder = RUN.path();
    for rate_hz in [8000, 11_025] {
        let pcm = cry(folder, 10);
        let name = format!("{rate_hz}.wav");
        std::fs::write(folder.join(&name), wav(rate_hz, pcm.len() as u32, &pcm)).unwrap();
        let whole = json(&wail(folder, &["infer", &name, "--format", "json"]));
        let one = ["--window", "7", "--hop", "7", "--on-threshold", "0", "--confirm", "1/1", "--format", "json"];
        let found = json(&wail(folder, &[&["infer", &name][..], &one].concat()));
        // Two windows: all of the 7 s, and the 3 s after them, which are less than half of a window.
        let episode = &found["episodes"][0];
        assert_eq!((&episode["n_windows"], &episode["label"]), (&1.into(), &whole["label"]), "{found} {whole}");
        assert!((second(episode, "cry_score") - second(&whole, "cry_score")).abs() < 1e-6, "{found} {whole}");
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
    assert_eq!(answer["episodes"], serde_json::json!([]), "silence is not a cry");
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

/// The stream stops a tenth of a second after the window that confirms and stays open, so the line must not wait for more sound.
#[test]
fn an_episode_is_printed_when_it_is_confirmed_while_the_stream_is_open_and_when_it_ends() {
    let mut follower = Follower::start(&["--window", "7", "--hop", "1", "--confirm", "1/1", "--hold", "2"]);
    follower.send(&cry(RUN.path(), 7));
    follower.send(&silence(1)[..RATE_HZ / 5]);
    let next = || -> Value {
        serde_json::from_str(&follower.lines.recv_timeout(PATIENCE).expect("a line is printed at once")).unwrap()
    };
    let start = next();
    assert_eq!((&start["event"], &start["id"]), (&"start".into(), &1.into()), "{start}");
    assert_eq!((second(&start, "start_seconds"), second(&start, "stream_seconds")), (0.0, 7.0), "{start}");
    assert!(start.get("end_seconds").is_none() && start["label"].is_string(), "{start}");
    let time = start["time"].as_str().unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z') && time.len() == 24, "{start}");
    follower.send(&silence(20));
    let end: Value = serde_json::from_str(&follower.lines.recv_timeout(PATIENCE).expect("the end is printed")).unwrap();
    assert_eq!((&end["event"], &end["id"]), (&"end".into(), &1.into()), "{end}");
    assert!((7.0..14.5).contains(&second(&end, "end_seconds")), "{end}");
    assert_eq!(follower.end(), [""; 0]);
}

#[test]
fn a_stream_has_the_episodes_of_its_file() {
    let file = std::fs::read(RUN.path().join("long.wav")).unwrap();
    let mut follower = Follower::start(&[]);
    for piece in file[44..].chunks(9973) {
        follower.send(piece);
    }
    let lines: Vec<Value> = follower.end().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| &line["event"]).collect::<Vec<_>>(), ["start", "end"]);
    let of_file = &episodes(&["--episodes"])[0];
    for (key, value) in of_file.as_object().unwrap() {
        match value.as_f64() {
            Some(value) => assert!((second(&lines[1], key) - value).abs() < 1e-6, "{key}: {} and {of_file}", lines[1]),
            None if key == "all_probs" => {}
            None => assert_eq!(&lines[1][key], value, "{key}"),
        }
    }
}

#[test]
fn a_heartbeat_says_that_the_stream_is_alive() {
    let mut follower = Follower::start(&["--heartbeat", "5"]);
    follower.send(&silence(21));
    let lines: Vec<Value> = follower.end().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| second(line, "stream_seconds")).collect::<Vec<_>>(), [5.0, 10.0, 15.0, 20.0]);
    assert!(lines.iter().all(|line| line["event"] == "alive" && line["level_dbfs"] == -120.0), "{lines:?}");
}

/// Sends a file through the pipe; returns what is printed to standard output and to standard error.
fn followed(bytes: &[u8], arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = command(RUN.path(), &[&["infer", "-"], arguments].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    // It may end before it has read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code(), out, err)
}

#[test]
fn a_stream_of_wav_is_decoded_as_it_says_and_other_formats_are_named_with_the_way_out() {
    let wav = std::fs::read(RUN.path().join("long.wav")).unwrap();
    let lines = |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    // Its header says 8 kHz, whatever the default for PCM is.
    let (code, found, _) = followed(&wav, &["--follow"]);
    let (expected, found) = (&episodes(&["--episodes"])[0], lines(&found));
    assert_eq!((code, found.len()), (Some(0), 2), "{found:?}");
    assert_eq!(found[1]["end_seconds"], expected["end_seconds"]);
    // Sizes of a stream are unknown to whoever writes it.
    let unknown = [&wav[..4], &[0xff; 4], &wav[8..40], &[0xff; 4], &wav[44..]].concat();
    assert_eq!(lines(&followed(&unknown, &["--follow"]).1)[1]["end_seconds"], expected["end_seconds"]);

    for (start, name) in [(&b"OggS\0\x02"[..], "Ogg"), (b"\0\0\0\x20ftypM4A ", "MP4")] {
        let (code, _, stderr) = followed(&[start, &[7; 4000]].concat(), &["--follow"]);
        assert_eq!(code, Some(2), "{name}: {stderr}");
        assert!(stderr.contains(&format!("standard input is {name}, which is decoded from files only")), "{stderr}");
    }
    let mut noise = [0; 9000];
    ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut noise);
    let (code, _, stderr) = followed(&noise, &["--follow"]);
    assert!(code == Some(0) && stderr.contains("noise at full scale, as compressed sound is"), "{stderr}");
}

#[test]
fn a_file_from_a_pipe_has_the_answers_of_the_file() {
    let file = RUN.path().join("long.wav");
    let wav = std::fs::read(&file).unwrap();
    for arguments in [&["--format", "jsonl"][..], &["--episodes", "--format", "csv"]] {
        let expected = stdout(&wail(RUN.path(), &[&["infer", "long.wav"], arguments].concat()));
        let (code, found, stderr) = followed(&wav, arguments);
        assert_eq!((code, found), (Some(0), expected.replace("long.wav", "-")), "{stderr}");
    }
    let (code, _, stderr) = followed(b"no sound", &[]);
    assert!(code == Some(3) && stderr.contains("error: -: "), "{stderr}");
}

#[test]
fn silence_gives_no_episode_and_frames_may_arrive_in_pieces() {
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
    follower.lines.recv_timeout(PATIENCE).expect("an episode");
    signal(&follower.child, "-TERM");
    assert!(follower.child.wait().unwrap().success(), "even though the pipe is still open");
}

#[test]
fn invalid_arguments_are_refused_with_exit_code_2() {
    let folder = RUN.path();
    for (arguments, expected) in [
        (&["infer", "long.wav", "--window", "9"][..], "a window of 9 s"),
        (&["infer", "long.wav", "--window", "7", "--hop", "8"], "a hop of 8 s"),
        (&["infer", "long.wav", "--episodes", "--confirm", "3/2"], "K of N windows"),
        (&["infer", "long.wav", "--episodes", "--confirm", "2"], "the form is K/N"),
        (
            &["infer", "long.wav", "--episodes", "--off-threshold", "0.9", "--on-threshold", "0.5"],
            "the one that begins it",
        ),
        (&["infer", "long.wav", "--episodes", "--hold", "-1"], "0 to 600 s"),
        (&["infer", "long.wav", "--heartbeat", "5"], "--follow"),
        (&["infer", "long.wav", "long.wav", "--format", "audacity"], "one recording"),
        (&["infer", "long.wav", "long.wav", "--format", "textgrid"], "one recording"),
        (&["infer", "long.wav", "--follow"], "--follow needs the input -"),
        (&["infer", "-", "-"], "can be read once"),
        (&["infer", "-", "--follow", "--rate", "100"], "100"),
        (&["infer", "long.wav", "--rate", "8000"], "--follow"),
    ] {
        let output = wail(folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}
