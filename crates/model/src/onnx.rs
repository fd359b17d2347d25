//! ONNX files. Third-party networks are recognised by the structure of their graph and not by names, because every exporter
//! invents its own.

pub(crate) mod constants;
pub(crate) mod file;
pub(crate) mod graph;
pub(crate) mod nodes;
pub(crate) mod proto;
pub(crate) mod values;
pub(crate) mod walk;
pub(crate) mod write;
