//! Starting the service: errors, the choice of the model, the health check and the help.

use crate::client::{MODEL, Server, command, wav};

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

/// The same file in `tests/formats.rs` answers as torch does.
#[test]
fn a_state_dict_of_torch_is_served_with_the_labels_that_are_named() {
    let state_dict = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/goldens/state_dict.pt");
    let server = Server::start_with(&["--model", state_dict, "--labels", "hungry,tired,belly pain"]);
    let answer = server.post("/predict", &[("a.wav", &wav(1.0, 1))]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let mut labels: Vec<&str> = answer["all_probs"].as_object().unwrap().keys().map(String::as_str).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["belly pain", "hungry", "tired"]);

    let folder = tempfile::tempdir().unwrap();
    for (arguments, code, expected) in [
        (vec!["--model", state_dict], 4, "name its classes: --labels A,B"),
        (vec!["--model", state_dict, "--labels", "hungry,tired"], 2, "3 classes, but there are 2 labels"),
        (vec!["--labels", "hungry,tired"], 2, "--model"),
    ] {
        let (found, text) = finish(folder.path(), &arguments);
        assert!(found == Some(code) && text.contains(expected), "{arguments:?}: {text}");
    }
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
        vec!["--allow-url-host", "https://example.org/"],
        vec!["--queue", "many"],
        vec!["--log", "xml"],
        vec!["--coverage", "0.9"],
        vec!["--model", "missing", "--token-file", "missing"],
        vec!["check", "nowhere"],
    ] {
        assert_eq!(finish(folder.path(), &arguments).0, Some(2), "{arguments:?}");
    }
}

#[test]
fn a_token_that_cannot_be_read_does_not_leave_the_service_open() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    for token in [&b""[..], b"two words", b"\xff"] {
        let token = std::ffi::OsStr::from_bytes(token);
        let output = command(folder.path()).env("WAIL_TOKEN", token).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{token:?}");
    }
}

#[test]
fn closed_pipes_are_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let closed = || std::io::pipe().unwrap().1;
    for argument in ["--help", "--version"] {
        let output = command(folder.path()).arg(argument).stdout(closed()).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{argument}");
    }
    let status = command(folder.path()).args(["--model", "missing"]).stderr(closed()).status().unwrap();
    assert_eq!(status.code(), Some(4));
    // Without a reader of its log, the service still answers, and stops when it should.
    let mut server = Server::start(&[]);
    server.log = None;
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.post("/predict", &[("a.wav", &wav(1.0, 1))]).status, 200);
    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
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

/// `scripts/checks/store.py` does the same with an object store and under load.
#[test]
fn a_published_model_is_served_and_sighup_takes_the_one_that_the_alias_names_now() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry::Registry::open(&format!("file://{}/cry", folder.path().display())).unwrap();
    let publish = |card: &str| {
        let copy = folder.path().join("copy");
        std::fs::create_dir_all(&copy).unwrap();
        std::fs::copy(MODEL.path().join("model.safetensors"), copy.join("model.safetensors")).unwrap();
        std::fs::write(copy.join("MODEL_CARD.md"), card).unwrap();
        let names = ["model.safetensors".to_owned(), "MODEL_CARD.md".to_owned()];
        let version = registry.push(&registry::Files::of_folder(&copy, &names).unwrap()).unwrap();
        registry.move_alias("production", &version, registry.alias("production").unwrap().as_ref()).unwrap();
        version.to_string()
    };
    let first = publish("first");
    let mut server = Server::start_with(&["--model", &format!("{}/production", registry.url())]);
    let served = |server: &Server| {
        let model = server.get("/v1/model").json();
        (model["model"]["version"].as_str().unwrap().to_owned(), model["card"].as_str().unwrap().to_owned())
    };
    assert_eq!(served(&server), (first.clone(), "first".into()));
    let second = publish("second");
    assert_ne!(first, second);
    assert_eq!(served(&server), (first, "first".into()), "until it is told");
    server.signal("HUP");
    server.wait_for("loaded");
    // The log says so before the model takes over.
    while served(&server).0 != second {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let answer = server.post("/v1/classify", &[("a.wav", &wav(1.0, 1))]).json();
    assert_eq!(answer["model"]["version"], second.as_str());
    // A version that cannot be read leaves the model as it is.
    let version = folder.path().join("cry/versions").join(&second);
    std::fs::write(version.join("model.safetensors"), "changed").unwrap();
    server.signal("HUP");
    server.wait_for("the former one stays");
    assert_eq!(served(&server), (second, "second".into()));
}
