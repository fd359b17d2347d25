//! Text as people's programs write it: files in UTF-8 or UTF-16, with or without a byte order mark, and accents composed or
//! decomposed.

use unicode_normalization::UnicodeNormalization;

/// The text in `bytes`, without its byte order mark.
///
/// # Errors
/// Which line is not text of a known encoding, and what to do.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, String> {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // Without a mark, an ASCII character of UTF-16 still has a zero byte, which no line of text has.
        [_, 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, _, ..] => utf16(bytes, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

/// The composed form (NFC) of `text`. macOS gives file names in decomposed form, with `é` as `e` and an accent, where tables have
/// the composed one.
pub(crate) fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// The decomposed form (NFD) of `text`.
pub(crate) fn decomposed(text: &str) -> String {
    text.nfd().collect()
}

/// Number of line ends in `text`: LF, CR LF or a lone CR.
pub(crate) fn count_line_ends(text: &[u8]) -> usize {
    let ends_line = |(index, byte): (usize, &u8)| match byte {
        b'\n' => true,
        b'\r' => text.get(index + 1) != Some(&b'\n'),
        _ => false,
    };
    text.iter().enumerate().filter(|byte| ends_line(*byte)).count()
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    std::str::from_utf8(bytes).map(String::from).map_err(|error| {
        let (before, after) = bytes.split_at(error.valid_up_to());
        format!(
            "line {}: byte 0x{:02X} is not UTF-8; the file is probably in Windows-1252 or Latin-1. Save it as \"CSV UTF-8\", \
             or convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW",
            1 + count_line_ends(before),
            after.first().copied().unwrap_or_default()
        )
    })
}

/// `unit` makes a number of the two bytes of a UTF-16 code unit.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = bytes.as_chunks();
    let mut text = String::with_capacity(pairs.len());
    for character in char::decode_utf16(pairs.iter().copied().map(unit)) {
        match character {
            Ok(character) => text.push(character),
            Err(_) => return Err(format!("line {}: it is not valid UTF-16", 1 + count_line_ends(text.as_bytes()))),
        }
    }
    match rest {
        [] => Ok(text),
        _ => Err("it ends in the middle of a UTF-16 character, so it was cut short".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_and_utf_16_are_read_with_and_without_a_mark() {
        let text = "class,path\r\nhungry,b\u{e9}b\u{e9} \u{1f476}.wav\r\n";
        let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let (little, big) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
        for (name, bytes) in [
            ("UTF-8", text.as_bytes().to_vec()),
            ("UTF-8 with a mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
            ("UTF-16LE with a mark", [b"\xff\xfe", &little[..]].concat()),
            ("UTF-16BE with a mark", [b"\xfe\xff", &big[..]].concat()),
            ("UTF-16LE", little.clone()),
            ("UTF-16BE", big),
        ] {
            assert_eq!(decode(&bytes).as_deref(), Ok(text), "{name}");
        }
        assert_eq!(decode(b"").as_deref(), Ok(""));
        let odd = decode(&little[..little.len() - 1]);
        assert!(odd.is_err_and(|reason| reason.contains("cut short")));
        let lone_surrogate = [b"\xff\xfe", &little[..24], &0xD800_u16.to_le_bytes(), &little[24..]].concat();
        assert!(decode(&lone_surrogate).is_err_and(|reason| reason.starts_with("line 2: ")));
    }

    #[test]
    fn another_encoding_is_named_with_its_line_and_the_way_out() {
        for line_end in ["\n", "\r\n", "\r"] {
            let bytes =
                [format!("class,path{line_end}tired,a.wav{line_end}tired,").as_bytes(), b"b\xe9b\xe9.wav"].concat();
            let reason = decode(&bytes).err().unwrap_or_default();
            for part in ["line 3: byte 0xE9", "Windows-1252", "iconv -f WINDOWS-1252 -t UTF-8"] {
                assert!(reason.contains(part), "{reason}");
            }
        }
    }
}
