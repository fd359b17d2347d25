//! Who is told what a run does: the terminal, TensorBoard, MLflow.
//!
//! ```text
//! sweep ─Event─▶ Watchers ─▶ Terminal
//!                         └▶ Queued ─bounded queue, own thread─▶ TensorBoard, Mlflow
//! ```
//! A sink that is slow or down neither stops nor slows the run: what does not fit into its queue is dropped, and `wail track`
//! sends it later from the files of the run.

mod crc32c;
mod event_file;
mod mlflow;
mod mlflow_client;
mod queue;
pub mod run_files;
pub mod sink;
pub mod target;
mod tensorboard;
pub mod terminal;
pub mod watch;
