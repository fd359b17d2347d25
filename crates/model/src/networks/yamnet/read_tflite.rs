//! YAMNet from a TFLite file, found by following the graph, whatever its tensors are called. The front end before it is not read.

use super::raw::RawYamnet;
use crate::conv::ConvSpec;
use crate::error::Error;
use crate::tflite::{TfliteFile, node};

/// The convolutions of the graph, one after the other, then the mean over height and width, and the classifier if one follows.
pub(super) fn yamnet(file: &TfliteFile, specs: Vec<ConvSpec>) -> Result<RawYamnet, Error> {
    let found = file.convolutions();
    if found.len() != specs.len() {
        return Err(Error::Unsupported(format!("{} convolutions, YAMNet has {}", found.len(), specs.len())));
    }
    let mut x = None;
    let mut convs = Vec::new();
    for (operator, spec) in found.into_iter().zip(specs) {
        if x.is_some() && x != operator.input() {
            return Err(node(&spec.name, "it does not follow the convolution before it"));
        }
        convs.push(file.conv(operator, spec)?);
        x = operator.output();
    }
    let classifier = file.linear_after(file.mean_after(x)?.output(), "classifier")?;
    Ok(RawYamnet { convs, classifier, pooling: None })
}
