//! `wail audit DIR`

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use dataset::audit::{Audit, Kind, Measurement, RecorderRule, audit_of, measure};
use dataset::{Corpus, croissant, split_from_csv};
use experiment::{folder, seed};
use report::audit::{PAGE_FILE, summary, write};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::pieces::{Pieces, Share, Target};
use crate::shard_args::ShardArgs;
use crate::terminal::stdout;

/// Name under which the pieces of shards have the arguments of the audit.
const ARGUMENTS: &str = "audit";

/// Arguments of `wail audit`.
#[derive(Debug, clap::Args, Serialize, Deserialize)]
pub struct Args {
    /// Folder of class folders, or of train, val and test folders with class folders inside; or a table of recordings, as
    /// data.table of a config
    #[arg(value_name = "DIR|TABLE")]
    corpus: PathBuf,
    /// Folder with train.csv, val.csv and test.csv (columns class,path,label): also check for leaks between them
    /// [default: train, val and test folders in DIR, or the column split of TABLE]
    #[arg(long, value_name = "CSV_DIR")]
    split: Option<PathBuf>,
    /// Regular expression on the path below DIR whose first group is the recorder [default: Donate-a-Cry file names]
    #[arg(long, value_name = "REGEX", conflicts_with = "recorder_csv")]
    recorder_pattern: Option<String>,
    /// CSV file with columns path (below DIR) and recorder
    #[arg(long, value_name = "FILE")]
    recorder_csv: Option<PathBuf>,
    /// Folder for audit.html and audit.json
    #[arg(long, value_name = "DIR", default_value = "audit")]
    out: PathBuf,
    /// Also write a Croissant 1.1 description of the corpus: paths, hashes, classes and recorders. Its paths are relative to DIR, so it
    /// belongs into DIR
    #[arg(long, value_name = "FILE")]
    croissant: Option<PathBuf>,
    /// Exit with code 3 if a finding of this kind exists; `leak` is any leak between splits, `any` is any finding
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = PossibleValuesParser::new(fail_on()))]
    fail_on: Vec<String>,
    /// Seed of the permutation tests
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    #[command(flatten)]
    #[serde(skip)]
    shard: ShardArgs,
}

/// Possible values of `--fail-on`.
fn fail_on() -> impl IntoIterator<Item = &'static str> {
    ["any", "leak"].into_iter().chain(Kind::ALL.map(Kind::name))
}

/// Audits the corpus, writes the page and the JSON, prints the summary. A shard only measures its recordings.
pub fn run(args: &Args) -> Result<(), Error> {
    let corpus = args.corpus()?;
    let shard = args.shard.resolve()?;
    let share = Share::of(shard, corpus.recordings.len());
    if shard.is_none() {
        return args.audit(&corpus, measure(&corpus, share.files)?, &args.out)?.verdict(args);
    }
    let arguments = serde_json::to_string(args).map_err(Error::encode("the arguments"))?;
    let settings = vec![(ARGUMENTS, arguments), ("corpus", corpus.fingerprint())];
    let files: Vec<PathBuf> = corpus.recordings.iter().map(|recording| recording.path.clone().into()).collect();
    let target = Target::new(&args.out, shard, &files, settings);
    if target.is_made()? {
        return Ok(());
    }
    let mut bytes = Vec::new();
    ciborium::into_writer(&measure(&corpus, share.files)?, &mut bytes).map_err(Error::encode("measurements"))?;
    target.write(&bytes)
}

/// Whether shards of an audit made the pieces.
pub(super) fn are_measurements(pieces: &Pieces) -> bool {
    pieces.setting(ARGUMENTS).is_some()
}

/// Audits the corpus whose recordings shards have measured, as [`run`] does; the page goes to `out`.
pub(super) fn merge(pieces: Pieces, out: &Path) -> Result<(), Error> {
    let unusable = |what: &str| Error::Data(format!("{}: the shards' {what}", out.display()));
    let arguments = pieces.setting(ARGUMENTS).unwrap_or_default();
    let args: Args = serde_json::from_str(arguments).map_err(|error| unusable(&format!("arguments: {error}")))?;
    let corpus = args.corpus()?;
    if pieces.setting("corpus") != Some(&corpus.fingerprint()) {
        return Err(Error::Data(format!("{}: it has changed since its shards were measured", args.corpus.display())));
    }
    let mut measured: Vec<Measurement> = Vec::new();
    for bytes in pieces.contents() {
        let part: Vec<Measurement> =
            ciborium::from_reader(&bytes?[..]).map_err(|error| unusable(&format!("measurements: {error}")))?;
        measured.extend(part);
    }
    let done = args.audit(&corpus, measured, out)?;
    pieces.remove()?;
    done.verdict(&args)
}

/// The page of an audit in the folder `out`.
pub(super) fn page(out: &Path) -> PathBuf {
    out.join(PAGE_FILE)
}

impl Args {
    /// The corpus of the folder or the table.
    fn corpus(&self) -> Result<Corpus, Error> {
        let corpus =
            if self.corpus.is_file() { Corpus::from_table(&self.corpus, None) } else { Corpus::scan(&self.corpus) };
        Ok(corpus?)
    }

    /// Audits the corpus from its measurements, and writes the page and the JSON to `out`.
    fn audit(&self, corpus: &Corpus, measured: Vec<Measurement>, out: &Path) -> Result<Done, Error> {
        let split = match &self.split {
            Some(dir) => Some(split_from_csv(corpus, dir)?),
            None => corpus.folder_split().or_else(|| corpus.column_split()),
        };
        let rule = RecorderRule::new(self.recorder_pattern.as_deref(), self.recorder_csv.as_deref(), corpus)?;
        let seed = seed::derive(self.seed, &["audit"]);
        if let Some(file) = &self.croissant {
            let recorders = rule.recorders(corpus);
            folder::write(file, croissant(corpus, &recorders).as_bytes())?;
        }
        let audit = audit_of(corpus, measured, split.as_deref(), &rule, seed)?;
        Ok(Done { page: write(&audit, corpus, out)?, audit })
    }
}

/// An audit that is written.
struct Done {
    audit: Audit,
    page: PathBuf,
}

impl Done {
    /// Prints the summary; fails if there is a finding that must not be.
    fn verdict(&self, args: &Args) -> Result<(), Error> {
        stdout::print(summary(&self.audit))?;
        stdout::line(self.page.display())?;
        let covers = |name: &String, kind: Kind| match name.as_str() {
            "any" => true,
            "leak" => kind.is_leak(),
            name => name == kind.name(),
        };
        let kinds = self.audit.findings.iter().map(|finding| finding.kind);
        let covered = kinds.filter(|kind| args.fail_on.iter().any(|name| covers(name, *kind)));
        let mut failed: Vec<&str> = covered.map(Kind::name).collect();
        failed.dedup();
        if failed.is_empty() { Ok(()) } else { Err(Error::Data(format!("found: {}", failed.join(", ")))) }
    }
}
