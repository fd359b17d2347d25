//! Reads YAMNet from a TFLite file by following the graph, whatever the names of its tensors. The front end is skipped.

use super::raw::RawYamnet;
use crate::conv::ConvSpec;
use crate::error::Error;
use crate::tflite::{TfliteFile, node};

/// The convolutions in order, then the mean over height and width, then the classifier if there is one.
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
    Ok(RawYamnet { convs, classifier, weighting: None, crying: None })
}
