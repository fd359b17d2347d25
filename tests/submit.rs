//! `wail submit`: scripts for Slurm and a manifest for Kubernetes, whose commands run here without either.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use crate::run_files::{
    self, THREE_FOLDS, assert_same, contents, copy, fresh_narrow, only_entry, signal, stderr, stdout,
};
use serde::Deserialize;
use tempfile::TempDir;

/// Name of a folder that shells, sbatch and YAML have to quote.
const HARD_NAME: &str = r#"it's "50%" #1 \ b"#;

/// Arguments of the sweep in all tests.
const SWEEP: [&str; 4] = ["--config", "tiny.toml", "--device", "cpu"];

/// What the scripts print as their first job's number; the next ones count on.
const SBATCH: &str = r#"#!/bin/sh
echo "$*" >> sbatch.log
echo "$((100 + $(wc -l < sbatch.log)));cluster"
"#;

const SCONTROL: &str = "#!/bin/sh\necho \"$*\" >> scontrol.log\n";

type Files = Vec<(PathBuf, Vec<u8>)>;

/// The config and the files of a run in one process.
static ALONE: LazyLock<(TempDir, Files)> = LazyLock::new(|| {
    let folder = fresh_narrow(THREE_FOLDS, 3);
    stdout(&run_files::wail(folder.path(), &[&SWEEP[..], &["--out", "alone"]].concat()));
    let files = contents(&folder.path().join("alone"));
    (folder, files)
});

/// A folder with a hard name and the config, and no caches.
fn fresh() -> (TempDir, PathBuf) {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join(HARD_NAME);
    let files = contents(ALONE.0.path());
    let is_input = |path: &Path| path.components().count() == 1;
    copy(&files.into_iter().filter(|(path, _)| is_input(path)).collect::<Vec<_>>(), &folder);
    (parent, folder)
}

/// Puts a program into the folder `bin`.
fn install(folder: &Path, name: &str, script: &str) {
    let path = folder.join("bin").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Adds the folder `bin` to the programs that `command` finds.
fn with_bin<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    command.current_dir(folder).env("PATH", path)
}

fn submit_slurm(folder: &Path, arguments: &[&str]) -> Output {
    let always = [&["submit", "slurm"], &SWEEP[..], &["--shards", "2"]].concat();
    with_bin(&mut run_files::command(folder, &[&always[..], arguments].concat()), folder).output().unwrap()
}

/// The command that Slurm would run for a task of the job `name`.
fn task(folder: &Path, name: &str, task: &str) -> Command {
    let mut bash = Command::new("bash");
    with_bin(bash.arg(folder.join(format!("slurm/tiny/{name}.sh"))), folder);
    bash.env("SLURM_ARRAY_JOB_ID", "102").env("SLURM_ARRAY_TASK_ID", task);
    bash.env("SLURM_ARRAY_TASK_MIN", "1").env("SLURM_ARRAY_TASK_COUNT", "2");
    bash
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn the_scripts_of_slurm_are_submitted_and_give_the_bytes_of_one_process() {
    let (_parent, folder) = fresh();
    let folder = folder.as_path();
    install(folder, "sbatch", SBATCH);
    install(folder, "scontrol", SCONTROL);
    let more = ["--parallel", "1", "--", "--partition=cpu", "--comment", "one \"#1\"\\"];
    let printed = stdout(&submit_slurm(folder, &more));
    let jobs = ["prepare    job 101, slurm/tiny/prepare.sh", "shards     job 102", "merge      job 103"];
    assert_contains(&printed, &jobs);
    let [prepare, shards, merge] = [
        "--parsable slurm/tiny/prepare.sh",
        "--parsable --kill-on-invalid-dep=yes --dependency=afterok:101 slurm/tiny/shards.sh",
        "--parsable --dependency=afterany:102 slurm/tiny/merge.sh",
    ];
    assert_eq!(read(folder, "sbatch.log"), format!("{prepare}\n{shards}\n{merge}\n"));
    let script = read(folder, "slurm/tiny/shards.sh");
    let directives = [
        "\n#SBATCH --job-name=tiny-shards\n",
        "\n#SBATCH --array=1-2%1\n",
        "\n#SBATCH --requeue\n",
        "\n#SBATCH --output=slurm/tiny/shards-%A_%a.log\n",
        "\n#SBATCH --partition=cpu --comment \"one \\\"#1\\\"\\\\\"\n",
        "it's \\\"50%\\\" #1 \\\\ b\"\n",
    ];
    assert_contains(&script, &directives);

    for one in ["1", "2"] {
        assert_contains(&stdout(&task(folder, "prepare", one).output().unwrap()), &["prepared   20 recordings"]);
    }
    // Nothing is there yet. Slurm must not requeue the merge, because no shard is at work any more.
    let early = task(folder, "merge", "").output().unwrap();
    assert_eq!(early.status.code(), Some(1), "{}", stderr(&early));
    assert_contains(&stderr(&early), &["all trials are missing"]);
    for one in ["2", "1"] {
        assert_contains(
            &stdout(&task(folder, "shards", one).output().unwrap()),
            &[&format!("shard      {one} of 2: ")],
        );
    }
    assert!(!folder.join("scontrol.log").exists());
    assert_contains(&stdout(&task(folder, "merge", "").output().unwrap()), &["report.html"]);
    assert_same(&contents(&folder.join("experiments")), &ALONE.1, "after the scripts");
}

#[test]
fn a_signal_to_the_script_stops_wail_and_requeues_the_task() {
    let (_parent, folder) = fresh();
    install(&folder, "sbatch", SBATCH);
    install(&folder, "scontrol", SCONTROL);
    stdout(&submit_slurm(&folder, &["--set", "train.epochs=10000"]));
    let mut child = run_files::started(task(&folder, "shards", "2").stdout(Stdio::null()), "engine ");
    signal(&child, "-USR1");
    assert_eq!(child.wait().unwrap().code(), Some(75));
    assert_eq!(read(&folder, "scontrol.log"), "requeue 102_2\n");
    // A wrong config is final.
    std::fs::write(folder.join("tiny.toml"), "folds = 3\n").unwrap();
    assert_eq!(task(&folder, "shards", "2").output().unwrap().status.code(), Some(2));
    assert_eq!(read(&folder, "scontrol.log"), "requeue 102_2\n");
}

#[test]
fn a_dry_run_prints_the_scripts_and_what_is_wrong_is_refused() {
    let (_parent, folder) = fresh();
    let printed = stdout(&submit_slurm(&folder, &["--dry-run", "--retry-failed", "--set", "sweep.inner=[8]"]));
    let expected = [
        "==> slurm/tiny/prepare.sh <==\n#!/usr/bin/env bash\n",
        "\n#SBATCH --array=1-2\n",
        " --config tiny.toml --device cpu --set 'sweep.inner=[8]' --shard auto --retry-failed &\n",
        " merge --config tiny.toml --device cpu --set 'sweep.inner=[8]'\n",
        "\nprepare=$(sbatch --parsable slurm/tiny/prepare.sh)\n",
        "\nshards=$(sbatch --parsable --kill-on-invalid-dep=yes --dependency=afterok:$prepare slurm/tiny/shards.sh)\n",
        "\nmerge=$(sbatch --parsable --dependency=afterany:$shards slurm/tiny/merge.sh)\n",
    ];
    assert_contains(&printed, &expected);
    assert!(!folder.join("slurm").exists());
    for (arguments, expected) in [
        (&["--", "--array=1-9"][..], "--array=1-9: the scripts set this option"),
        (&["--", "-d", "singleton"], "-d: the scripts set this option"),
        (&["--", "--comment=a\nb"], "line break"),
        (&["--set", "train.epochs=0"], "train.epochs"),
    ] {
        let output = submit_slurm(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert_contains(&stderr(&output), &[expected]);
    }
    install(
        &folder,
        "sbatch",
        &SBATCH.replace("echo \"$((", "[ $# = 2 ] || { echo 'no such partition' >&2; exit 1; }\necho \"$(("),
    );
    let refused = submit_slurm(&folder, &[]);
    assert_eq!(refused.status.code(), Some(1));
    let problem = ["slurm/tiny/shards.sh: sbatch refused it", "no such partition", "prepare    job 101"];
    assert_contains(&stderr(&refused), &problem);
    let without = run_files::command(&folder, &[&["submit", "slurm"], &SWEEP[..], &["--shards", "2"]].concat())
        .env("PATH", "")
        .output()
        .unwrap();
    assert_eq!(without.status.code(), Some(1));
    assert_contains(&stderr(&without), &["error: sbatch: "]);
}

#[test]
fn the_commands_in_the_manifest_for_kubernetes_give_the_bytes_of_one_process() {
    let (_parent, folder) = fresh();
    let folder = folder.as_path();
    let config = read(folder, "tiny.toml") + "# a comment: \"quoted\", {{ }}\n\t# and a tab\n";
    std::fs::write(folder.join("tiny.toml"), &config).unwrap();
    let always = [&["submit", "kubernetes"], &SWEEP[..], &["--shards", "2", "--set", "name=Tiny_1"]].concat();
    let place = [
        "--image",
        "registry.example/wail:1",
        "--claim",
        "cries",
        "--resource",
        "nvidia.com/gpu=1",
        "--resource",
        "cpu=4",
    ];
    let manifest = stdout(&run_files::wail(folder, &[&always[..], &place].concat()));
    let documents =
        serde_norway::Deserializer::from_str(&manifest).map(|one| serde_json::Value::deserialize(one).unwrap());
    let [map, shards, merge] = documents.collect::<Vec<_>>().try_into().unwrap();

    assert_eq!(map["data"]["config.toml"], *config);
    let pod = &shards["spec"]["template"]["spec"];
    let [prepare, shard] = [&pod["initContainers"][0], &pod["containers"][0]];
    let merge = &merge["spec"]["template"]["spec"]["containers"][0];
    let run = |container: &serde_json::Value, index: &str| {
        let arguments = container["args"].as_array().unwrap().iter().map(|word| match word.as_str().unwrap() {
            "/etc/wail/config.toml" => "tiny.toml", // not where a container has it
            word => word,
        });
        let arguments: Vec<&str> = arguments.collect();
        run_files::command(folder, &arguments).env("JOB_COMPLETION_INDEX", index).output().unwrap()
    };
    assert_eq!(run(merge, "").status.code(), Some(75));
    for index in ["1", "0"] {
        stdout(&run(prepare, index));
        stdout(&run(shard, index));
    }
    assert_contains(&stdout(&run(merge, "")), &["report.html"]);
    stdout(&run_files::wail(folder, &[&SWEEP[..], &["--out", "alone", "--set", "name=Tiny_1"]].concat()));
    assert_same(
        &contents(&only_entry(&folder.join("experiments"))),
        &contents(&only_entry(&folder.join("alone"))),
        "after the manifest",
    );
}
