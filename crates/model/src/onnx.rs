//! ONNX files. A network from elsewhere is read by the shape of its graph and not by names, which every exporter makes up
//! differently.

mod constants;
pub(crate) mod file;
pub(crate) mod graph;
pub(crate) mod nodes;
pub(crate) mod proto;
pub(crate) mod walk;
pub(crate) mod write;
