//! Starting the service: errors, the choice of the model, the health check and the help.

use crate::client::{MODEL, Server, command};

/// Runs `wail-serve` to its end: exit code and standard error.
fn finish(folder: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(folder).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn without_a_model_the_error_says_how_to_train_one() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = finish(folder.path(), &["--model", "newest"]);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("wail --config sweep.toml"), "{text}");
    std::fs::write(folder.path().join("model.onnx"), "nonsense").unwrap();
    assert_eq!(finish(folder.path(), &["--model", "model.onnx"]).0, Some(4));
    assert_eq!(finish(folder.path(), &["--model", "."]).0, Some(4));
}

#[test]
fn without_a_name_the_built_in_model_is_used_in_any_folder() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("experiments/run");
    std::fs::create_dir_all(&run).unwrap();
    std::fs::copy(MODEL.path().join("model.safetensors"), run.join("model.safetensors")).unwrap();
    let taken = Server::start(&[]);
    // An address in use, so that the process ends once the model is loaded.
    let used = ["--listen", taken.address.to_string().leak()];
    let (code, text) = finish(folder.path(), &used);
    assert!(code == Some(1) && text.contains("wail-compact, which comes with the program"), "{text}");
    let (code, text) = finish(folder.path(), &[&used[..], &["--model", "newest"]].concat());
    assert!(code == Some(1) && text.contains("experiments/run/model.safetensors"), "{text}");
}

#[test]
fn wrong_use_exits_with_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let model = MODEL.path().to_str().unwrap();
    for arguments in [
        vec!["--listen", "nowhere"],
        vec!["--body-mib", "0"],
        vec!["--allow-origin", "example.org"],
        vec!["--model", model, "--token-file", "missing"],
        vec!["--device", "abacus"],
    ] {
        assert_eq!(finish(folder.path(), &arguments).0, Some(2), "{arguments:?}");
    }
}

#[test]
fn check_succeeds_while_the_service_runs_and_fails_afterwards() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(finish(folder.path(), &["check", &server.address.to_string()]).0, Some(0));
    let address = server.address.to_string();
    drop(server);
    assert_eq!(finish(folder.path(), &["check", &address]).0, Some(1));
}

#[test]
fn the_help_is_as_reviewed() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path()).arg("--help").output().unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
}
