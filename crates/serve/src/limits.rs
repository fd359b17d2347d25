//! Limits on what clients may use, which are also command-line options.

use std::time::Duration;

/// Limits on what one client, and all clients together, may use.
#[derive(Debug, Clone, clap::Args)]
pub struct Limits {
    /// Maximum size of a request body, MiB; larger bodies get status 413
    #[arg(long, value_name = "MIB", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub body_mib: u32,
    /// Maximum size of all request bodies, fetched recordings and model inputs in memory, MiB; beyond it, requests get status 503
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub memory_mib: u32,
    /// Maximum number of recordings that are waiting or being classified; beyond it, requests get status 503
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub queue: u32,
    /// Maximum number of open connections; further clients wait
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub connections: u32,
    /// Number of threads that decode recordings; 0 means one per core, but at least 2
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1024))]
    pub decoders: u32,
    /// Time limit for the head of a request, and for the pause between two requests of a connection, s
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub head_seconds: Duration,
    /// Time limit for a request body, s; slower clients get status 408
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    pub body_seconds: Duration,
    /// Time limit for the answer once the body has arrived, s; slower answers become status 503
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    pub answer_seconds: Duration,
    /// Time limit for open requests when the service stops, s
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    pub stop_seconds: Duration,
}

impl Limits {
    /// Maximum size of a request body, bytes.
    pub fn body_bytes(&self) -> usize {
        self.body_mib as usize * (1 << 20)
    }

    /// Maximum size of all request bodies, fetched recordings and model inputs in memory, bytes: at least one body and one clip of
    /// `clip_bytes`.
    pub fn memory_bytes(&self, clip_bytes: usize) -> usize {
        (self.memory_mib as usize * (1 << 20)).max(self.body_bytes() + clip_bytes)
    }

    /// Number of threads that decode recordings.
    pub fn n_decoders(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(2, |n| n.get());
        if self.decoders == 0 { cores.max(2) } else { self.decoders as usize }
    }
}

/// Parses a number of seconds, 0.01 to 3600.
fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.01..=3600.0).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err("out of range: 0.01 to 3600".into())
    }
}
