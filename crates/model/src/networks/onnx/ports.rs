//! The input and the output of a graph from elsewhere that are used.

use super::binding::GraphBinding;
use crate::error::Error;
use crate::onnx::proto::{FLOAT, Graph, Model, ValueInfo};
use crate::onnx::values::sizes;

/// The lowest version of ONNX's operators that is read: axes of `Squeeze` and `Unsqueeze`, and the meaning of `Softmax`, differ before.
pub(super) const OLDEST_OPSET: i64 = 13;

/// The input and the output that are used.
pub(super) struct Ports {
    pub input: String,
    pub output: String,
    /// Whether the graph takes one record at a time.
    pub one_record: bool,
}

impl Ports {
    /// Those that `binding` names, or the only ones, for records of `shape`.
    ///
    /// # Errors
    /// [`Error::Argument`] or [`Error::Unsupported`] that names the key of the configuration that is wrong.
    pub fn find(model: &Model, binding: &GraphBinding, shape: [usize; 2]) -> Result<Self, Error> {
        let no_graph = || Error::Malformed("not an ONNX file: it has no graph".into());
        let graph = model.graph.as_ref().ok_or_else(no_graph)?;
        let input = the_one("name", "input", &inputs(graph), binding.input.as_deref())?;
        let outputs: Vec<&ValueInfo> = graph.output.iter().collect();
        let output = the_one("output", "output", &outputs, binding.output.as_deref())?;
        for (what, value) in [("name", input), ("output", output)] {
            if element_type(value).is_some_and(|found| found != FLOAT) {
                let (name, found) = (&value.name, element_type(value).unwrap_or_default());
                return Err(Error::Unsupported(format!(
                    "backbone.input.{what}: `{name}` has element type {found}, not float32 (1): export the graph in float32"
                )));
            }
        }
        let n_channels = binding.normalisation.n_channels();
        if n_channels > 1 && n_channels != binding.layout.n_channels() {
            return Err(Error::Argument(format!(
                "backbone.input.mean: {n_channels} numbers for the {} channels of the layout `{}`",
                binding.layout.n_channels(),
                binding.layout
            )));
        }
        let one_record = check_sizes(input, binding, shape)?;
        Ok(Self { input: input.name.clone(), output: output.name.clone(), one_record })
    }
}

/// The inputs that are not constants.
pub(super) fn inputs(graph: &Graph) -> Vec<&ValueInfo> {
    let is_constant = |value: &ValueInfo| graph.initializer.iter().any(|tensor| tensor.name == value.name);
    graph.input.iter().filter(|value| !is_constant(value)).collect()
}

/// The declared element type.
pub(super) fn element_type(value: &ValueInfo) -> Option<i32> {
    value.kind.as_ref()?.tensor.as_ref().map(|tensor| tensor.elem_type)
}

/// The value called `name`, or the only one.
fn the_one<'a>(key: &str, what: &str, values: &[&'a ValueInfo], name: Option<&str>) -> Result<&'a ValueInfo, Error> {
    let names = || values.iter().map(|value| format!("`{}`", value.name)).collect::<Vec<_>>().join(", ");
    if what == "input" && values.len() > 1 {
        return Err(Error::Unsupported(format!(
            "the graph has the inputs {}: only one can be fed, so export it with constants for the others",
            names()
        )));
    }
    match name {
        Some(name) => values.iter().find(|value| value.name == name).copied().ok_or_else(|| {
            Error::Argument(format!("backbone.input.{key}: the graph has no {what} `{name}`: it has {}", names()))
        }),
        None => match values {
            [only] => Ok(only),
            _ => Err(Error::Argument(format!(
                "backbone.input.{key} is missing: the graph has {} {what}s: {}",
                values.len(),
                names()
            ))),
        },
    }
}

/// Fails unless the layout fits the declared sizes of `input`; returns whether it takes one record at a time.
fn check_sizes(input: &ValueInfo, binding: &GraphBinding, shape: [usize; 2]) -> Result<bool, Error> {
    let (layout, expected) = (&binding.layout, binding.layout.sizes(shape));
    let batch = layout.batch();
    let Some(declared) = sizes(input) else { return Ok(batch.is_none()) };
    let fits = |(declared, expected): (&Option<usize>, &Option<usize>)| match (declared, expected) {
        (Some(declared), Some(expected)) => declared == expected,
        _ => true,
    };
    if declared.len() != expected.len() || !declared.iter().zip(&expected).all(fits) {
        return Err(Error::Argument(format!(
            "backbone.input.layout: `{layout}` gives {}, but the graph's input `{}` takes {}",
            shape_text(&expected),
            input.name,
            shape_text(&declared)
        )));
    }
    match batch.and_then(|place| declared.get(place).copied().flatten()) {
        None => Ok(batch.is_none()),
        Some(1) => Ok(true),
        Some(n) => Err(Error::Unsupported(format!(
            "the graph's input `{}` takes {n} recordings at a time: export it for 1 or for any number",
            input.name
        ))),
    }
}

/// Sizes, with `?` where one is known only at run time.
pub(super) fn shape_text(sizes: &[Option<usize>]) -> String {
    let size = |size: &Option<usize>| size.map_or_else(|| "?".into(), |size| size.to_string());
    format!("[{}]", sizes.iter().map(size).collect::<Vec<String>>().join(", "))
}

/// The version of ONNX's operators in `model`, if it can be read.
///
/// # Errors
/// [`Error::Unsupported`] for an older version, and for functions of the file's own.
pub(super) fn check_versions(model: &Model) -> Result<i64, Error> {
    if let Some(function) = model.functions.first() {
        return Err(Error::Unsupported(format!(
            "the graph defines functions of its own, such as `{}`: inline them with onnx.inliner.inline_local_functions",
            function.name
        )));
    }
    match opset(model) {
        opset if opset >= OLDEST_OPSET => Ok(opset),
        opset => Err(Error::Unsupported(format!(
            "the graph has opset {opset}, and at least {OLDEST_OPSET} is read: export it again, or convert it with \
             onnx.version_converter.convert_version(model, 17)"
        ))),
    }
}

/// The version of ONNX's own operators; 1 if there is none.
pub(super) fn opset(model: &Model) -> i64 {
    let own = model.opset_import.iter().find(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
    own.map_or(1, |set| set.version)
}
