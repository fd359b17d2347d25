//! A running service, and raw requests to it, so that tests can also send malformed requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use model::{Arch, BackboneWeights, Gate, GateInfo, Head, HeadConfig, ModelInfo};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const LABELS: [&str; 3] = ["belly pain", "hungry", "tired"];

/// A folder with a model card and `model.safetensors`: random weights, small images, three classes.
pub static MODEL: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let weights = BackboneWeights::random(Arch::RESNET18, 1).unwrap();
    let config = HeadConfig::mlp(8, 0.5);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let head = Head::new(&config, weights.n_outputs(), LABELS.len(), &mut rng, &model::cpu());
    let gate = Gate::new(vec![0.0; weights.n_outputs()], 1.0).unwrap();
    let sets = [0.8, 0.9, 0.95].map(|coverage| json!({"coverage": coverage, "min_probability": 0.0}));
    let info = ModelInfo {
        arch: Arch::RESNET18,
        labels: LABELS.map(String::from).to_vec(),
        head: config,
        gate: Some(GateInfo { threshold: 0.5, is_encoders_own: false, episodes: None }),
        features: json!({"image_size": 64}),
        calibration: json!({"n_examples": 9, "temperature": 1.5, "sets": sets}),
        backbone_source: "random, seed 1".into(),
        provenance: json!({ "tested": tested() }),
    };
    model::save_model(&folder.path().join("model.safetensors"), &info, &weights, &head, Some(&gate)).unwrap();
    std::fs::write(folder.path().join("MODEL_CARD.md"), "# An untrained model\n").unwrap();
    folder
});

/// What the file of [`MODEL`] says of its test.
pub fn tested() -> Value {
    let estimate = |value: f64, interval: [f64; 2]| json!({"value": value, "interval": interval});
    json!({
        "n_recordings": 40,
        "accuracy": estimate(0.5, [0.25, 0.75]),
        "macro_f1": estimate(0.375, [0.25, 0.5]),
        "majority_accuracy": 0.625,
        "majority_macro_f1": 0.25,
        "warnings": [],
    })
}

/// A `wail-serve` process in a fresh folder; dropping it kills the process.
pub struct Server {
    pub child: Child,
    pub address: SocketAddr,
    /// Standard error; `None` closes it.
    pub log: Option<BufReader<std::process::ChildStderr>>,
    _folder: TempDir,
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Value of the header `name`, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wail-serve"));
    command.current_dir(folder).env_remove("WAIL_TOKEN").env_remove("LISTEN_FDS").stderr(Stdio::piped());
    command
}

impl Server {
    /// Serves [`MODEL`].
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(&[&["--model", MODEL.path().to_str().unwrap()], arguments].concat())
    }

    /// Serves the model that `arguments` name.
    pub fn start_with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command(folder.path()).args(["--listen", "127.0.0.1:0"]).args(arguments).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the service does not start");
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.trim().parse().unwrap();
            }
        };
        Self { child, address, log: Some(log), _folder: folder }
    }

    /// Reads the log in the background, because a full pipe stops the service.
    pub fn read_log(&mut self) {
        let mut log = self.log.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    }

    /// Reads the log up to a line with `text`.
    pub fn wait_for(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.log.as_mut().unwrap().read_line(&mut line).unwrap() > 0, "the log ends before {text:?}");
        }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", b"")
    }

    /// Sends a request on a new connection; each of `headers` ends with `\r\n`.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let length = if method == "POST" { format!("content-length: {}\r\n", body.len()) } else { String::new() };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{length}{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        read(stream)
    }

    /// Posts `body` in chunks on a new connection.
    pub fn post_chunked(&self, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n");
        write!(stream, "{head}{headers}\r\n").unwrap();
        for chunk in body.chunks(1 << 16) {
            write!(stream, "{:x}\r\n", chunk.len()).unwrap();
            stream.write_all(chunk).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        read(stream)
    }

    /// Value of a gauge or counter of `/metrics`.
    pub fn metric(&self, name: &str) -> usize {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        line.parse().unwrap()
    }

    /// Posts a form with `files`, each a file name and its content.
    pub fn post(&self, path: &str, files: &[(&str, &[u8])]) -> Answer {
        let (headers, body) = form(files);
        self.ask("POST", path, &headers, &body)
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A form with `files`: its headers and its body.
pub fn form(files: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, content) in files {
        let head = format!("--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    ("content-type: multipart/form-data; boundary=edge\r\n".into(), body)
}

/// Reads the response up to the end of the connection.
pub fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a complete head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

/// A 16-bit mono WAV file at 8 kHz: a tone of `seconds` whose pitch depends on `which`.
pub fn wav(seconds: f32, which: u32) -> Vec<u8> {
    let n = (8000.0 * seconds) as u32;
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + 2 * n).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&8000_u32.to_le_bytes());
    bytes.extend_from_slice(&16000_u32.to_le_bytes());
    bytes.extend_from_slice(b"\x02\0\x10\0data");
    bytes.extend_from_slice(&(2 * n).to_le_bytes());
    let pitch = 0.2 + 0.1 * which as f32;
    (0..n).for_each(|i| bytes.extend_from_slice(&((12_000.0 * (pitch * i as f32).sin()) as i16).to_le_bytes()));
    bytes
}
