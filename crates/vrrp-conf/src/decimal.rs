//! Decimal numbers of a unit, exact to the microsecond.

/// A decimal number of units, in microseconds; what is finer is cut off.
pub(crate) fn parse_decimal(text: &str, unit_micros: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut micros = whole.checked_mul(unit_micros)?;
    let mut place = unit_micros;
    for digit in fraction.bytes() {
        place /= 10;
        micros = micros.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some(micros)
}

/// So many microseconds in units, as text.
pub(crate) fn decimal(micros: u64, unit_micros: u64) -> String {
    let (whole, rest) = (micros / unit_micros, micros % unit_micros);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = unit_micros.ilog10() as usize;
    let fraction = format!("{rest:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_to_the_microsecond() {
        assert_eq!(parse_decimal("2.71828", 1_000_000), Some(2_718_280));
        assert_eq!(parse_decimal(".5", 1_000_000), Some(500_000));
        assert_eq!(parse_decimal("3.312", 1000), Some(3312));
        assert_eq!(parse_decimal("0.0000001", 1_000_000), Some(0));
        for text in ["", ".", "1s", "-1", "1e3", "1.2.3", "99999999999999999999"] {
            assert_eq!(parse_decimal(text, 1_000_000), None, "{text}");
        }
        assert_eq!(decimal(2_718_280, 1_000_000), "2.71828");
        assert_eq!(decimal(40_000, 1_000_000), "0.04");
    }
}
