//! Adaptive differential PCM, 4 bits per sample: IMA (IMA Digital Audio Focus and Technical Working Group, 1992) as WAV
//! and as QuickTime, AIFF-C and CAF store it, and Microsoft's. The samples are those of ffmpeg.

/// IMA: steps between levels.
const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107,
    118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963,
    1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894,
    6484, 7132, 7845, 8630, 9493, 10_442, 11_487, 12_635, 13_899, 15_289, 16_818, 18_500, 20_350, 22_385, 24_623,
    27_086, 29_794, 32_767,
];
/// IMA: how many steps larger the next step is, by the code without its sign.
const STEP_CHANGES: [i32; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];

/// Bytes of a channel at the start of an IMA block of WAV: its first sample, its step, a zero.
pub(super) const IMA_WAV_HEADER: usize = 4;
/// Bytes of a channel in a QuickTime block: a header of 2, then [`QUICKTIME_FRAMES`] codes.
pub(super) const QUICKTIME_BLOCK: usize = 34;
/// Samples of a channel in a QuickTime block.
pub(super) const QUICKTIME_FRAMES: usize = 64;
/// Bytes of a channel at the start of a Microsoft block: its predictor, its step, its first two samples.
pub(super) const MICROSOFT_HEADER: usize = 7;

/// A channel of an IMA decoder.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ima {
    predictor: i32,
    step_index: usize,
}

impl Ima {
    /// `None` if there is no such step.
    fn new(predictor: i16, step_index: usize) -> Option<Self> {
        (step_index < STEPS.len()).then_some(Self { predictor: predictor.into(), step_index })
    }

    /// The next sample, `difference` away from the last one.
    fn next(&mut self, code: u8, difference: impl Fn(i32, i32) -> i32) -> i16 {
        let magnitude = i32::from(code & 7);
        let difference = difference(STEPS[self.step_index], magnitude);
        let predictor = self.predictor + if code & 8 == 0 { difference } else { -difference };
        self.predictor = predictor.clamp(i16::MIN.into(), i16::MAX.into());
        let step_index = self.step_index as i32 + STEP_CHANGES[magnitude as usize];
        self.step_index = step_index.clamp(0, STEPS.len() as i32 - 1) as usize;
        self.predictor as i16
    }

    /// `(magnitude + 1/2) * step / 4`, rounded down.
    fn next_of_wav(&mut self, code: u8) -> i16 {
        self.next(code, |step, magnitude| ((2 * magnitude + 1) * step) >> 3)
    }

    /// The same with each product rounded down, as in the specification.
    fn next_of_quicktime(&mut self, code: u8) -> i16 {
        self.next(code, |step, magnitude| {
            (step >> 3) + (magnitude >> 2) * step + (magnitude >> 1 & 1) * (step >> 1) + (magnitude & 1) * (step >> 2)
        })
    }
}

/// Appends the interleaved samples of an IMA block of WAV, which may be cut short. `None` if its header is bad.
pub(super) fn ima_wav_block(block: &[u8], n_channels: usize, samples: &mut Vec<i16>) -> Option<()> {
    let (header, groups) = block.split_at_checked(IMA_WAV_HEADER * n_channels)?;
    let mut channels = Vec::new();
    for [low, high, step_index, _] in header.as_chunks().0 {
        let first = i16::from_le_bytes([*low, *high]);
        channels.push(Ima::new(first, usize::from(*step_index))?);
        samples.push(first);
    }
    // A group holds 8 codes of the first channel, then 8 of the next.
    for group in groups.chunks_exact(4 * n_channels) {
        let start = samples.len();
        samples.resize(start + 8 * n_channels, 0);
        for (channel, (state, codes)) in channels.iter_mut().zip(group.chunks_exact(4)).enumerate() {
            let places = samples[start + channel..].iter_mut().step_by(n_channels);
            for (place, code) in places.zip(low_nibble_first(codes)) {
                *place = state.next_of_wav(code);
            }
        }
    }
    Some(())
}

/// Appends the interleaved samples of a whole QuickTime block. `channels` keeps their state from block to block. `None` if
/// a header is bad.
pub(super) fn quicktime_block(block: &[u8], channels: &mut [Ima], samples: &mut Vec<i16>) -> Option<()> {
    let n_channels = channels.len();
    let start = samples.len();
    samples.resize(start + QUICKTIME_FRAMES * n_channels, 0);
    for (channel, (state, bytes)) in channels.iter_mut().zip(block.chunks_exact(QUICKTIME_BLOCK)).enumerate() {
        // The upper 9 bits of the predictor, then the step.
        let (predictor, step_index) = (i16::from_be_bytes([bytes[0], bytes[1] & 0x80]), usize::from(bytes[1] & 0x7f));
        let announced = Ima::new(predictor, step_index)?;
        // The running predictor is more precise as long as it agrees.
        let agrees = state.step_index == step_index && state.predictor.abs_diff(announced.predictor) <= 0x7f;
        if !agrees {
            *state = announced;
        }
        let places = samples[start + channel..].iter_mut().step_by(n_channels);
        for (place, code) in places.zip(low_nibble_first(&bytes[2..])) {
            *place = state.next_of_quicktime(code);
        }
    }
    Some(())
}

fn low_nibble_first(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().flat_map(|byte| [byte & 0x0f, byte >> 4])
}

/// Microsoft: weights of the last two samples, in 256ths, by predictor.
const WEIGHTS: [(i32, i32); 7] = [(256, 0), (512, -256), (0, 0), (192, 64), (240, 0), (460, -208), (392, -232)];
/// Microsoft: growth of the step, in 256ths, by code.
const STEP_GROWTH: [i32; 16] = [230, 230, 230, 230, 307, 409, 512, 614, 768, 614, 512, 409, 307, 230, 230, 230];

/// A channel of a Microsoft decoder.
struct Microsoft {
    weights: (i32, i32),
    step: i32,
    last: i32,
    last_but_one: i32,
}

impl Microsoft {
    fn next(&mut self, code: u8) -> i16 {
        // Cannot overflow: 16 bits times 9, and a step of at most 22 bits times 4.
        let predictor = (self.last * self.weights.0 + self.last_but_one * self.weights.1) / 256;
        let sample = predictor + (i32::from(code) - if code & 8 == 0 { 0 } else { 16 }) * self.step;
        self.last_but_one = self.last;
        self.last = sample.clamp(i16::MIN.into(), i16::MAX.into());
        self.step = ((STEP_GROWTH[usize::from(code)] * self.step) >> 8).clamp(16, i32::MAX / 768);
        self.last as i16
    }
}

/// Appends the interleaved samples of a block of Microsoft's ADPCM, which may be cut short; 1 or 2 channels. `None` if its
/// header is bad.
pub(super) fn microsoft_block(block: &[u8], n_channels: usize, samples: &mut Vec<i16>) -> Option<()> {
    let (header, codes) = block.split_at_checked(MICROSOFT_HEADER * n_channels)?;
    let (predictors, numbers) = header.split_at(n_channels);
    // The steps of all channels, then their second samples, then their first ones.
    let number = |i: usize| i32::from(i16::from_le_bytes(numbers.as_chunks().0[i]));
    let mut channels = Vec::new();
    for (channel, predictor) in predictors.iter().enumerate() {
        channels.push(Microsoft {
            weights: *WEIGHTS.get(usize::from(*predictor))?,
            step: number(channel),
            last: number(n_channels + channel),
            last_but_one: number(2 * n_channels + channel),
        });
    }
    samples.extend(channels.iter().map(|channel| channel.last_but_one as i16));
    samples.extend(channels.iter().map(|channel| channel.last as i16));
    let codes = codes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    samples.extend(codes.enumerate().map(|(i, code)| channels[i % n_channels].next(code)));
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The state of the block before is kept where the block's header, with 9 bits of the predictor, agrees with it.
    #[test]
    fn a_header_of_quicktime_that_disagrees_is_followed() {
        let first = |predictor: i32, step_index: usize, announced: u16| {
            let mut block = [0; QUICKTIME_BLOCK];
            block[..2].copy_from_slice(&announced.to_be_bytes());
            let mut samples = Vec::new();
            quicktime_block(&block, &mut [Ima { predictor, step_index }], &mut samples).unwrap();
            samples[0]
        };
        // Code 0 adds an eighth of the step: 10 / 8 with index 3, 50 / 8 with index 20.
        assert_eq!([first(100, 3, 3), first(127, 3, 3), first(-127, 3, 3)], [101, 128, -126]);
        assert_eq!([first(128, 3, 3), first(5000, 3, 3), first(0, 3, 20), first(100, 3, 20)], [1, 1, 6, 6]);
        assert_eq!(first(0, 3, 0x1f80 | 20), 0x1f80 + 6);
    }

    /// Microsoft's weights of the last two samples: a line is continued, half of it, and so on.
    #[test]
    fn each_predictor_of_microsoft_has_its_weights() {
        for (predictor, expected) in [(0, 1000), (1, 1100), (2, 0), (3, 975), (4, 937), (5, 1065), (6, 715)] {
            // Step 16, then the last sample, then the one before it, and two codes of 0.
            let mut block = vec![predictor];
            block.extend([16_i16, 1000, 900].map(i16::to_le_bytes).concat());
            block.push(0);
            let mut samples = Vec::new();
            microsoft_block(&block, 1, &mut samples).unwrap();
            assert_eq!(samples[..3], [900, 1000, expected], "predictor {predictor}");
        }
        assert!(microsoft_block(&[7; 8], 1, &mut Vec::new()).is_none());
    }

    /// The specification limits the index of the step to 0 to 88, and samples to 16 bits.
    #[test]
    fn the_largest_and_the_smallest_step_are_not_exceeded() {
        let mut loud = Ima::new(0, 88).unwrap();
        // 15/8 of the largest step, then as far as 16 bits reach, then back by 61438.
        assert_eq!([7, 7, 7, 15].map(|code| loud.next_of_wav(code)), [32_767, 32_767, 32_767, -28_671]);
        let mut quiet = Ima::new(0, 0).unwrap();
        // An eighth of the smallest step is rounded to 0.
        assert_eq!([0, 8, 0, 8].map(|code| quiet.next_of_wav(code)), [0; 4]);
        assert!(Ima::new(0, 89).is_none());
    }
}
