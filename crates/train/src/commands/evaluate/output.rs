//! What `wail evaluate` prints.

use std::path::PathBuf;

use clap::ValueEnum;
use metrics::{Collar, Estimate, EventCounts, EventScores, TradeoffPoint};
use serde::Serialize;

use super::detections::Detector;
use crate::Error;
use crate::terminal::stdout;

/// False alarms per hour at which the table shows the misses.
const MOST_FALSE_ALARMS: [f64; 5] = [0.0, 0.1, 1.0, 10.0, f64::INFINITY];

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// One JSON object, with the whole error trade-off
    Json,
}

#[derive(Serialize)]
struct Evaluation<'a> {
    detector: &'a Detector,
    collar: &'a Collar,
    /// In the order of the recordings of `scores`.
    files: &'a [PathBuf],
    scores: &'a EventScores,
}

pub(super) fn print(
    format: Format,
    detector: &Detector,
    collar: &Collar,
    files: &[PathBuf],
    scores: &EventScores,
) -> Result<(), Error> {
    if format == Format::Table {
        return stdout::print(table(collar, files, scores));
    }
    let evaluation = Evaluation { detector, collar, files, scores };
    stdout::line(serde_json::to_string(&evaluation).map_err(Error::encode("JSON"))?)
}

fn table(collar: &Collar, files: &[PathBuf], scores: &EventScores) -> String {
    let mut names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    names.push("all".into());
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("recording".len());
    let mut text = format!(
        "{:width$}  {:>9}  {:>5}  {:>8}  {:>7}  {:>6}  {:>12}\n",
        "recording", "seconds", "cries", "detected", "matched", "missed", "false alarms"
    );
    for (name, counts) in names.iter().zip(scores.recordings.iter().chain([&scores.total])) {
        let EventCounts { seconds, n_true, n_detected, n_matched, n_missed, n_false_alarms } = counts;
        text += &format!(
            "{name:width$}  {seconds:>9.1}  {n_true:>5}  {n_detected:>8}  {n_matched:>7}  {n_missed:>6}  {n_false_alarms:>12}\n"
        );
    }
    let and_end = collar
        .share_of_length
        .map_or(String::new(), |share| format!(", ends within that or {:.0} % of the length", 100.0 * share));
    text += &format!("\nmatched: onsets within {} s{and_end}\n", collar.seconds);
    for (name, score) in [("precision", scores.precision), ("recall", scores.recall), ("F1", scores.f1)] {
        text += &line(name, score);
    }
    text += &line("unmatched per hour", scores.unmatched_per_hour);
    text += "\nmissed and false alarms: no overlap\n";
    text += &line("miss rate", scores.miss_rate);
    text += &line("false alarms per hour", scores.false_alarms_per_hour);
    text += &line("median latency, s", scores.median_latency_seconds);
    text += &line("90 % latency, s", scores.latency_90_seconds);
    text + &tradeoff(&scores.error_tradeoff)
}

fn line(name: &str, score: Option<Estimate>) -> String {
    let Some(Estimate { value, interval }) = score else { return format!("  {name:21}  not defined\n") };
    let interval = interval.map_or("no interval".into(), |[low, high]| format!("95 % {low:.3} to {high:.3}"));
    format!("  {name:21}  {value:>8.3}  ({interval})\n")
}

/// The points of the curve that have at most so many false alarms per hour.
fn tradeoff(curve: &[TradeoffPoint]) -> String {
    let at_most = MOST_FALSE_ALARMS.into_iter().filter_map(|most| TradeoffPoint::at_most(curve, most));
    let mut points: Vec<&TradeoffPoint> = at_most.collect();
    points.dedup();
    if points.is_empty() {
        return String::new();
    }
    let mut text = "\nif only detections of at least a score count\n".to_owned();
    text += &format!("  {:>8}  {:>9}  {:>21}\n", "score", "miss rate", "false alarms per hour");
    for TradeoffPoint { threshold, miss_rate, false_alarms_per_hour } in points {
        text += &format!("  {threshold:>8.4}  {miss_rate:>9.3}  {false_alarms_per_hour:>21.3}\n");
    }
    text
}
