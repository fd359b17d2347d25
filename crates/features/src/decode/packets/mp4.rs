//! What symphonia does not say about an MP4 file (ISO/IEC 14496-12): its edit lists, and the codecs that it does not know.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use super::demuxer::Duration;
use super::unsupported;
use crate::Error;
use crate::decode::input::Input;

/// Most boxes that are looked at in one box.
const MAX_BOXES: usize = 1024;
/// Most bytes of a box that are read.
const MAX_BYTES: u64 = 1 << 20;

/// The audio tracks of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mp4 {
    tracks: Vec<AudioTrack>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct AudioTrack {
    id: u32,
    /// Four-letter code of the codec.
    codec: [u8; 4],
    edit: Option<Edit>,
}

/// The part of a track that is its sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    /// Decoded sound before it: what the encoder put there, or what was cut off.
    pub start: Duration,
    /// `None` if it is not limited.
    pub length: Option<Duration>,
}

impl Mp4 {
    /// Reads the headers, and leaves the cursor at the start. `None` if this is not an MP4 file; `start` holds its first
    /// bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a file without an index, such as one whose end is missing.
    pub fn read<R: Read + Seek>(input: &mut Input<'_, R>, start: &[u8]) -> Result<Option<Self>, Error> {
        if start.get(4..8) != Some(b"ftyp") {
            return Ok(None);
        }
        let length = input.length();
        let top = boxes(input, 0..length);
        let tracks = top.and_then(|top| {
            let end = end(input, &top)?;
            input.set_length(end);
            read_tracks(input, &top)
        });
        input.rewind()?;
        match tracks {
            Ok(Some(tracks)) => Ok(Some(Self { tracks })),
            // A disk error is reported as such, whatever is returned here.
            Ok(None) | Err(_) => Err(Error::Malformed(
                "its index (the moov box) is missing: the end of the file was cut off, or recording it was interrupted"
                    .into(),
            )),
        }
    }

    /// The edit list of the track `id`, or else its gaps as iTunes writes them.
    pub fn edit(&self, id: u32) -> Option<Edit> {
        self.tracks.iter().find(|track| track.id == id)?.edit
    }

    /// Why none of the audio tracks is decoded.
    pub fn not_decoded(&self) -> Error {
        let Some(track) = self.tracks.first() else { return unsupported::no_audio_track() };
        Error::not_decoded(match &track.codec {
            b"samr" => "AMR narrow-band",
            b"sawb" | b"sawp" => "AMR wide-band",
            b"ac-3" => "AC-3 (Dolby Digital)",
            b"ec-3" => "E-AC-3 (Dolby Digital Plus)",
            b"ac-4" => "AC-4",
            b"sqcp" => "QCELP",
            b"sevc" => "EVRC",
            b"QDM2" => "QDesign Music",
            b"agsm" => "GSM in MP4",
            b"drms" | b"enca" => "sound with copy protection",
            code => {
                let code: String = code.iter().map(|byte| char::from(*byte)).filter(char::is_ascii_graphic).collect();
                return Error::not_decoded(&format!("the codec {code:?} in MP4"));
            }
        })
    }
}

/// A box: its four-letter code and its content.
type Box = ([u8; 4], Range<u64>);

/// Where a file with the boxes `top` ends: at the end of the last one, also where that is cut short, which symphonia would
/// refuse, and also where zeros follow, which symphonia would read.
fn end(input: &mut Input<'_, impl Read + Seek>, top: &[Box]) -> io::Result<u64> {
    let end = top.iter().map(|(_, content)| content.end).max().unwrap_or_default();
    let mut after = Vec::new();
    input.seek(SeekFrom::Start(end))?;
    input.by_ref().take(8).read_to_end(&mut after)?;
    Ok(if after.iter().all(|byte| *byte == 0) { end } else { input.length() })
}

/// Audio tracks in the index, one of the boxes in `top`; `None` without an index.
fn read_tracks(input: &mut (impl Read + Seek), top: &[Box]) -> io::Result<Option<Vec<AudioTrack>>> {
    if !top.iter().any(|(code, _)| code == b"moov") {
        return Ok(None);
    }
    let movie = children(input, top, b"moov")?;
    let header = read(input, &movie, b"mvhd")?;
    let movie_scale = timescale(&header);
    let user_data = read(input, &movie, b"udta")?;
    let mut tracks = Vec::new();
    for (_, content) in movie.into_iter().filter(|(code, _)| code == b"trak") {
        if let Some(track) = read_track(input, content, movie_scale, &user_data)? {
            tracks.push(track);
        }
    }
    Ok(Some(tracks))
}

fn read_track(
    input: &mut (impl Read + Seek),
    content: Range<u64>,
    movie_scale: u32,
    user_data: &[u8],
) -> io::Result<Option<AudioTrack>> {
    let track = boxes(input, content)?;
    let media = children(input, &track, b"mdia")?;
    let handler = read(input, &media, b"hdlr")?;
    if handler.get(8..12) != Some(b"soun") {
        return Ok(None);
    }
    let header = read(input, &track, b"tkhd")?;
    // The times before the number have 32 or 64 bits.
    let id = u32_at(&header, if header.first() == Some(&1) { 20 } else { 12 }).unwrap_or_default();
    let media_scale = timescale(&read(input, &media, b"mdhd")?);
    let information = children(input, &media, b"minf")?;
    let samples = children(input, &information, b"stbl")?;
    let descriptions = read(input, &samples, b"stsd")?;
    let codec = descriptions.get(12..16).and_then(|code| code.try_into().ok()).unwrap_or_default();
    let edits = children(input, &track, b"edts")?;
    let edit_list = read(input, &edits, b"elst")?;
    let edit = edit_list_edit(&edit_list, movie_scale, media_scale).or_else(|| itunes_edit(user_data, media_scale));
    Ok(Some(AudioTrack { id, codec, edit }))
}

/// The edit list: where the sound starts in the media and how long it is. Empty edits, which shift the track in time, are
/// left out. `None` without a list.
fn edit_list_edit(list: &[u8], movie_scale: u32, media_scale: u32) -> Option<Edit> {
    let long = list.first()? == &1;
    let entry_bytes = if long { 20 } else { 12 };
    let entries = list.get(8..)?.chunks_exact(entry_bytes).take(u32_at(list, 4)? as usize);
    let mut edits = entries.filter_map(|entry| {
        let (length, start) = if long {
            (u64_at(entry, 0)?, u64_at(entry, 8)? as i64)
        } else {
            (u64::from(u32_at(entry, 0)?), i64::from(u32_at(entry, 4)? as i32))
        };
        u64::try_from(start).ok().map(|start| (start, length))
    });
    let (start, length) = edits.next()?;
    // A length of 0 stands for all, in fragmented files. Further edits would have to be joined: all is used.
    let limited = length > 0 && edits.next().is_none();
    Some(Edit {
        start: Duration { ticks: start, ticks_per_second: media_scale },
        length: limited.then_some(Duration { ticks: length, ticks_per_second: movie_scale }),
    })
}

/// The gaps that iTunes and others write as text: hexadecimal numbers, of which the second is the delay and the fourth the
/// length of the sound.
fn itunes_edit(user_data: &[u8], media_scale: u32) -> Option<Edit> {
    let after = |bytes: &[u8], name: &[u8]| {
        bytes.windows(name.len()).position(|window| window == name).map(|at| at + name.len())
    };
    let value = user_data.get(after(user_data, b"iTunSMPB")?..)?;
    // The name of the box is followed by its type and language.
    let text = value.get(after(value, b"data")? + 8..)?;
    let text: String = text.iter().take(96).map(|byte| char::from(*byte)).collect();
    let mut numbers = text.split_ascii_whitespace().map(|number| u64::from_str_radix(number, 16).ok());
    let (delay, length) = (numbers.nth(1)??, numbers.nth(1)??);
    let ticks = |ticks| Duration { ticks, ticks_per_second: media_scale };
    (delay < 1 << 14 && length > 0).then_some(Edit { start: ticks(delay), length: Some(ticks(length)) })
}

/// Ticks per second of a movie's or a medium's header.
fn timescale(header: &[u8]) -> u32 {
    u32_at(header, if header.first() == Some(&1) { 20 } else { 12 }).unwrap_or_default()
}

/// The boxes that begin in `range`, up to the first damaged one. Their content may end beyond the end of the file.
fn boxes(input: &mut (impl Read + Seek), range: Range<u64>) -> io::Result<Vec<Box>> {
    let mut found = Vec::new();
    let mut at = range.start;
    while found.len() < MAX_BOXES && at.saturating_add(8) <= range.end {
        input.seek(SeekFrom::Start(at))?;
        let mut header = Vec::new();
        input.by_ref().take(16).read_to_end(&mut header)?;
        let (Some(size), Some(code)) = (u32_at(&header, 0), header.get(4..8)) else { break };
        let (header_bytes, size) = match size {
            0 => (8, range.end - at),
            1 => (16, u64_at(&header, 8).unwrap_or_default()),
            size => (8, u64::from(size)),
        };
        if size < header_bytes || header.starts_with(&[0; 8]) {
            break;
        }
        let end = at.saturating_add(size);
        found.push((code.try_into().unwrap_or_default(), at.saturating_add(header_bytes)..end));
        at = end;
    }
    Ok(found)
}

/// The boxes in the box `code` among `boxes`; none if it is missing.
fn children(input: &mut (impl Read + Seek), siblings: &[Box], code: &[u8; 4]) -> io::Result<Vec<Box>> {
    match siblings.iter().find(|(other, _)| other == code) {
        Some((_, content)) => boxes(input, content.clone()),
        None => Ok(Vec::new()),
    }
}

/// The content of the box `code` among `siblings`, at most [`MAX_BYTES`]; empty if it is missing.
fn read(input: &mut (impl Read + Seek), siblings: &[Box], code: &[u8; 4]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if let Some((_, range)) = siblings.iter().find(|(other, _)| other == code) {
        input.seek(SeekFrom::Start(range.start))?;
        input.by_ref().take((range.end.saturating_sub(range.start)).min(MAX_BYTES)).read_to_end(&mut content)?;
    }
    Ok(content)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// An edit list of version 0: length and start of each edit.
    fn list(edits: &[(u32, i32)]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0];
        bytes.extend((edits.len() as u32).to_be_bytes());
        for (length, start) in edits {
            bytes.extend(length.to_be_bytes());
            bytes.extend(start.to_be_bytes());
            bytes.extend([0, 1, 0, 0]);
        }
        bytes
    }

    fn boxes_in(bytes: &[u8], range: Range<u64>) -> Vec<([u8; 4], Range<u64>)> {
        boxes(&mut io::Cursor::new(bytes), range).unwrap()
    }

    #[test]
    fn boxes_end_where_their_size_says_or_with_the_range() {
        let mut bytes = b"....\0\0\0\x0aonesXX\0\0\0\x01twos\0\0\0\0\0\0\0\x12YY\0\0\0\x00restZZZ".to_vec();
        let found = [(*b"ones", 12..14), (*b"twos", 30..32), (*b"rest", 40..43)];
        assert_eq!(boxes_in(&bytes, 4..43), found);
        assert_eq!(boxes_in(&bytes, 4..40)[..2], found[..2]);
        assert_eq!(boxes_in(&bytes, 4..39), found[..2], "no room for a header");
        // A box as small as its header, one that claims to be smaller, and zeros.
        bytes[35] = 8;
        assert_eq!(boxes_in(&bytes, 4..43)[2], (*b"rest", 40..40));
        bytes[35] = 7;
        assert_eq!(boxes_in(&bytes, 4..43), found[..2]);
        bytes[32..40].fill(0);
        assert_eq!(boxes_in(&bytes, 4..43), found[..2]);
        let many = b"\0\0\0\x08free".repeat(MAX_BOXES + 1);
        assert_eq!(boxes_in(&many, 0..many.len() as u64).len(), MAX_BOXES);
    }

    #[test]
    fn edit_lists_say_where_the_sound_starts_and_ends() {
        let edit = |start, length: Option<u64>| {
            Some(Edit {
                start: Duration { ticks: start, ticks_per_second: 8000 },
                length: length.map(|ticks| Duration { ticks, ticks_per_second: 1000 }),
            })
        };
        let cases = [
            (list(&[(6940, 1024)]), edit(1024, Some(6940))),
            (list(&[(500, -1), (6940, 1024)]), edit(1024, Some(6940))),
            (list(&[(0, 1024)]), edit(1024, None)),
            (list(&[(10, 0), (20, 80_000)]), edit(0, None)),
            (list(&[(500, -1)]), None),
            (list(&[]), None),
            (vec![], None),
        ];
        for (list, expected) in cases {
            assert_eq!(edit_list_edit(&list, 1000, 8000), expected, "{list:?}");
        }
        let mut long = vec![1, 0, 0, 0, 0, 0, 0, 1];
        long.extend(6940_u64.to_be_bytes());
        long.extend(2112_u64.to_be_bytes());
        long.extend([0, 1, 0, 0]);
        assert_eq!(edit_list_edit(&long, 1000, 8000), edit(2112, Some(6940)));
    }

    #[test]
    fn the_gaps_of_itunes_are_read() {
        let gaps = b"....mean....com.apple.iTunes....name....iTunSMPB....data\0\0\0\x01\0\0\0\0 00000000 00000840 000001CA 00000000003F31F6 00000000";
        let ticks = |ticks| Duration { ticks, ticks_per_second: 44_100 };
        assert_eq!(itunes_edit(gaps, 44_100), Some(Edit { start: ticks(0x840), length: Some(ticks(0x3f_31f6)) }));
        assert_eq!(itunes_edit(&gaps[..90], 44_100), None);
        let short = |delay: &str, length: &str| {
            let value = format!("iTunSMPB....data\0\0\0\x01\0\0\0\0 00000000 {delay} 00000000 {length} 00000000");
            itunes_edit(value.as_bytes(), 44_100)
        };
        assert_eq!(short("00003FFF", "1"), Some(Edit { start: ticks(0x3fff), length: Some(ticks(1)) }));
        assert_eq!(short("00004000", "1"), None, "a delay of more than a third of a second");
        assert_eq!(short("00000000", "0"), None, "no sound");
        assert_eq!(itunes_edit(b"", 44_100), None);
    }
}
