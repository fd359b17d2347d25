//! The model that comes with the program: `models/wail-compact`, as it was when the program was built.

/// What it is called.
pub const NAME: &str = "wail-compact";

/// Its file, as [`model::parse_model`] reads it.
pub const MODEL: &[u8] = include_bytes!("../../../models/wail-compact/model.onnx");

/// Its description, Markdown.
pub const CARD: &str = include_str!("../../../models/wail-compact/MODEL_CARD.md");
