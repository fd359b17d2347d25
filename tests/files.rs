//! Files with unusual names, and paths that are not regular files, given to the real `wail` binary.

#![cfg(unix)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::run_files::{stderr, wail};
use tempfile::TempDir;

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Writes a second of sound.
fn recording(path: &Path) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    (0..8000).for_each(|i| writer.write_sample((i % 50 * 400) as i16).unwrap());
    writer.finalize().unwrap();
}

#[test]
fn files_with_unusual_names_are_read_like_others() {
    let folder = TempDir::new().unwrap();
    let longest = format!("{}.wav", "x".repeat(251)); // 255 bytes
    let names = ["a b.wav", "new\nline.wav", "\u{1f476}\u{e9}.wav", "-rf.wav", "no extension", &longest];
    for name in names {
        recording(&folder.path().join(name));
    }
    // -- ends the options.
    let arguments = [&["features", "--out", "x.npy", "--stage", "waveform", "--"], &names[..]].concat();
    let output = wail(folder.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let header = std::fs::read(folder.path().join("x.npy")).unwrap();
    assert!(String::from_utf8_lossy(&header[..128]).contains("(6, 56000)"));
    // In a folder, only files with the extension of a sound file are read.
    let output = wail(folder.path(), &["features", "--out", "y.npy", "--stage", "waveform", "."]);
    assert!(output.status.success(), "{}", stderr(&output));
    let header = std::fs::read(folder.path().join("y.npy")).unwrap();
    assert!(String::from_utf8_lossy(&header[..128]).contains("(5, 56000)"));
}

#[test]
fn pipes_sockets_and_unreadable_files_are_reported_without_waiting() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    make_pipe(&at("pipe.wav"));
    let _socket = UnixListener::bind(at("socket.wav")).unwrap();
    symlink("loop.wav", at("loop.wav")).unwrap();
    symlink("nowhere", at("gone.wav")).unwrap();
    recording(&at("secret.wav"));
    std::fs::set_permissions(at("secret.wav"), PermissionsExt::from_mode(0o000)).unwrap();
    for (name, reason) in [
        ("pipe.wav", "not a regular file"),
        ("socket.wav", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        ("loop.wav", "no such file"),
        ("gone.wav", "no such file"),
        ("secret.wav", "denied"),
    ] {
        if name == "secret.wav" && std::fs::read(at(name)).is_ok() {
            eprintln!("SKIPPED, a file without read permission: this user can read every file");
            continue;
        }
        let output = wail(folder.path(), &["features", name, "--out", "x.npy"]);
        assert_eq!(output.status.code(), Some(3), "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains(name) && stderr(&output).contains(reason), "{}", stderr(&output));
        assert!(!at("x.npy").exists());
    }
    recording(&at("cry.wav"));
    make_pipe(&at("pipe.safetensors"));
    for model in ["pipe.safetensors", "/dev/zero"] {
        let output = wail(folder.path(), &["infer", "cry.wav", "--model", model]);
        assert_eq!(output.status.code(), Some(4), "{model}: {}", stderr(&output));
        assert!(stderr(&output).contains("not a regular file"), "{}", stderr(&output));
    }
}
