//! Bytes that are not UTF-8, within text.
//!
//! Old configurations have comments in Latin-1, and passwords that are just bytes. Text is
//! UTF-8, so such a byte is read as a stand-in: one of the last private-use characters, which
//! nobody writes. Where the bytes count they are had back; elsewhere they are refused.

/// The stand-in of byte 0; those of 0x80 to 0xff are used.
const FIRST: u32 = 0x0010_ff00;

/// The UTF-8 text of some bytes, with stand-ins for those that are none.
pub(crate) fn decode(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.into_bytes(),
    };
    let mut text = String::with_capacity(bytes.len() + 64);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(
            chunk.invalid().iter().filter_map(|byte| char::from_u32(FIRST + u32::from(*byte))),
        );
    }
    text
}

/// The bytes that a text was read from.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match byte_of(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The byte that a character stands in for.
pub(crate) fn byte_of(c: char) -> Option<u8> {
    u32::from(c)
        .checked_sub(FIRST)
        .and_then(|byte| u8::try_from(byte).ok())
        .filter(|byte| *byte >= 0x80)
}

/// Where in a text the bytes are that were not UTF-8.
pub(crate) fn stand_ins(text: &str) -> impl Iterator<Item = usize> {
    // All stand-ins begin with this byte, which few texts have.
    let may = text.as_bytes().contains(&0xf4);
    let chars = if may { text } else { "" }.char_indices();
    chars.filter(|(_, c)| byte_of(*c).is_some()).map(|(at, _)| at)
}

/// A text to show, with U+FFFD for what is no text.
pub(crate) fn shown(text: String) -> String {
    if stand_ins(&text).next().is_none() {
        return text;
    }
    text.chars().map(|c| byte_of(c).map_or(c, |_| char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        for bytes in [&b"abc"[..], b"", b"p\xe4ss", b"\xff\x80", "ä€\u{fffd}".as_bytes(), b"\xc3"]
        {
            let text = decode(bytes.to_vec());
            assert_eq!(encode(&text), bytes);
            assert_eq!(stand_ins(&text).count() > 0, std::str::from_utf8(bytes).is_err());
        }
        assert_eq!(shown(decode(b"p\xe4\xf6s".to_vec())), "p\u{fffd}\u{fffd}s");
    }
}
