//! What `wail` is called with in each job.

/// How a sweep is divided.
#[derive(Debug, Clone, Copy)]
pub struct Division {
    /// Number of shards.
    pub shards: usize,
    /// Most shards at the same time.
    pub parallel: usize,
    /// Whether failed trials are trained again.
    pub retry_failed: bool,
}

/// The steps of a sweep in shards. The scheduler tells each process which shard it is.
pub(crate) struct Steps {
    /// The sweep's name.
    pub name: String,
    /// How it is divided.
    pub division: Division,
    /// Arguments that fill the caches with a shard's part of the recordings.
    pub prepare: Vec<String>,
    /// Arguments that train a shard.
    pub shard: Vec<String>,
    /// Arguments that join the shards.
    pub merge: Vec<String>,
}

impl Steps {
    /// The steps of the sweep that the arguments `sweep` name; `auto` says which shard a process is.
    pub(crate) fn new(name: &str, sweep: &[String], auto: &[&str], division: Division) -> Self {
        let step = |first: &[&str], last: &[&str]| -> Vec<String> {
            let [first, last] = [first, last].map(|words| words.iter().map(|word| (*word).to_owned()));
            first.chain(sweep.iter().cloned()).chain(last).collect()
        };
        let retry: &[&str] = if division.retry_failed { &["--retry-failed"] } else { &[] };
        Self {
            name: name.into(),
            division,
            prepare: step(&["prepare"], auto),
            shard: step(&[], &[auto, retry].concat()),
            merge: step(&["merge"], &[]),
        }
    }
}
