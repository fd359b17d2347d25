//! Charts as inline SVG.

pub(crate) mod distribution;
pub(crate) mod occlusion;
pub(crate) mod svg;
pub(crate) mod xy;
