//! Sound that a container stores in blocks of a fixed size: uncompressed, companded, ADPCM and GSM.

use std::io::{Read, Seek, SeekFrom};

use super::codec::Codec;
use super::extent::Extent;
use crate::Error;
use crate::decode::audio::{DecodedStream, Source, Warning};
use crate::decode::input::{Input, Meter};
use crate::decode::limits;
use crate::decode::output::Output;

/// Bytes of sound that are read at once, rounded up to whole blocks: a quarter of a second of a stream of 16 kHz.
const CHUNK_BYTES: usize = 1 << 13;

/// Where the sound of a file is and how it is coded.
pub(in crate::decode) struct Stored {
    /// Short name of the container.
    pub(super) container: &'static str,
    pub(super) format: Format,
    pub(super) extent: Extent,
}

/// How the sound is coded. Its rate and channels are accepted ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    pub codec: Codec,
    pub sample_rate_hz: u32,
    pub n_channels: usize,
}

impl Stored {
    /// Decodes at most the first `seconds`, without the blocks before the part that `output` forwards.
    pub fn decode(
        &self,
        input: &mut Input<impl Read + Seek>,
        meter: &Meter,
        seconds: f64,
        output: &mut Output,
    ) -> Result<DecodedStream, Error> {
        let Format { codec, sample_rate_hz, n_channels } = &self.format;
        let (sample_rate_hz, n_channels) = (*sample_rate_hz, *n_channels);
        let block = codec.block_bytes(n_channels);
        let wanted = limits::n_frames(sample_rate_hz, n_channels, seconds)?;
        let frames_in_block = codec.frames_in(block, n_channels);
        let blocks = wanted.div_ceil(frames_in_block) as u64;
        let end = self.extent.n_bytes.min(blocks.saturating_mul(block as u64));
        let skipped =
            if codec.has_independent_blocks() { output.part().start(sample_rate_hz) / frames_in_block } else { 0 };
        let skipped = (skipped as u64).min(self.extent.n_bytes / block as u64);
        output.skip(skipped as usize * frames_in_block, sample_rate_hz);
        let skipped_bytes = skipped * block as u64;
        let mut left = end.saturating_sub(skipped_bytes);
        input.seek(SeekFrom::Start(self.extent.at + skipped_bytes))?;
        meter.allow(left);
        let mut decode = codec.decoder(n_channels);
        let mut chunk = vec![0; left.min(CHUNK_BYTES.next_multiple_of(block) as u64) as usize];
        let (mut mono, mut intact, mut cut) = (Vec::new(), true, false);
        while left > 0 && !cut && !output.has_ended() {
            let wanted = left.min(chunk.len() as u64);
            chunk.clear();
            cut = input.by_ref().take(wanted).read_to_end(&mut chunk)? < wanted as usize;
            mono.clear();
            intact &= decode(&mut chunk, &mut mono);
            output.put(&mono, sample_rate_hz);
            left -= chunk.len() as u64;
        }
        if !intact && output.n_samples() == 0 {
            return Err(Error::Malformed("no part of it can be decoded".into()));
        }
        let source = Source {
            container: self.container.into(),
            codec: codec.name(),
            n_channels,
            bits_per_sample: codec.bits_per_sample(),
            n_frames: Some(self.n_frames()),
        };
        let found = [(self.extent.truncated || cut, Warning::Truncated), (!intact, Warning::Damaged)];
        let warnings = found.into_iter().filter_map(|(found, warning)| found.then_some(warning)).collect();
        Ok(DecodedStream { n_samples: 0, sample_rate_hz, source, warnings })
    }

    /// Whether any block can be decoded without those before it.
    pub fn starts_anywhere(&self) -> bool {
        self.format.codec.has_independent_blocks()
    }

    /// Frames in the whole file.
    fn n_frames(&self) -> u64 {
        let Format { codec, n_channels, .. } = &self.format;
        let frames_in = |n_bytes| codec.frames_in(n_bytes, *n_channels) as u64;
        let block = codec.block_bytes(*n_channels);
        let rest = (self.extent.n_bytes % block as u64) as usize;
        self.extent.n_bytes / block as u64 * frames_in(block) + frames_in(rest)
    }
}
