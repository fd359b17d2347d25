//! Results of many files that several processes make: shards of `audit`, `embed`, `features` and `infer`, which `wail merge` joins.

use std::path::Path;
use std::process::Output;
use std::sync::LazyLock;

use crate::run_files::{NARROW_BACKBONE, contents, stderr, stdout, wail};
use tempfile::TempDir;

/// 40 recordings, three blocks of files that stay together, and one that cannot be read.
static SOUNDS: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    stdout(&wail(folder.path(), &["synth", "--out", "sounds", "--recordings", "40"]));
    std::fs::write(folder.path().join("broken.wav"), b"RIFF").unwrap();
    folder
});

/// Runs the command, whose result is the file `out`.
fn run(folder: &Path, command: &[&str], out: &str) -> Output {
    wail(folder, &[command, &["--out", out]].concat())
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// Makes the result in `n` shards, the last one first, and merges them.
fn in_shards(command: &[&str], n: usize, exit_code: i32) -> Vec<u8> {
    let (folder, out) = (SOUNDS.path(), format!("{}-of-{n}", command.concat().replace(['/', '.'], "")));
    for index in (1..=n).rev() {
        let shard = format!("{index}/{n}");
        let output = run(folder, &[command, &["--shard", &shard]].concat(), &out);
        assert!([Some(0), Some(exit_code)].contains(&code(&output)), "{shard}: {}", stderr(&output));
    }
    assert_eq!(stdout(&wail(folder, &["merge", &out])), format!("{out}\n"));
    assert!(stdout(&wail(folder, &["merge", &out])).contains("nothing left to merge"));
    assert!(!folder.join(format!("{out}.shards")).exists());
    std::fs::read(folder.join(out)).unwrap()
}

#[test]
fn the_pieces_of_shards_are_the_bytes_of_one_machine() {
    let embed = ["embed", "sounds", "--weights", NARROW_BACKBONE, "--device", "cpu", "--engine", "burn"];
    let events = ["infer", "sounds", "broken.wav", "--window", "2", "--format", "json", "--device", "cpu"];
    let rows = ["infer", "sounds", "broken.wav", "--engine", "rten", "--format"];
    for (command, exit_code) in [
        (&embed[..], 0),
        (&["features", "sounds", "--stage", "mel"], 0),
        (&[&rows[..], &["csv"]].concat(), 3),
        (&[&rows[..], &["json"]].concat(), 3),
        (&[&rows[..], &["table"]].concat(), 3),
        (&events, 3),
    ] {
        let output = run(SOUNDS.path(), command, "alone");
        assert_eq!(code(&output), Some(exit_code), "{}", stderr(&output));
        let alone = std::fs::read(SOUNDS.path().join("alone")).unwrap();
        for n in [1, 2, 5] {
            assert!(in_shards(command, n, exit_code) == alone, "{command:?} in {n} shards");
        }
        if command[0] == "infer" {
            let printed = wail(SOUNDS.path(), command);
            assert!(printed.stdout == alone, "{command:?} on standard output");
        }
    }
}

#[test]
fn an_audit_in_shards_is_that_of_one_machine() {
    let folder = SOUNDS.path();
    let audit = |out: &str, more: &[&str]| run(folder, &[&["audit", "sounds", "--fail-on", "any"], more].concat(), out);
    let alone = audit("audit-alone", &[]);
    assert_eq!(code(&alone), Some(3), "{}", stderr(&alone));
    for shard in ["3/3", "1/3", "2/3"] {
        let output = audit("audit-shards", &["--shard", shard]);
        assert_eq!((code(&output), output.stdout.len()), (Some(0), 0), "{}", stderr(&output));
        assert!(!folder.join("audit-shards").exists());
    }
    let merged = wail(folder, &["merge", "audit-shards"]);
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!((code(&merged), text(&merged)), (Some(3), text(&alone).replace("audit-alone", "audit-shards")));
    assert!(contents(&folder.join("audit-shards")) == contents(&folder.join("audit-alone")));
    assert!(stdout(&wail(folder, &["merge", "audit-shards"])).contains("nothing left to merge"));
}

#[test]
fn a_merge_says_what_is_missing_damaged_or_of_another_result() {
    let folder = SOUNDS.path();
    let features = |out: &str, shard: &str, stage: &str| {
        let output = run(folder, &["features", "sounds", "--stage", stage, "--shard", shard], out);
        assert_eq!(code(&output), Some(0), "{}", stderr(&output));
        stderr(&output)
    };
    let refused = |out: &str, exit_code: i32, parts: &[&str]| {
        let pieces = folder.join(format!("{out}.shards"));
        let before = contents(&pieces);
        let output = wail(folder, &["merge", out]);
        assert_eq!(code(&output), Some(exit_code), "{}", stderr(&output));
        parts.iter().for_each(|part| assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output)));
        assert!(!folder.join(out).exists() && contents(&pieces) == before, "a merge that is refused changes nothing");
    };

    features("parts.npy", "2/3", "mel");
    refused("parts.npy", 75, &["not finished: --shard 1/3, 3/3"]);
    assert!(features("parts.npy", "2/3", "mel").contains("nothing is left to do"));
    features("parts.npy", "1/3", "mel");
    features("parts.npy", "3/3", "image");
    refused("parts.npy", 3, &["shard 3 of 3: stage: Image instead of Mel"]);
    features("parts.npy", "3/3", "mel");
    features("parts.npy", "1/2", "mel");
    refused("parts.npy", 3, &["of another division"]);
    let pieces = folder.join("parts.npy.shards");
    std::fs::remove_file(pieces.join("1-of-2.json")).unwrap();
    let piece = pieces.join("2-of-3");
    let mut bytes = std::fs::read(&piece).unwrap();
    bytes[7] ^= 1;
    std::fs::write(&piece, bytes).unwrap();
    refused("parts.npy", 3, &["2-of-3: it is damaged"]);
    let description = pieces.join("2-of-3.json");
    std::fs::write(&description, "{}").unwrap();
    refused("parts.npy", 3, &["2-of-3.json: it is damaged"]);
    std::fs::remove_file(&description).unwrap();
    std::fs::create_dir(&description).unwrap();
    refused("parts.npy", 1, &["2-of-3.json: "]);

    let output = wail(folder, &["infer", "sounds", "--shard", "1/2"]);
    assert_eq!((code(&output), stderr(&output).contains("--out FILE")), (Some(2), true));
}
