//! Decoders of packets: symphonia's, and that of Opus.

use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_OPUS};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::{Error as SymphoniaError, Result};
use symphonia::core::packet::Packet;

use super::opus;

/// A decoder of one stream.
pub(super) enum Decoder {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(opus::Decoder),
}

impl Decoder {
    /// # Errors
    /// Unsupported for other codecs; a decode error for damaged parameters.
    pub fn new(parameters: &AudioCodecParameters) -> Result<Self> {
        if parameters.codec == CODEC_ID_OPUS {
            let head = parameters.extra_data.as_deref().and_then(opus::Head::read);
            let head = head.ok_or(SymphoniaError::DecodeError("opus: no valid header"))?;
            return opus::Decoder::new(&head).map(Self::Opus);
        }
        let mut parameters = parameters.clone();
        if parameters.codec == CODEC_ID_AAC
            && let Some(core) = parameters.extra_data.as_deref().and_then(aac_core)
        {
            parameters.with_extra_data(core.into());
        }
        symphonia::default::get_codecs()
            .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
            .map(Self::Symphonia)
    }

    /// Short name of the codec.
    pub fn name(&self) -> &str {
        match self {
            Self::Symphonia(decoder) => decoder.codec_info().short_name,
            Self::Opus(_) => "opus",
        }
    }

    /// Decodes a packet into interleaved samples, full scale at ±1, without those that the packet says to remove. Returns
    /// their rate in Hz and the number of channels.
    ///
    /// # Errors
    /// A decode or I/O error if the packet is bad and others may be good, otherwise another error.
    pub fn decode(&mut self, packet: &Packet, interleaved: &mut Vec<f32>) -> Result<(u32, usize)> {
        match self {
            Self::Symphonia(decoder) => {
                let decoded = decoder.decode(packet)?;
                decoded.copy_to_vec_interleaved(interleaved);
                Ok((decoded.spec().rate(), decoded.spec().channels().count()))
            }
            Self::Opus(decoder) => {
                let n_channels = decoder.n_channels();
                let samples = decoder.decode(&packet.data)?;
                let padding = usize::try_from(packet.trim_end.get()).unwrap_or(usize::MAX).saturating_mul(n_channels);
                interleaved.clear();
                interleaved.extend_from_slice(&samples[..samples.len().saturating_sub(padding)]);
                Ok((opus::SAMPLE_RATE_HZ, n_channels))
            }
        }
    }
}

/// The configuration of HE-AAC's core, from that of HE-AAC (ISO/IEC 14496-3, section 1.6.2.1). `None` for other
/// configurations. Symphonia refuses HE-AAC; its core is AAC-LC at half the sample rate, without the upper half of the spectrum.
fn aac_core(configuration: &[u8]) -> Option<[u8; 2]> {
    const LOW_COMPLEXITY: u16 = 2;
    const SPECTRAL_BAND_REPLICATION: u16 = 5;
    const PARAMETRIC_STEREO: u16 = 29;
    // 5 bits of object type, 4 of the core's rate as an index, 4 of channels; 3 zeros follow for the core.
    let bits = u16::from_be_bytes(*configuration.first_chunk()?);
    let rate_is_an_index = bits >> 7 & 0xf != 0xf;
    let is_high_efficiency = [SPECTRAL_BAND_REPLICATION, PARAMETRIC_STEREO].contains(&(bits >> 11));
    (is_high_efficiency && rate_is_an_index).then_some(((LOW_COMPLEXITY << 11) + (bits & 0x7f8)).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Object type, index of the rate, channels, and 3 more bits.
    fn configuration(object: u16, rate: u16, channels: u16, rest: u16) -> [u8; 2] {
        (object << 11 | rate << 7 | channels << 3 | rest).to_be_bytes()
    }

    #[test]
    fn high_efficiency_aac_has_a_core_of_low_complexity_at_the_same_rate() {
        for (object, rate, channels, has_core) in
            [(5, 8, 1, true), (29, 8, 1, true), (5, 0, 2, true), (2, 8, 1, false), (4, 4, 2, false), (5, 15, 1, false)]
        {
            let core = has_core.then_some(configuration(2, rate, channels, 0));
            assert_eq!(aac_core(&configuration(object, rate, channels, 5)), core, "{object}, {rate}, {channels}");
        }
        assert_eq!(aac_core(&[0x2c]), None);
    }
}
