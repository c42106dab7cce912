//! Sequence numbers: in what order a sender's adverts were signed.

use core::fmt;

/// Where a signed advert stands in its sender's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Sequence {
    /// The number in an authentication header.
    Header(u32),
    /// Seconds, 65536ths of a second and counter of an `auth_hmac` trailer as one number.
    Trailer(u64),
}

impl Sequence {
    /// Whether it comes after `last`. Numbers of the other kind have no order: the sender has been
    /// given another authentication.
    pub(crate) const fn follows(self, last: Self) -> bool {
        match (self, last) {
            (Self::Header(this), Self::Header(last)) => this > last,
            // RFC 1982 §3.2.
            (Self::Trailer(this), Self::Trailer(last)) => this.wrapping_sub(last).cast_signed() > 0,
            _ => true,
        }
    }
}

impl fmt::Display for Sequence {
    /// `7`, or `1795371065.8572+0`: seconds, 65536ths of a second and counter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Header(number) => number.fmt(f),
            Self::Trailer(number) => {
                let (fraction, counter) = ((number >> 16) as u16, number as u16);
                write!(f, "{}.{fraction}+{counter}", number >> 32)
            }
        }
    }
}
