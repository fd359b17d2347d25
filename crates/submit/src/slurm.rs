//! Slurm: three batch scripts, each of which `sbatch` also takes by itself, and their submission.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::steps::{Division, Steps};

/// Options of sbatch that would divide the work in another way than the scripts do, or change their order.
const OWN_OPTIONS: [&str; 4] = ["--array", "--dependency", "-a", "-d"];

/// Where the jobs run, and with what.
#[derive(Debug)]
pub struct Place {
    /// The program `wail`.
    pub program: String,
    /// The working folder.
    pub folder: String,
    /// Folder of the scripts and of the jobs' output, from the working folder.
    pub scripts: String,
    /// Environment variables of the jobs.
    pub variables: Vec<(String, String)>,
    /// Options of sbatch.
    pub options: Vec<String>,
}

/// The jobs, in the order in which they are submitted.
#[derive(Debug)]
pub struct Jobs(Vec<Job>);

#[derive(Debug)]
struct Job {
    step: &'static str,
    /// Path of the script.
    path: String,
    text: String,
    /// Options that make it wait; the number of the job before it follows.
    after: &'static str,
}

impl Jobs {
    /// The jobs of the sweep called `name`, which the arguments `sweep` describe.
    ///
    /// # Errors
    /// [`Error::Option`] if the options of sbatch have one that the scripts set.
    pub fn new(name: &str, sweep: &[String], division: Division, place: &Place) -> Result<Self, Error> {
        let is_own = |option: &&String| OWN_OPTIONS.iter().any(|own| option.starts_with(own));
        if let Some(option) = place.options.iter().find(is_own) {
            return Err(Error::Option(format!("{option}: the scripts set this option; see --shards and --parallel")));
        }
        if let Some(option) = place.options.iter().find(|option| option.contains(['\n', '\r'])) {
            return Err(Error::Option(format!("{option:?}: an option of sbatch cannot have a line break")));
        }
        let steps = Steps::new(name, sweep, &["--shard", "auto"], division);
        let job = |step, text, after| Job { step, path: format!("{}/{step}.sh", place.scripts), text, after };
        Ok(Self(vec![
            job("prepare", place.array(&steps, "prepare", &steps.prepare), ""),
            job(
                "shards",
                place.array(&steps, "shards", &steps.shard),
                // If the caches cannot be filled, the shards are not trained.
                "--kill-on-invalid-dep=yes --dependency=afterok:",
            ),
            // Whatever became of the shards: it says what is missing.
            job("merge", place.merge(&steps), "--dependency=afterany:"),
        ]))
    }

    /// The scripts, and the commands that submit them.
    pub fn to_text(&self) -> String {
        let mut text: String = self.0.iter().map(|job| format!("==> {} <==\n{}\n", job.path, job.text)).collect();
        text += "==> commands <==\n";
        let mut before = String::new();
        for job in &self.0 {
            text += &format!("{}=$(sbatch {} {})\n", job.step, job.options(&before).join(" "), quoted(&job.path));
            before = format!("${}", job.step);
        }
        text
    }

    /// Writes the scripts and submits them. Returns a line for each job.
    ///
    /// # Errors
    /// [`Error::Io`] if a script cannot be written or sbatch does not start, [`Error::Scheduler`] if sbatch refuses a script.
    pub fn submit(&self) -> Result<String, Error> {
        for Job { path, text, .. } in &self.0 {
            let path = Path::new(path);
            let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            written
                .and_then(|()| durable::write_atomic(path, text.as_bytes()))
                .map_err(|source| Error::Io { what: path.display().to_string(), source })?;
        }
        let (mut submitted, mut before) = (String::new(), String::new());
        for job in &self.0 {
            before = job.submit(&before).map_err(|error| match error {
                Error::Scheduler(problem) => Error::Scheduler(format!("{problem}\nsubmitted before it:\n{submitted}")),
                other => other,
            })?;
            submitted += &format!("{:<11}job {before}, {}\n", job.step, job.path);
        }
        Ok(submitted)
    }
}

impl Job {
    /// Options of sbatch that make it wait for the job `before`.
    fn options(&self, before: &str) -> Vec<String> {
        let after = if self.after.is_empty() { String::new() } else { format!("{}{before}", self.after) };
        ["--parsable"].into_iter().chain(after.split_whitespace()).map(String::from).collect()
    }

    /// Submits it, to run after the job `before`. Returns its number.
    fn submit(&self, before: &str) -> Result<String, Error> {
        let mut sbatch = Command::new("sbatch");
        let output = sbatch.args(self.options(before)).arg(&self.path).stdin(Stdio::null()).output();
        let output = output.map_err(|source| Error::Io { what: "sbatch".into(), source })?;
        let [printed, problem] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        // NUMBER, or NUMBER;CLUSTER.
        match printed.trim().split(';').next() {
            Some(number) if output.status.success() && !number.is_empty() => Ok(number.to_owned()),
            _ => Err(Error::Scheduler(format!(
                "{}: sbatch refused it ({}): {}",
                self.path,
                output.status,
                problem.trim()
            ))),
        }
    }
}

impl Place {
    /// The script of an array job, each of whose tasks is one shard.
    fn array(&self, steps: &Steps, step: &str, arguments: &[String]) -> String {
        let Division { shards, parallel, .. } = steps.division;
        let most = if parallel < shards { format!("%{parallel}") } else { String::new() };
        format!(
            r#"{head}#SBATCH --array=1-{shards}{most}
#SBATCH --output={output}
#SBATCH --signal=B:USR1@120
{options}{variables}
# Two minutes before the time limit comes USR1. Wail then stops after the epochs in progress, with exit code 75.
trap 'kill -USR1 "$wail"' USR1
{command} &
wail=$!
while wait "$wail"; code=$?; [ "$code" -gt 128 ] && kill -0 "$wail" 2>/dev/null; do :; done

# 75 means that running it again continues it. Any other code is final.
if [ "$code" -eq 75 ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
"#,
            head = self.head(steps, step),
            output = self.output(&format!("{step}-%A_%a.log")),
            options = self.options(),
            variables = self.exports(),
            command = self.command(arguments),
        )
    }

    fn merge(&self, steps: &Steps) -> String {
        format!(
            r#"{head}#SBATCH --output={output}
{options}{variables}
{command}
code=$?

# 75 means that trials are missing. Their shards have ended, so running this job again would not find them.
if [ "$code" -eq 75 ]; then
    code=1
fi
exit "$code"
"#,
            head = self.head(steps, "merge"),
            output = self.output("merge-%j.log"),
            options = self.options(),
            variables = self.exports(),
            command = self.command(&steps.merge),
        )
    }

    fn head(&self, steps: &Steps, step: &str) -> String {
        format!(
            "#!/usr/bin/env bash\n\
             # Written by `wail submit slurm`. It may be submitted again: what is finished is skipped.\n\
             #SBATCH --job-name={}-{step}\n\
             #SBATCH --chdir={}\n\
             #SBATCH --open-mode=append\n\
             #SBATCH --requeue\n",
            steps.name,
            directive_value(&self.folder)
        )
    }

    /// Value of `--output`: the file `name` beside the scripts.
    fn output(&self, name: &str) -> String {
        directive_value(&format!("{}/{name}", self.scripts.replace('%', "%%")))
    }

    fn options(&self) -> String {
        let options: Vec<String> = self.options.iter().map(|option| directive_value(option)).collect();
        if options.is_empty() { String::new() } else { format!("#SBATCH {}\n", options.join(" ")) }
    }

    fn exports(&self) -> String {
        self.variables.iter().map(|(name, value)| format!("export {name}={}\n", quoted(value))).collect()
    }

    fn command(&self, arguments: &[String]) -> String {
        let words = [&self.program].into_iter().chain(arguments).map(|word| quoted(word));
        words.collect::<Vec<String>>().join(" ")
    }
}

/// A word of a shell command.
fn quoted(word: &str) -> String {
    // Fails on NUL only, which no argument or environment variable can have.
    shlex::try_quote(word).unwrap_or_default().into_owned()
}

/// A word of a line that starts with `#SBATCH`; sbatch reads quotes and backslashes there, but not as a shell does.
fn directive_value(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=+%@:,./[]".contains(c);
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    let escaped: String =
        word.chars().flat_map(|c| ['\\'].into_iter().filter(move |_| "\\\"".contains(c)).chain([c])).collect();
    format!("\"{escaped}\"")
}
