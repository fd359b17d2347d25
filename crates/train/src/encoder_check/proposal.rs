//! The table `[backbone.input]` that fits a graph.

use features::FeatureConfig;
use model::{GraphSummary, PortSummary};

use crate::config::{EncoderInput, InputKind};

/// A table, and what was assumed.
pub(super) struct Proposal {
    pub input: EncoderInput,
    pub features: FeatureConfig,
    pub assumptions: Vec<String>,
}

/// Rates and lengths of most speech and audio encoders.
const SAMPLE_RATE_HZ: u32 = 16_000;
const N_FFT: usize = 512;
const WINDOW_LENGTH: usize = 400;
const HOP_LENGTH: usize = 160;
/// A dimension of this size may be that of mel bands.
const BANDS: std::ops::RangeInclusive<usize> = 16..=512;
/// Mel bands and length of a clip where the graph leaves them open.
const DEFAULT_BANDS: usize = 64;
const DEFAULT_CLIP_SECONDS: f64 = 7.0;

/// The input of a graph: its layout, and its sizes where they are fixed.
struct Shape {
    kind: InputKind,
    layout: String,
    /// Samples, frames, or height.
    length: Option<usize>,
    bands: Option<usize>,
}

/// A table for the graph of `summary`, of the kind `kind` if that is given.
///
/// # Errors
/// Why there is none.
pub(super) fn propose(summary: &GraphSummary, kind: Option<InputKind>) -> Result<Proposal, String> {
    let [port] = &summary.inputs[..] else {
        let names: Vec<&str> = summary.inputs.iter().map(|port| port.name.as_str()).collect();
        return Err(format!(
            "the graph has {} inputs ({}), and one is needed: export it with constants for the others",
            names.len(),
            names.join(", ")
        ));
    };
    let shape = shape(port, kind)?;
    let mut input = EncoderInput { layout: Some(shape.layout), ..EncoderInput::of_kind(shape.kind) };
    let mut assumptions = Vec::new();
    if port.sizes.is_empty() {
        assumptions.push("The graph declares no shape: the layout is a guess.".to_owned());
    }
    let mut clip_seconds = None;
    match shape.kind {
        InputKind::Waveform => {
            input.sample_rate_hz = Some(SAMPLE_RATE_HZ);
            assumptions.push("A guess: the sample rate. Take what the encoder was trained with.".into());
            clip_seconds = shape.length.map(|samples| samples as f64 / f64::from(SAMPLE_RATE_HZ));
        }
        InputKind::LogMel => {
            input.sample_rate_hz = Some(SAMPLE_RATE_HZ);
            input.window_length = Some(WINDOW_LENGTH);
            input.n_fft = Some(N_FFT);
            input.hop_length = Some(HOP_LENGTH);
            input.n_mels = Some(shape.bands.unwrap_or(DEFAULT_BANDS));
            input.n_frames = shape.length;
            assumptions
                .push("A guess: the settings of the spectrogram. Take those that the encoder was trained with.".into());
            let seconds = |frames: usize| (frames - 1) as f64 * HOP_LENGTH as f64 / f64::from(SAMPLE_RATE_HZ);
            clip_seconds = shape.length.map(seconds);
        }
        InputKind::Image => {
            input.image_size = shape.length;
            assumptions.push("Networks of ImageNet may want normalise = \"fixed\" with their mean and std.".into());
        }
    }
    if let [first, _, ..] = &summary.outputs[..] {
        input.output = Some(first.name.clone());
        assumptions.push("The graph has several outputs: this is the first.".into());
    }
    let clip_seconds = clip_seconds.unwrap_or(DEFAULT_CLIP_SECONDS).clamp(0.5, 60.0);
    let features = FeatureConfig { clip_seconds, ..input.front_end().into() };
    Ok(Proposal { input, features, assumptions })
}

/// Reads the declared sizes of the input as those of the kind `kind`, or of the kind that they look like.
fn shape(port: &PortSummary, kind: Option<InputKind>) -> Result<Shape, String> {
    let is = |wanted| kind.is_none_or(|kind| kind == wanted);
    let waveform =
        |layout: &str, length| Shape { kind: InputKind::Waveform, layout: layout.into(), length, bands: None };
    let image = |layout: String, length| Shape { kind: InputKind::Image, layout, length, bands: None };
    let may_be_bands = |size: Option<usize>| size.is_some_and(|size| BANDS.contains(&size));
    let log_mel = |before: &str, [first, second]: [Option<usize>; 2]| {
        // Bands are fixed, mostly a multiple of 8, and fewer than frames.
        let is_odd = |size: Option<usize>| size.is_none_or(|size| !size.is_multiple_of(8));
        let bands_first =
            may_be_bands(first) && (!may_be_bands(second) || (is_odd(first), first) < (is_odd(second), second));
        let (layout, length, bands) = match bands_first {
            true => ("bands,frames", second, first),
            false => ("frames,bands", first, second),
        };
        Shape { kind: InputKind::LogMel, layout: format!("{before}{layout}"), length, bands }
    };
    match port.sizes[..] {
        [] if is(InputKind::Waveform) => Ok(waveform("batch,samples", None)),
        [] if is(InputKind::LogMel) => Ok(log_mel("batch,1,", [None, Some(DEFAULT_BANDS)])),
        [] => Ok(image("batch,3,height,width".into(), None)),
        [samples] if is(InputKind::Waveform) => Ok(waveform("samples", samples)),
        [frames, bands] if is(InputKind::LogMel) && (kind.is_some() || frames > Some(1) && may_be_bands(bands)) => {
            Ok(log_mel("", [frames, bands]))
        }
        [_, samples] if is(InputKind::Waveform) => Ok(waveform("batch,samples", samples)),
        [_, Some(1), samples] if is(InputKind::Waveform) && (kind.is_some() || !may_be_bands(samples)) => {
            Ok(waveform("batch,1,samples", samples))
        }
        [_, first, second] if is(InputKind::LogMel) => Ok(log_mel("batch,", [first, second])),
        [_, Some(n @ (1 | 3)), height, width]
            if is(InputKind::Image) && (n == 3 || kind.is_some() || height == width) =>
        {
            Ok(image(format!("batch,{n},height,width"), height))
        }
        [_, height, _, Some(n @ 3)] if is(InputKind::Image) => Ok(image(format!("batch,height,width,{n}"), height)),
        [_, n, first, second] if is(InputKind::LogMel) => {
            Ok(log_mel(&format!("batch,{},", n.unwrap_or(1)), [first, second]))
        }
        _ => Err(format!("the graph's input `{}` takes {}, which is no such input", port.name, port.shape())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(sizes: &[usize], kind: Option<InputKind>) -> Result<EncoderInput, String> {
        let sizes = sizes.iter().map(|size| (*size > 0).then_some(*size)).collect();
        let port = |name: &str, sizes| PortSummary { name: name.into(), sizes, is_float32: true };
        let (inputs, outputs) = (vec![port("x", sizes)], vec![port("y", vec![])]);
        let summary = GraphSummary { opset: 17, n_nodes: 1, inputs, outputs, unsupported: vec![], refusal: None };
        propose(&summary, kind).map(|proposal| proposal.input)
    }

    #[test]
    fn the_sizes_of_a_graph_decide_kind_and_layout() {
        // 0 stands for a size that is not fixed.
        for (sizes, kind, expected, layout) in [
            (&[][..], None, InputKind::Waveform, "batch,samples"),
            (&[0], None, InputKind::Waveform, "samples"),
            (&[0, 0], None, InputKind::Waveform, "batch,samples"),
            (&[1, 16000], None, InputKind::Waveform, "batch,samples"),
            (&[96, 64], None, InputKind::LogMel, "frames,bands"),
            (&[0, 1, 0], None, InputKind::Waveform, "batch,1,samples"),
            (&[1, 1024, 128], None, InputKind::LogMel, "batch,frames,bands"),
            (&[0, 80, 3000], None, InputKind::LogMel, "batch,bands,frames"),
            (&[0, 1, 0, 64], None, InputKind::LogMel, "batch,1,frames,bands"),
            (&[0, 1, 51, 64], None, InputKind::LogMel, "batch,1,frames,bands"),
            (&[0, 1, 128, 998], None, InputKind::LogMel, "batch,1,bands,frames"),
            (&[0, 3, 224, 224], None, InputKind::Image, "batch,3,height,width"),
            (&[0, 224, 224, 3], None, InputKind::Image, "batch,height,width,3"),
            (&[0, 1, 112, 112], None, InputKind::Image, "batch,1,height,width"),
            (&[0, 1, 64, 64], Some(InputKind::LogMel), InputKind::LogMel, "batch,1,frames,bands"),
        ] {
            let input = proposed(sizes, kind).unwrap_or_else(|message| panic!("{sizes:?}: {message}"));
            assert_eq!((input.kind, input.layout.as_deref()), (expected, Some(layout)), "{sizes:?}");
        }
        assert!(proposed(&[1, 2, 3, 4, 5], None).is_err_and(|message| message.contains("[1, 2, 3, 4, 5]")));
        assert!(proposed(&[0, 0], Some(InputKind::Image)).is_err());
    }

    #[test]
    fn fixed_sizes_decide_bands_frames_and_image_size() {
        let log_mel = proposed(&[1, 1024, 128], None).unwrap_or_else(|message| panic!("{message}"));
        assert_eq!((log_mel.n_mels, log_mel.n_frames), (Some(128), Some(1024)));
        let image = proposed(&[0, 3, 160, 160], None).unwrap_or_else(|message| panic!("{message}"));
        assert_eq!(image.image_size, Some(160));
    }
}
