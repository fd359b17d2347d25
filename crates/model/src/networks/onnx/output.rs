//! From the output of a graph to frames or an embedding, as nodes.

use crate::error::Error;
use crate::onnx::nodes::Nodes;

/// The output of an adapted graph for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// `[batch, d]`.
    Embedding(usize),
    /// `[batch, t, d]`.
    Frames([usize; 2]),
}

impl Output {
    /// The output of a graph whose value for one record has the shape `found`, with or without a batch. `time_is_first` tells whether
    /// time is the first axis of feature maps.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other shapes.
    pub fn of_shape(found: &[usize], has_batch: bool, time_is_first: bool) -> Result<Self, Error> {
        let of_record = match (has_batch, found) {
            (true, [1, rest @ ..]) => rest,
            (true, _) => &[],
            (false, all) => all,
        };
        match *of_record {
            [d] if d > 0 => Ok(Self::Embedding(d)),
            [t, d] if t * d > 0 => Ok(Self::Frames([t, d])),
            [d, height, width] if d * height * width > 0 => {
                Ok(Self::Frames([if time_is_first { height } else { width }, d]))
            }
            _ => {
                let n = if has_batch { "n = 1" } else { "no n" };
                Err(Error::Unsupported(format!(
                    "backbone.input.output: the output has the shape {found:?} for one recording: it must be [n, d], [n, t, d] or \
                     [n, d, height, width] with {n}; choose another output"
                )))
            }
        }
    }

    /// Length of an embedding.
    pub fn n_outputs(self) -> usize {
        match self {
            Self::Embedding(d) | Self::Frames([_, d]) => d,
        }
    }

    /// The sizes of the output after the batch.
    pub fn sizes(self) -> Vec<usize> {
        match self {
            Self::Embedding(d) => vec![d],
            Self::Frames([t, d]) => vec![t, d],
        }
    }

    /// Adds the nodes from the value `x`, whose shape for one record is `found`, to the value named `output`: `[batch, d]` or
    /// `[batch, t, d]`.
    pub fn adapt(
        self,
        nodes: &mut Nodes,
        (x, found): (&str, &[usize]),
        has_batch: bool,
        time_is_first: bool,
        output: &str,
    ) {
        let x = match (found, has_batch) {
            ([_, d, height, width], true) | ([d, height, width], false) => {
                let maps = [-1, *d as i64, *height as i64, *width as i64];
                let x = if has_batch { x.into() } else { nodes.reshape(x, &maps, "adapter.maps") };
                let frequency = if time_is_first { 3 } else { 2 };
                let x = nodes.mean_over(&x, &[frequency], false, "adapter.frequency_mean"); // [batch, d, t]
                nodes.transpose(&x, &[0, 2, 1], "adapter.frames")
            }
            _ => x.into(),
        };
        let sizes: Vec<i64> = self.sizes().into_iter().map(|size| size as i64).collect();
        nodes.reshape(&x, &[&[-1], &sizes[..]].concat(), output);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_embeddings_frames_or_feature_maps() {
        for (found, has_batch, expected) in [
            (&[1, 5][..], true, Output::Embedding(5)),
            (&[1, 4, 5], true, Output::Frames([4, 5])),
            (&[1, 5, 2, 4], true, Output::Frames([4, 5])),
            (&[5], false, Output::Embedding(5)),
            (&[4, 5], false, Output::Frames([4, 5])),
            (&[5, 2, 4], false, Output::Frames([4, 5])),
        ] {
            assert_eq!(Output::of_shape(found, has_batch, false).unwrap(), expected);
            assert_eq!(expected.n_outputs(), 5);
        }
        assert_eq!(Output::of_shape(&[1, 5, 4, 2], true, true).unwrap(), Output::Frames([4, 5]));
        for found in [&[][..], &[2, 5], &[1], &[1, 0], &[1, 2, 3, 4, 5]] {
            let message = Output::of_shape(found, true, false).unwrap_err().to_string();
            assert!(message.contains("backbone.input.output") && message.contains(&format!("{found:?}")), "{message}");
        }
    }
}
