//! `wail audit DIR`

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use dataset::audit::{Kind, RecorderRule, audit};
use dataset::{Corpus, split_from_csv};
use experiment::seed;
use report::audit::{summary, write};

use crate::Error;
use crate::terminal::stdout;

/// Arguments of `wail audit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of class folders, or of train, val and test folders with class folders inside
    #[arg(value_name = "DIR")]
    corpus: PathBuf,
    /// Folder with train.csv, val.csv and test.csv (columns class,path,label): also check for leaks between them
    /// [default: train, val and test folders in DIR]
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
    /// Exit with code 3 if a finding of this kind exists; `leak` is any leak between splits, `any` is any finding
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = fail_on())]
    fail_on: Vec<FailOn>,
    /// Seed of the permutation tests
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
}

/// Findings that make the command fail.
#[derive(Debug, Clone, Copy)]
enum FailOn {
    Any,
    Leak,
    Kind(Kind),
}

impl FailOn {
    fn covers(self, kind: Kind) -> bool {
        match self {
            Self::Any => true,
            Self::Leak => kind.is_leak(),
            Self::Kind(wanted) => kind == wanted,
        }
    }
}

fn fail_on() -> impl TypedValueParser<Value = FailOn> {
    PossibleValuesParser::new(["any", "leak"].into_iter().chain(Kind::ALL.map(Kind::name))).map(|name| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).map(FailOn::Kind);
        kind.unwrap_or(if name == "leak" { FailOn::Leak } else { FailOn::Any })
    })
}

/// Audits the corpus, writes the page and the JSON, prints the summary.
pub fn run(args: &Args) -> Result<(), Error> {
    let corpus = Corpus::scan(&args.corpus)?;
    let split = match &args.split {
        Some(dir) => Some(split_from_csv(&corpus, dir)?),
        None => corpus.folder_split(),
    };
    let rule = RecorderRule::new(args.recorder_pattern.as_deref(), args.recorder_csv.as_deref(), &corpus)?;
    let audit = audit(&corpus, split.as_deref(), &rule, seed::derive(args.seed, &["audit"]))?;
    let page = write(&audit, &corpus, &args.out)?;
    stdout::print(summary(&audit))?;
    stdout::line(page.display())?;
    let covered = |kind| args.fail_on.iter().any(|fail_on| fail_on.covers(kind));
    let mut failed: Vec<&str> =
        audit.findings.iter().map(|f| f.kind).filter(|kind| covered(*kind)).map(Kind::name).collect();
    failed.dedup();
    if failed.is_empty() { Ok(()) } else { Err(Error::Data(format!("found: {}", failed.join(", ")))) }
}
