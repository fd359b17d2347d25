//! Settings of a folder of nights.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Longest night, hours: a WAV file cannot be much longer.
const MAX_HOURS: f64 = 24.0;

/// Most episodes of crying an hour for which there is time.
const MAX_CRIES_PER_HOUR: f64 = 30.0;

/// Settings of a folder of nights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NightsConfig {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Number of nights, 1 to 999.
    pub n_nights: usize,
    /// Length of each, above 0 to 24 hours.
    pub hours: f64,
    /// Mean number of episodes of crying an hour, 0 to 30.
    pub cries_per_hour: f64,
}

impl Default for NightsConfig {
    fn default() -> Self {
        Self { seed: 7, n_nights: 1, hours: 8.0, cries_per_hour: 3.0 }
    }
}

impl NightsConfig {
    /// # Errors
    /// [`Error::Synthetic`] names each value that is out of its range.
    pub(super) fn validate(&self) -> Result<(), Error> {
        let checks = [
            ((1..=999).contains(&self.n_nights), format!("{} nights; it must be 1 to 999", self.n_nights)),
            (
                self.hours > 0.0 && self.hours <= MAX_HOURS,
                format!("nights of {} hours; it must be above 0, to {MAX_HOURS}", self.hours),
            ),
            (
                (0.0..=MAX_CRIES_PER_HOUR).contains(&self.cries_per_hour),
                format!("{} cries an hour; it must be 0 to {MAX_CRIES_PER_HOUR}", self.cries_per_hour),
            ),
        ];
        let problems: Vec<String> = checks.into_iter().filter(|(fits, _)| !fits).map(|(_, problem)| problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::Synthetic(problems.join("; "))) }
    }
}
