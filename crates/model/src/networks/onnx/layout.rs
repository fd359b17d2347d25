//! The dimensions of the tensor that a graph takes.

use std::fmt;

use crate::error::Error;

/// The dimensions of the tensor that a graph takes, such as `batch,1,frames,bands`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    axes: Vec<Axis>,
    /// The axis that is time.
    time: Axis,
    text: String,
}

/// A dimension. Its number is its place in a record, `[batch, channels, rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// One for each record. A graph without it takes one record at a time.
    Batch,
    /// As many copies of the record.
    Channels(usize),
    /// Rows of a record: the frames of a spectrogram, the height of an image.
    Rows,
    /// Columns of a record: samples, the bands of a spectrogram, the width of an image.
    Columns,
    /// Of size 1.
    One,
}

/// Most copies of a record.
const MAX_CHANNELS: usize = 16;

impl Layout {
    /// Reads a layout for the input `input`: `waveform` has `samples`, `log_mel` has `frames` and `bands`, and `image` has `height`
    /// and `width`, each once. `batch` may be absent; a number above 1 stands for as many copies of the input.
    ///
    /// # Errors
    /// [`Error::Argument`] that says what is missing or wrong.
    pub fn parse(text: &str, input: &str) -> Result<Self, Error> {
        let [rows, columns] = match input {
            "waveform" => ["", "samples"],
            "log_mel" => ["frames", "bands"],
            _ => ["height", "width"],
        };
        let names: Vec<&str> = [rows, columns].into_iter().filter(|name| !name.is_empty()).collect();
        let wrong = |problem: String| {
            Error::Argument(format!(
                "`{text}`: {problem}; dimensions are batch, {} and numbers, such as {}",
                names.join(", "),
                default_text(input)
            ))
        };
        let axis = |name: &str| match name {
            "batch" => Ok(Axis::Batch),
            "1" => Ok(Axis::One),
            _ if name == columns => Ok(Axis::Columns),
            _ if name == rows && !rows.is_empty() => Ok(Axis::Rows),
            _ => match name.parse() {
                Ok(n) if (2..=MAX_CHANNELS).contains(&n) => Ok(Axis::Channels(n)),
                _ => Err(wrong(format!("`{name}` is no dimension of the input {input}"))),
            },
        };
        let axes: Vec<Axis> = text.split(',').map(|name| axis(name.trim())).collect::<Result<_, _>>()?;
        let count = |wanted: fn(&Axis) -> bool| axes.iter().filter(|axis| wanted(axis)).count();
        if count(|axis| matches!(axis, Axis::Columns)) != 1
            || count(|axis| matches!(axis, Axis::Rows)) != usize::from(!rows.is_empty())
        {
            return Err(wrong(format!("{} must occur once", names.join(" and "))));
        }
        if count(|axis| matches!(axis, Axis::Batch)) > 1 || count(|axis| matches!(axis, Axis::Channels(_))) > 1 {
            return Err(wrong("batch and a number above 1 may occur once".into()));
        }
        let time = if input == "log_mel" { Axis::Rows } else { Axis::Columns };
        Ok(Self { axes, time, text: text.into() })
    }

    /// The usual layout of the input `input`.
    ///
    /// # Errors
    /// As [`Layout::parse`].
    pub fn usual(input: &str) -> Result<Self, Error> {
        Self::parse(default_text(input), input)
    }

    pub(super) fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Place of the batch; `None` if the graph takes one record at a time.
    pub(super) fn batch(&self) -> Option<usize> {
        self.axes.iter().position(|axis| *axis == Axis::Batch)
    }

    /// Whether time comes before frequency.
    pub(super) fn time_is_first(&self) -> bool {
        self.axes.iter().find(|axis| matches!(axis, Axis::Rows | Axis::Columns)) == Some(&self.time)
    }

    /// Copies of the record.
    pub(super) fn n_channels(&self) -> usize {
        let channels = |axis: &Axis| if let Axis::Channels(n) = axis { Some(*n) } else { None };
        self.axes.iter().find_map(channels).unwrap_or(1)
    }

    /// The size of each dimension for records of `[rows, columns]`; `None` for the batch.
    pub(super) fn sizes(&self, [rows, columns]: [usize; 2]) -> Vec<Option<usize>> {
        let size = |axis: &Axis| match axis {
            Axis::Batch => None,
            Axis::Channels(n) => Some(*n),
            Axis::Rows => Some(rows),
            Axis::Columns => Some(columns),
            Axis::One => Some(1),
        };
        self.axes.iter().map(size).collect()
    }
}

fn default_text(input: &str) -> &'static str {
    match input {
        "waveform" => "batch,samples",
        "log_mel" => "batch,1,frames,bands",
        _ => "batch,3,height,width",
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn layouts_name_each_dimension_once() {
        let layout = Layout::parse("batch, 3,bands,frames", "log_mel").unwrap();
        assert_eq!(layout.axes(), [Axis::Batch, Axis::Channels(3), Axis::Columns, Axis::Rows]);
        assert_eq!((layout.batch(), layout.n_channels()), (Some(0), 3));
        assert_eq!(layout.sizes([7, 9]), [None, Some(3), Some(9), Some(7)]);
        assert_eq!(Layout::parse("samples", "waveform").unwrap().batch(), None);
        for input in ["waveform", "log_mel", "image"] {
            assert!(Layout::usual(input).is_ok(), "{input}");
        }
        for (text, input, expected) in [
            ("batch,frames", "log_mel", "frames and bands must occur once"),
            ("batch,samples,samples", "waveform", "samples must occur once"),
            ("batch,batch,samples", "waveform", "may occur once"),
            ("batch,2,3,height,width", "image", "may occur once"),
            ("batch,frames,bands", "image", "`frames` is no dimension of the input image"),
            ("batch,0,samples", "waveform", "`0` is no dimension"),
            ("batch,,samples", "waveform", "`` is no dimension"),
        ] {
            let message = Layout::parse(text, input).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
