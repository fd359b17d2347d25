//! The codecs that need no demuxer: every block has the same size and gives the same number of samples.

use oxideav_gsm::{DecoderState, MSGSM_BLOCK_LEN, MSGSM_BLOCK_SAMPLES, UnpackedFrame};

use super::adpcm::{self, IMA_WAV_HEADER, Ima, MICROSOFT_HEADER, QUICKTIME_BLOCK, QUICKTIME_FRAMES};
use super::pcm::{Kind, Pcm, a_law, average, i16_sample, mu_law};

/// How samples are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Pcm(Pcm),
    MuLaw,
    ALaw,
    /// IMA ADPCM of WAV. Its blocks have at least the size of a header.
    ImaWav {
        block_bytes: usize,
    },
    /// IMA ADPCM of QuickTime, AIFF-C and CAF.
    ImaQuickTime,
    /// Microsoft's ADPCM, 1 or 2 channels. Its blocks have at least the size of a header.
    Microsoft {
        block_bytes: usize,
    },
    /// GSM 06.10 full rate in WAV, 1 channel.
    Gsm,
}

/// Appends the mono samples of whole blocks, of which the last of a file may be cut short. May change the bytes. False if
/// a block was bad; it is skipped.
pub(super) type Decode = Box<dyn FnMut(&mut [u8], &mut Vec<f32>) -> bool>;

impl Codec {
    /// IMA ADPCM of WAV; `None` if its blocks are too small.
    pub fn ima_wav(block_bytes: usize, n_channels: usize) -> Option<Self> {
        (block_bytes >= IMA_WAV_HEADER * n_channels).then_some(Self::ImaWav { block_bytes })
    }

    /// Microsoft's ADPCM; `None` if its blocks are too small, or for more than 2 channels.
    pub fn microsoft(block_bytes: usize, n_channels: usize) -> Option<Self> {
        (n_channels <= 2 && block_bytes >= MICROSOFT_HEADER * n_channels).then_some(Self::Microsoft { block_bytes })
    }

    /// GSM in WAV; `None` if its blocks have another size, or for more than 1 channel.
    pub fn gsm(block_bytes: usize, n_channels: usize) -> Option<Self> {
        (n_channels == 1 && block_bytes == MSGSM_BLOCK_LEN).then_some(Self::Gsm)
    }

    /// Short name, such as `pcm_s16le`.
    pub fn name(self) -> String {
        match self {
            Self::Pcm(Pcm { kind, width, big_endian, .. }) => {
                let kind = match kind {
                    Kind::Unsigned => 'u',
                    Kind::Signed => 's',
                    Kind::Float => 'f',
                };
                let order = match width {
                    1 => "",
                    _ if big_endian => "be",
                    _ => "le",
                };
                format!("pcm_{kind}{}{order}", 8 * width)
            }
            Self::MuLaw => "pcm_mulaw".into(),
            Self::ALaw => "pcm_alaw".into(),
            Self::ImaWav { .. } => "adpcm_ima_wav".into(),
            Self::ImaQuickTime => "adpcm_ima_qt".into(),
            Self::Microsoft { .. } => "adpcm_ms".into(),
            Self::Gsm => "gsm_ms".into(),
        }
    }

    /// Bits of a sample; `None` for lossy codecs.
    pub fn bits_per_sample(self) -> Option<u32> {
        match self {
            Self::Pcm(Pcm { bits, .. }) => Some(bits),
            _ => None,
        }
    }

    /// Bytes of a block, at least 1.
    pub fn block_bytes(self, n_channels: usize) -> usize {
        match self {
            Self::Pcm(Pcm { width, .. }) => width * n_channels,
            Self::MuLaw | Self::ALaw => n_channels,
            Self::ImaWav { block_bytes } | Self::Microsoft { block_bytes } => block_bytes,
            Self::ImaQuickTime => QUICKTIME_BLOCK * n_channels,
            Self::Gsm => MSGSM_BLOCK_LEN,
        }
    }

    /// Whether a block can be decoded without those before it.
    pub fn has_independent_blocks(self) -> bool {
        !matches!(self, Self::ImaQuickTime | Self::Gsm)
    }

    /// Frames in `n_bytes` of a block; at least 1 if they are the whole block.
    pub fn frames_in(self, n_bytes: usize, n_channels: usize) -> usize {
        let codes = |header: usize| n_bytes.checked_sub(header * n_channels);
        match self {
            Self::ImaWav { .. } => codes(IMA_WAV_HEADER).map_or(0, |bytes| 1 + bytes / (4 * n_channels) * 8),
            Self::Microsoft { .. } => codes(MICROSOFT_HEADER).map_or(0, |bytes| 2 + 2 * bytes / n_channels),
            Self::ImaQuickTime => n_bytes / self.block_bytes(n_channels) * QUICKTIME_FRAMES,
            Self::Gsm => n_bytes / MSGSM_BLOCK_LEN * MSGSM_BLOCK_SAMPLES,
            Self::Pcm(_) | Self::MuLaw | Self::ALaw => n_bytes / self.block_bytes(n_channels),
        }
    }

    /// A decoder for `n_channels`, at least 1.
    pub fn decoder(self, n_channels: usize) -> Decode {
        match self {
            Self::Pcm(mut pcm) => Box::new(move |bytes, mono| {
                pcm.decode(bytes, n_channels, mono);
                true
            }),
            Self::MuLaw => Box::new(move |bytes, mono| {
                average(bytes, n_channels, mu_law, mono);
                true
            }),
            Self::ALaw => Box::new(move |bytes, mono| {
                average(bytes, n_channels, a_law, mono);
                true
            }),
            Self::ImaWav { .. } => {
                self.in_blocks(n_channels, move |block, samples| adpcm::ima_wav_block(block, n_channels, samples))
            }
            Self::Microsoft { .. } => {
                self.in_blocks(n_channels, move |block, samples| adpcm::microsoft_block(block, n_channels, samples))
            }
            Self::ImaQuickTime => {
                let mut channels = vec![Ima::default(); n_channels];
                self.in_blocks(n_channels, move |block, samples| adpcm::quicktime_block(block, &mut channels, samples))
            }
            Self::Gsm => {
                let mut decoder = DecoderState::new();
                self.in_blocks(n_channels, move |block, samples| {
                    let (first, second) = UnpackedFrame::pair_from_msgsm_block(block).ok()?;
                    samples.extend(decoder.decode_frame(&first));
                    samples.extend(decoder.decode_frame(&second));
                    Some(())
                })
            }
        }
    }

    /// A decoder that gives `decode_block` one block after the other, without a last one that is too short for a sample.
    /// `decode_block` appends interleaved samples, or returns `None` if the block is bad.
    fn in_blocks(
        self,
        n_channels: usize,
        mut decode_block: impl FnMut(&[u8], &mut Vec<i16>) -> Option<()> + 'static,
    ) -> Decode {
        let mut samples = Vec::new();
        Box::new(move |bytes, mono| {
            let mut intact = true;
            let blocks = bytes.chunks(self.block_bytes(n_channels));
            for block in blocks.filter(|block| self.frames_in(block.len(), n_channels) > 0) {
                samples.clear();
                if decode_block(block, &mut samples).is_some() {
                    let mean = |frame: &[i16]| frame.iter().copied().map(i16_sample).sum::<f32>() / n_channels as f32;
                    mono.extend(samples.chunks_exact(n_channels).map(mean));
                } else {
                    intact = false;
                }
            }
            intact
        })
    }
}
