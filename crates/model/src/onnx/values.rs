//! The inputs and outputs of a graph.

use super::proto::{Dimension, FLOAT, Shape, Size, TensorType, Type, ValueInfo};

/// The input of a single network.
pub(crate) const INPUT: &str = "input";

/// A float32 value of shape `[batch, sizes...]`, of any number of records or of one.
pub(crate) fn value(name: &str, one_record: bool, sizes: &[usize]) -> ValueInfo {
    let batch = if one_record { Size::Fixed(1) } else { Size::Named("batch".into()) };
    let sizes = sizes.iter().map(|n| Size::Fixed(*n as i64));
    let dim = [batch].into_iter().chain(sizes).map(|size| Dimension { size: Some(size) });
    let tensor = TensorType { elem_type: FLOAT, shape: Some(Shape { dim: dim.collect() }) };
    ValueInfo { name: name.into(), kind: Some(Type { tensor: Some(tensor) }) }
}

/// The sizes of a value: `None` where a size is known only at run time, and for a value without a declared shape.
pub(crate) fn sizes(value: &ValueInfo) -> Option<Vec<Option<usize>>> {
    let shape = value.kind.as_ref()?.tensor.as_ref()?.shape.as_ref()?;
    let size = |dimension: &Dimension| match dimension.size {
        Some(Size::Fixed(size)) => usize::try_from(size).ok().filter(|size| *size > 0),
        _ => None,
    };
    Some(shape.dim.iter().map(size).collect())
}
