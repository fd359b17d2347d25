//! A sweep in shards on a cluster: the jobs that prepare, train the shards and merge them, for each scheduler.

pub mod kubernetes;
pub mod slurm;
mod steps;

pub use steps::Division;
