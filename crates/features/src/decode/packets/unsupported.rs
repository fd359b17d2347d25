//! Names of what is not decoded, with the way out.

use std::io::ErrorKind;

use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AC3, CODEC_ID_AC4, CODEC_ID_DCA, CODEC_ID_EAC3, CODEC_ID_SPEEX, CODEC_ID_WMA,
};
use symphonia::core::errors::Error as SymphoniaError;

use super::demuxer::Track;
use crate::Error;

/// Formats and codecs by the bytes that files start with.
const SIGNATURES: [(&[u8], &str); 17] = [
    (b"#!AMR-WB", "AMR wide-band"),
    (b"#!AMR", "AMR narrow-band"),
    (&[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11], "Windows Media Audio (WMA, ASF)"),
    (&[0x0b, 0x77], "AC-3 (Dolby Digital)"),
    (b"ADIF", "AAC with an ADIF header"),
    (b"wvPK", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"TTA1", "True Audio (TTA)"),
    (b".RMF", "RealAudio"),
    (b".ra\xfd", "RealAudio"),
    (b"DSD ", "DSD"),
    (b"FRM8", "DSD"),
    (b"riff\x2e\x91\xcf\x11", "Wave64 (W64)"),
    (b"MThd", "MIDI"),
    (&[0x7f, 0xfe, 0x80, 0x01], "DTS"),
];

/// Whether a file that begins with `start` says that it is of another format than MPEG audio.
pub(super) fn has_signature(start: &[u8]) -> bool {
    const READ: [&[u8]; 8] = [b"RIFF", b"RF64", b"BW64", b"FORM", b"fLaC", b"OggS", b"caff", b".snd"];
    let is_adts = matches!(start, [0xff, second, ..] if second & 0xf6 == 0xf0);
    is_adts
        || start.get(4..8) == Some(b"ftyp")
        || READ.iter().any(|signature| start.starts_with(signature))
        || SIGNATURES.iter().any(|(signature, _)| start.starts_with(signature))
}

/// The error for a container without an audio track.
pub(super) fn no_audio_track() -> Error {
    Error::Unsupported("the file has no audio track".into())
}

/// Why a file that begins with `start` was not opened.
pub(super) fn container(start: &[u8], error: &SymphoniaError) -> Error {
    let signature = SIGNATURES.iter().find(|(signature, _)| start.starts_with(signature));
    // The first packet of a logical stream names its codec.
    let speex = start.starts_with(b"OggS") && start.get(28..36) == Some(b"Speex   ");
    match signature {
        Some((_, name)) => Error::not_decoded(name),
        None if speex => Error::not_decoded("Speex"),
        None => classify(error),
    }
}

/// Why no decoder was made for the codec of `track`.
pub(super) fn codec(track: &Track, error: &SymphoniaError) -> Error {
    let known = [
        (CODEC_ID_AC3, "AC-3 (Dolby Digital)"),
        (CODEC_ID_EAC3, "E-AC-3 (Dolby Digital Plus)"),
        (CODEC_ID_AC4, "AC-4"),
        (CODEC_ID_DCA, "DTS"),
        (CODEC_ID_SPEEX, "Speex"),
        (CODEC_ID_WMA, "Windows Media Audio (WMA)"),
    ];
    match (error, known.iter().find(|(codec, _)| *codec == track.parameters.codec)) {
        (SymphoniaError::Unsupported(_), Some((_, name))) => Error::not_decoded(name),
        (SymphoniaError::Unsupported(what), None) => {
            Error::not_decoded(&format!("its kind of sound ({}, {what})", track.container))
        }
        (e, _) => classify(e),
    }
}

/// The error of this crate for one of symphonia's.
pub(super) fn classify(error: &SymphoniaError) -> Error {
    match error {
        SymphoniaError::Unsupported(what) => Error::Unsupported(format!(
            "not a sound file of a supported format (wav, aiff, au, caf, flac, mp3, ogg, opus, webm, m4a, aac): {what}; if it is \
             one of another format, convert it to WAV: ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav"
        )),
        SymphoniaError::LimitError(what) => Error::Limit((*what).into()),
        SymphoniaError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            Error::Malformed("it ends inside its header, or is not a sound file".into())
        }
        e => Error::Malformed(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use symphonia::core::codecs::audio::AudioCodecParameters;
    use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;

    use super::super::demuxer::Duration;
    use super::*;

    #[test]
    fn files_of_other_formats_than_mpeg_audio_have_a_signature() {
        let signatures: [&[u8]; 6] =
            [&[0xff, 0xf1], &[0xff, 0xf9, 0x50], b"....ftypM4A ", b"OggS", b"#!AMR\n", b"RIFF"];
        for start in signatures {
            assert!(has_signature(start), "{start:x?}");
        }
        let others: [&[u8]; 7] =
            [&[0xff, 0xfb, 0x90], &[0xff, 0xe3], &[0xff], b"", b"....ftyx", b"ID3\x04", &[0xfe, 0xf1, 0x50]];
        for start in others {
            assert!(!has_signature(start), "{start:x?}");
        }
    }

    #[test]
    fn codecs_without_a_decoder_are_named() {
        let message = |codec, error: &SymphoniaError| {
            let mut parameters = AudioCodecParameters::new();
            parameters.for_codec(codec);
            let delay = Duration::default();
            codec_error(&Track { container: "test", parameters, n_frames: None, delay, length: None }, error)
        };
        let unsupported = SymphoniaError::Unsupported("why");
        assert!(message(CODEC_ID_DCA, &unsupported).starts_with("DTS is not decoded"));
        assert!(message(CODEC_ID_WMA, &unsupported).starts_with("Windows Media Audio (WMA) is not decoded"));
        assert!(message(CODEC_ID_FLAC, &unsupported).starts_with("its kind of sound (test, why) is not decoded"));
        assert!(message(CODEC_ID_DCA, &SymphoniaError::DecodeError("why")).contains("damaged"));
    }

    fn codec_error(track: &Track, error: &SymphoniaError) -> String {
        codec(track, error).to_string()
    }

    #[test]
    fn the_end_of_a_file_is_told_from_other_errors() {
        let message = |kind: ErrorKind| classify(&SymphoniaError::IoError(kind.into())).to_string();
        assert!(message(ErrorKind::UnexpectedEof).contains("it ends inside its header"));
        assert!(!message(ErrorKind::TimedOut).contains("it ends inside its header"));
        assert!(matches!(classify(&SymphoniaError::LimitError("")), Error::Limit(_)));
        assert!(matches!(classify(&SymphoniaError::DecodeError("")), Error::Malformed(_)));
        assert!(matches!(classify(&SymphoniaError::Unsupported("")), Error::Unsupported(_)));
    }
}
