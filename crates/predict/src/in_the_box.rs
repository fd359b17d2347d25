//! The built-in model: `models/wail-compact`.

/// Name of the model.
pub const NAME: &str = "wail-compact";

/// The ONNX file, for [`model::parse_model`].
pub const MODEL: &[u8] = include_bytes!("../../../models/wail-compact/model.onnx");

/// The model card, Markdown.
pub const CARD: &str = include_str!("../../../models/wail-compact/MODEL_CARD.md");
