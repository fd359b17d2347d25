//! A sweep in shards on a cluster: the jobs that prepare, train the shards and merge them, for each scheduler.
//!
//! ```
//! use submit::{Division, kubernetes};
//!
//! let division = Division { shards: 8, parallel: 4, retry_failed: false };
//! let place = kubernetes::Place { image: "registry.example/wail".into(), claim: "cries".into(), resources: Vec::new() };
//! let sweep = ["--config", kubernetes::CONFIG].map(String::from);
//! let manifest = kubernetes::manifest("cv", "[data.split]\nkind = \"cross_validation\"\n", &sweep, division, &place);
//! assert!(manifest.contains("  name: cv-shards\n") && manifest.contains("  parallelism: 4\n"));
//! ```

mod error;
pub mod kubernetes;
pub mod slurm;
mod steps;

pub use error::Error;
pub use steps::Division;
