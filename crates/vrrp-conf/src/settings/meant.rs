//! The value that a word was probably meant to be, to be suggested.

use core::net::{IpAddr, Ipv4Addr};

use super::value::parse_integer;
use crate::decimal::{decimal, parse_decimal};

/// Signs that end a value in other languages, and a line in none of this one.
const SIGNS: [char; 4] = [';', ',', '.', '%'];

/// Words of other systems for the states.
const STATES: [(&str, &str); 7] = [
    ("PEER", "BACKUP"),
    ("SLAVE", "BACKUP"),
    ("SECONDARY", "BACKUP"),
    ("STANDBY", "BACKUP"),
    ("PASSIVE", "BACKUP"),
    ("PRIMARY", "MASTER"),
    ("ACTIVE", "MASTER"),
];

/// One of some words: `master`, `SLAVE`.
pub(super) fn choice<'c>(text: &str, choices: &'c [&'c str]) -> Option<&'c str> {
    let text = text.trim_end_matches(SIGNS);
    let near = crate::did_you_mean::closest(text, choices.iter().copied());
    near.or_else(|| {
        let (_, state) = STATES.iter().find(|(other, _)| other.eq_ignore_ascii_case(text))?;
        choices.iter().copied().find(|choice| choice == state)
    })
}

/// A whole number: `244;`, `51,`, `10s`, `0x33`, `–10` with a dash.
pub(super) fn integer(text: &str) -> Option<String> {
    let text = &text.replace(['\u{2013}', '\u{2014}', '\u{2212}'], "-");
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return i64::from_str_radix(digits, 16).ok().map(|number| number.to_string());
    }
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let is_unit = matches!(text[end..].trim_end_matches(SIGNS), "" | "s" | "sec");
    parse_integer(&text[..end]).filter(|_| is_unit).map(|number| number.to_string())
}

/// A time, in units of `unit_micros`: `1s`, `100ms`, `0,5`, `1;`.
pub(super) fn time(text: &str, unit_micros: u64) -> Option<String> {
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (number, unit) = (text[..end].replace(',', "."), text[end..].trim_end_matches(SIGNS));
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" => unit_micros,
        "us" | "µs" => 1,
        "ms" | "msec" => 1_000,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000,
        "m" | "min" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return None,
    };
    parse_decimal(&number, factor).map(|micros| decimal(micros, unit_micros))
}

/// A truth value: `ture`, `ON`, `1`, `enabled`.
pub(super) fn boolean(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "y" | "t" | "enable" | "enabled" => Some("on"),
        "0" | "n" | "f" | "disable" | "disabled" => Some("off"),
        _ => {
            let words = ["on", "off", "true", "false", "yes", "no"];
            crate::did_you_mean::closest(text, words.into_iter())
        }
    }
}

/// An address, perhaps with the length of a prefix: `192.0.2.1;`, `192.000.002.001`,
/// `192.0.2.1/255.255.255.0`.
pub(super) fn address(text: &str) -> Option<String> {
    let text = text.trim_end_matches(SIGNS);
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(prefix_len(length)?)),
        None => (text, None),
    };
    let plain = |part: &str| part.parse::<u8>().ok().map(|number| number.to_string());
    let parts: Option<Vec<_>> = address.split('.').map(plain).collect();
    let address = match parts {
        Some(parts) => parts.join("."),
        None => address.to_owned(),
    };
    let address = address.parse::<IpAddr>().ok()?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    match length {
        Some(length) if length > max => None,
        Some(length) => Some(format!("{address}/{length}")),
        None => Some(address.to_string()),
    }
}

/// The length of a prefix, or of a netmask.
fn prefix_len(text: &str) -> Option<u32> {
    let Ok(mask) = text.parse::<Ipv4Addr>() else { return text.parse().ok() };
    let len = mask.to_bits().leading_ones();
    (len == mask.to_bits().count_ones()).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_written_as_the_language_has_it() {
        let meant = |text| integer(text).unwrap_or_default();
        assert_eq!(["244;", "51,", "10s", "0x33", "5 %"].map(meant), ["244", "51", "10", "51", ""]);
        assert_eq!(meant("\u{2013}10"), "-10");
        let meant = |text| time(text, 1_000_000).unwrap_or_default();
        assert_eq!(["1s", "100ms", "0,5", "2;", "1d"].map(meant), ["1", "0.1", "0.5", "2", ""]);
        assert_eq!(time("100ms", 1_000).as_deref(), Some("100"));
        let meant = |text| boolean(text).unwrap_or_default();
        assert_eq!(
            ["ture", "ON", "1", "disabled", "maybe"].map(meant),
            ["true", "on", "on", "off", ""]
        );
        let meant = |text| address(text).unwrap_or_default();
        assert_eq!(
            ["192.0.2.1/24;", "192.000.002.001", "192.0.2.1/255.255.255.0", "192.0.2.300"]
                .map(meant),
            ["192.0.2.1/24", "192.0.2.1", "192.0.2.1/24", ""]
        );
        assert_eq!(
            ["192.0.2.1/33", "2001:db8::1/129;", "2001:db8::1/64;"].map(meant),
            ["", "", "2001:db8::1/64"]
        );
    }
}
