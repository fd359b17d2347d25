//! What one client, and all of them together, may take.

use std::time::Duration;

/// What one client, and all of them together, may take; also the command line's options for it.
#[derive(Debug, Clone, clap::Args)]
pub struct Limits {
    /// Largest request body, MiB
    #[arg(long, value_name = "MIB", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub body_mib: u32,
    /// Most bodies held at once, MiB; beyond it requests are answered 503
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub memory_mib: u32,
    /// Most recordings that wait or are worked on; beyond it requests are answered 503
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub queue: u32,
    /// Most connections; further ones wait to be accepted
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub connections: u32,
    /// Threads that decode recordings; 0 takes one for each core, and at least 2
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1024))]
    pub decoders: u32,
    /// Longest that a client may take for the head of a request, or stay idle between two, s
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub head_seconds: Duration,
    /// Longest that a client may take to send a body, s
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    pub body_seconds: Duration,
    /// Longest that an answer may take once the body is there, s; then it is 503
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    pub answer_seconds: Duration,
    /// Longest to wait for requests in flight when told to stop, s
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    pub stop_seconds: Duration,
}

impl Limits {
    /// Largest request body, bytes.
    pub fn body_bytes(&self) -> usize {
        self.body_mib as usize * (1 << 20)
    }

    /// Most bytes of bodies held at once.
    pub fn memory_bytes(&self) -> usize {
        (self.memory_mib as usize * (1 << 20)).max(self.body_bytes())
    }

    /// Threads that decode recordings.
    pub fn n_decoders(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(2, |n| n.get());
        if self.decoders == 0 { cores.max(2) } else { self.decoders as usize }
    }
}

/// A number of seconds, 0.01 to 3600.
fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if (0.01..=3600.0).contains(&value) { Ok(Duration::from_secs_f64(value)) } else { Err("it is 0.01 to 3600".into()) }
}
