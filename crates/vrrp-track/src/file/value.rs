//! The number in a file, as C's `strtol` with base 0 reads it.

/// How much of a file counts.
pub const VALUE_MAX_BYTES: usize = 127;

/// Why a file's text is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It does not start with a number.
    #[error("`{0}` is not a number")]
    NotANumber(String),
    /// Its number does not fit into 32 bits with sign.
    #[error("`{0}` is outside -2147483648 to 2147483647")]
    OutOfRange(String),
}

/// The value that `text` means: its first number, decimal, octal (`010`) or hexadecimal (`0x10`), after
/// optional blanks and a sign. What follows is ignored; blank text is 0; at most the first
/// [`VALUE_MAX_BYTES`] bytes count.
///
/// ```
/// use vrrp_track::file::parse_value;
/// assert_eq!(parse_value(b" -0x20\n"), Ok(-32));
/// assert_eq!(parse_value(b"5 6"), Ok(5));
/// assert_eq!(parse_value(b""), Ok(0));
/// assert!(parse_value(b"five").is_err());
/// ```
///
/// # Errors
/// The text starts with something else than a number, or the number does not fit.
pub fn parse_value(text: &[u8]) -> Result<i32, ValueError> {
    let text = &text[..text.len().min(VALUE_MAX_BYTES)];
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let start = text.iter().position(|&byte| !is_space(byte)).unwrap_or(text.len());
    let text = &text[start..];
    if text.is_empty() {
        return Ok(0);
    }
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (radix, digits) = split_radix(unsigned);
    let magnitude =
        magnitude(radix, digits).ok_or_else(|| ValueError::NotANumber(excerpt(text)))?;
    let signed = if negative { -magnitude } else { magnitude };
    i32::try_from(signed).map_err(|_| ValueError::OutOfRange(excerpt(text)))
}

/// C's `isspace` in the C locale, which has the vertical tab that Rust's ASCII whitespace lacks.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// `0x` counts only before a hexadecimal digit: `0xg` is the number 0 followed by junk.
fn split_radix(text: &[u8]) -> (u32, &[u8]) {
    match text {
        [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
            (16, rest)
        }
        [b'0', ..] => (8, text),
        _ => (10, text),
    }
}

/// The digits' value, `None` without any. It stops growing far outside 32 bits: it must not wrap around.
fn magnitude(radix: u32, text: &[u8]) -> Option<i64> {
    let digits = text.iter().map_while(|&byte| char::from(byte).to_digit(radix));
    digits.map(i64::from).fold(None, |sum, digit| {
        Some(sum.unwrap_or(0).saturating_mul(i64::from(radix)).saturating_add(digit))
    })
}

/// The start of the text for a message: one line, printable.
fn excerpt(text: &[u8]) -> String {
    const EXCERPT_MAX_BYTES: usize = 32;
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line[..line.len().min(EXCERPT_MAX_BYTES)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_strtol_does() {
        #[rustfmt::skip]
        let cases: [(&str, i32); 20] = [
            ("5", 5), ("5\n", 5), ("-5", -5), ("+5", 5), (" \t\n\x0b\x0c\r 7", 7), ("5 6", 5), ("12abc", 12),
            ("0x20", 32), ("0X2f", 47), ("-0x10", -16), ("010", 8), ("-010", -8), ("08", 0), ("0", 0), ("0xg", 0),
            ("0x", 0), ("0b1", 0), ("2147483647", i32::MAX), ("-2147483648", i32::MIN), ("-0x80000000", i32::MIN),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_value(text.as_bytes()), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn blank_text_is_zero() {
        for text in ["", "\n", " \t ", "\0 5"] {
            assert_eq!(parse_value(text.as_bytes()), Ok(0), "{text:?}");
        }
    }

    #[test]
    fn text_that_is_no_number_is_named() {
        for text in ["five", "-", "+", "--5", "- 5", "x5", ".5", "\u{e9}"] {
            assert!(
                matches!(parse_value(text.as_bytes()), Err(ValueError::NotANumber(_))),
                "{text:?}"
            );
        }
        let error = parse_value(b"on\xff fire\nsecond line").unwrap_err();
        assert_eq!(error.to_string(), r"`on\xff fire` is not a number");
    }

    #[test]
    fn numbers_outside_32_bits_are_refused() {
        for text in [
            "2147483648",
            "-2147483649",
            "0x100000000",
            "99999999999999999999999999",
            "-0777777777777",
        ] {
            assert!(
                matches!(parse_value(text.as_bytes()), Err(ValueError::OutOfRange(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn only_the_first_127_bytes_count() {
        let padded = |blanks: usize| format!("{}12", " ".repeat(blanks));
        assert_eq!(parse_value(padded(125).as_bytes()), Ok(12));
        assert_eq!(parse_value(padded(126).as_bytes()), Ok(1), "the second digit is byte 128");
        assert_eq!(parse_value(padded(127).as_bytes()), Ok(0));
    }

    proptest! {
        #[test]
        fn any_number_survives_in_any_notation(value: i32, junk in "[ \n][a-z0-9 ]{0,20}") {
            let (sign, magnitude) = if value < 0 { ("-", value.unsigned_abs()) } else { ("", value as u32) };
            for text in [
                format!("{value}{junk}"),
                format!("\t{sign}{magnitude:#x}{junk}"),
                format!("{sign}0{magnitude:o}{junk}"),
            ] {
                prop_assert_eq!(parse_value(text.as_bytes()), Ok(value), "{}", text);
            }
        }

        #[test]
        fn any_bytes_give_an_answer_and_depend_on_the_first_127_only(mut bytes: Vec<u8>, tail: Vec<u8>) {
            bytes.resize(bytes.len().max(VALUE_MAX_BYTES), b' ');
            let mut longer = bytes[..VALUE_MAX_BYTES].to_vec();
            let short = parse_value(&longer);
            longer.extend(tail);
            prop_assert_eq!(parse_value(&longer), short);
        }

        #[test]
        fn numbers_too_large_never_wrap(digits in "[1-9][0-9]{10,100}", sign in "[-+]?") {
            let text = format!("{sign}{digits}");
            prop_assert!(matches!(parse_value(text.as_bytes()), Err(ValueError::OutOfRange(_))));
        }
    }
}
