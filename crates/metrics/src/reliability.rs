//! Reliability of the probabilities: a share p of the examples with a top probability of about p should be correct.
//!
//! Expected calibration error after Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML
//! 2017: `sum_b (n_b / n) |accuracy_b - confidence_b|` over [`N_BINS`] bins `((b - 1) / N_BINS, b / N_BINS]` of the top
//! probability.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Predictions;

/// Number of bins of the top probability, as in the tables of the paper.
pub const N_BINS: usize = 15;

/// One bin of the reliability diagram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityBin {
    /// Lower edge, exclusive.
    pub above: f64,
    /// Upper edge, inclusive.
    pub up_to: f64,
    /// Number of examples whose top probability lies in the bin.
    pub count: usize,
    /// Mean top probability, 0 to 1; `None` if the bin is empty.
    pub confidence: Option<f64>,
    /// Share of correct predictions, 0 to 1; `None` if the bin is empty.
    pub accuracy: Option<f64>,
}

/// Bin, top probability and correctness of each example.
pub(crate) struct Reliability {
    examples: Vec<(usize, f64, bool)>,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    count: f64,
    confidence: f64,
    hits: f64,
}

impl Reliability {
    pub(crate) fn new(predictions: &Predictions, predicted: &[usize]) -> Self {
        let examples = predictions.rows().zip(predicted).zip(predictions.labels()).map(|((row, predicted), label)| {
            let confidence = row[*predicted];
            // The edges are computed as they are reported, so that a probability on an edge falls into the bin that
            // holds it.
            let bin = (0..N_BINS - 1).find(|bin| confidence <= upper_edge(*bin)).unwrap_or(N_BINS - 1);
            (bin, confidence, predicted == label)
        });
        Self { examples: examples.collect() }
    }

    /// Expected calibration error, 0 to 1, with example `i` counted `weights[i]` times.
    pub(crate) fn error(&self, weights: &[u32]) -> f64 {
        let bins = self.sums(weights);
        let total: f64 = bins.iter().map(|bin| bin.count).sum();
        bins.iter().map(|bin| (bin.hits - bin.confidence).abs()).sum::<f64>() / total
    }

    /// The bins, lowest first, `[N_BINS]`.
    pub(crate) fn bins(&self) -> Vec<ReliabilityBin> {
        let sums = self.sums(&vec![1; self.examples.len()]);
        sums.iter()
            .enumerate()
            .map(|(bin, sums)| {
                let mean = |sum: f64| (sums.count > 0.0).then(|| sum / sums.count);
                ReliabilityBin {
                    above: bin as f64 / N_BINS as f64,
                    up_to: upper_edge(bin),
                    count: sums.count as usize,
                    confidence: mean(sums.confidence),
                    accuracy: mean(sums.hits),
                }
            })
            .collect()
    }

    fn sums(&self, weights: &[u32]) -> [Sums; N_BINS] {
        let mut bins = [Sums::default(); N_BINS];
        for ((bin, confidence, hit), weight) in self.examples.iter().zip(weights) {
            let weight = f64::from(*weight);
            bins[*bin].count += weight;
            bins[*bin].confidence += weight * confidence;
            bins[*bin].hits += weight * f64::from(u8::from(*hit));
        }
        bins
    }
}

fn upper_edge(bin: usize) -> f64 {
    (bin + 1) as f64 / N_BINS as f64
}
