//! `wail plan --config sweep.toml`

use std::num::NonZeroUsize;

use clap::ValueEnum;
use dataset::count;
use serde::Serialize;

use crate::args::SweepArgs;
use crate::sweep::{COST, Unit, WorkPlan};
use crate::terminal::{interrupt, stderr, stdout};
use crate::{Error, sweep};

/// Arguments of `wail plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    sweep: SweepArgs,
    /// Number of shards that the trials are dealt to
    #[arg(long, value_name = "N", default_value = "1")]
    shards: NonZeroUsize,
    /// Format of the list
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object
    Json,
}

/// A unit with its shard.
#[derive(Serialize)]
struct DealtUnit<'a> {
    shard: usize,
    #[serde(flatten)]
    unit: &'a Unit,
    id: String,
}

/// Prints the trials of every search, with the share of each in the cost of the whole.
pub fn run(args: &Args) -> Result<(), Error> {
    let (_, config) = args.sweep.load()?;
    interrupt::listen("stopping soon")?;
    let compute = args.sweep.run.compute.find().map_err(Error::Compute)?;
    let plan = sweep::plan(&config, &compute)?;
    let shards = plan.deal(args.shards.get());
    let units = plan.units.iter().zip(shards).map(|(unit, shard)| DealtUnit { shard, unit, id: unit.trial.id() });
    let units: Vec<DealtUnit> = units.collect();
    match args.format {
        Format::Table => print_table(&plan, &units),
        Format::Json => {
            let json = serde_json::json!({ "run": plan.run, "cost": COST, "units": units });
            stdout::line(format_args!("{json:#}"))
        }
    }
}

fn print_table(plan: &WorkPlan, units: &[DealtUnit]) -> Result<(), Error> {
    let total: f64 = units.iter().map(|dealt| dealt.unit.cost as f64).sum();
    let width = units.iter().map(|dealt| dealt.unit.search.len()).max().unwrap_or(0).max("search".len());
    stdout::line(format_args!("shard  {:width$}  {:32}  {:>7}", "search", "trial", "cost"))?;
    for DealtUnit { shard, unit, id } in units {
        let search = if unit.search.is_empty() { "model" } else { &unit.search };
        let percent = 100.0 * unit.cost as f64 / total;
        stdout::line(format_args!("{shard:>5}  {search:width$}  {id:32}  {percent:5.2} %"))?;
    }
    let rounds = if plan.in_rounds { " in the first round, from whose results the others follow" } else { "" };
    stderr::line(format_args!("plan       {}: {}{rounds}; cost: {COST}", plan.run, count(units.len(), "trial")));
    Ok(())
}
