//! The protocol's words: small values that cannot hold what the protocol does not have.

use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU8;
use core::time::Duration;

/// A number or a text that cannot be the word it was meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordError {
    /// A virtual router identifier outside 1–255.
    #[error("a virtual router identifier is 1 to 255, not {0}")]
    Vrid(u32),
    /// An advertisement interval that the version cannot carry.
    #[error("an advertisement interval in VRRPv{version} is {range}, not {micros} µs")]
    Interval {
        /// The version that was to carry it.
        version: Version,
        /// What that version carries, in words.
        range: &'static str,
        /// What was asked for, in microseconds.
        micros: u64,
    },
    /// A protocol version other than 2 and 3.
    #[error("the versions of VRRP are 2 and 3, not {0}")]
    Version(u32),
    /// An interface's name of so many bytes.
    #[error("an interface name has 1 to 15 bytes, not {0}")]
    InterfaceLength(usize),
    /// An interface's name that is `.` or `..`, or has a `/`, a `:`, white space or a NUL.
    #[error("an interface name is not `.` or `..`, and has no `/`, `:` or white space")]
    InterfaceForm,
    /// A label that is empty or too long, or has a NUL.
    #[error("an address label has 1 to 15 bytes")]
    Label,
    /// A name that nft(8) cannot write, or a long one.
    #[error("a table's name is 1 to 31 letters, digits, `_`, `-` and `.`, a letter first")]
    Table,
    /// A text that is not six hexadecimal numbers between colons.
    #[error("a hardware address is written like 00:00:5e:00:01:33")]
    MacAddress,
}

/// A virtual router identifier, 1–255 (RFC 9568 §5.2.3).
///
/// It names a virtual router on one link and in one address family: the IPv4 and the IPv6
/// router of one number are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// The identifier with this number; 0 is not one.
    pub const fn new(number: u8) -> Option<Self> {
        match NonZeroU8::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number on the wire, 1–255.
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl TryFrom<u32> for Vrid {
    type Error = WordError;

    fn try_from(number: u32) -> Result<Self, WordError> {
        u8::try_from(number).ok().and_then(Self::new).ok_or(WordError::Vrid(number))
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A router's priority for one virtual router, 0–255 (RFC 9568 §5.2.4).
///
/// | value | means |
/// |---|---|
/// | 255 | the router owns the addresses: [`Priority::OWNER`] |
/// | 1–254 | a backup for them; 100 is the default |
/// | 0 | the Active Router gives up: [`Priority::RESIGN`], never configured |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Priority(u8);

impl Priority {
    /// 0: the Active Router stops taking part.
    pub const RESIGN: Self = Self(0);
    /// 1: the lowest priority that still takes part.
    pub const LOWEST: Self = Self(1);
    /// 100: the default of a router that does not own the addresses.
    pub const DEFAULT: Self = Self(100);
    /// 254: the highest priority of a router that does not own the addresses.
    pub const HIGHEST: Self = Self(254);
    /// 255: the router owns the addresses.
    pub const OWNER: Self = Self(255);

    /// The priority with this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The number on the wire.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether this is 255, the address owner's.
    pub const fn is_owner(self) -> bool {
        self.0 == Self::OWNER.0
    }

    /// Whether this is 0, a resignation.
    pub const fn is_resignation(self) -> bool {
        self.0 == Self::RESIGN.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Version {
    /// VRRPv2 (RFC 3768, and RFC 2338 for authentication).
    V2,
    /// VRRPv3 (RFC 9568).
    V3,
}

impl Version {
    /// The number on the wire: 2 or 3.
    pub const fn get(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

impl TryFrom<u32> for Version {
    type Error = WordError;

    fn try_from(number: u32) -> Result<Self, WordError> {
        match number {
            2 => Ok(Self::V2),
            3 => Ok(Self::V3),
            _ => Err(WordError::Version(number)),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// The address family of a virtual router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The octets of one address: 4 or 16.
    pub const fn address_len(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// An advertisement interval as a packet can carry it, kept in centiseconds.
///
/// VRRPv2 carries whole seconds, 1–255; VRRPv3 centiseconds, 1–4095 (0.01 s to 40.95 s). A
/// value of this type is one that at least one of the versions carries; the constructors say
/// which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u16", into = "u16"))]
pub struct Interval(u16);

impl Interval {
    /// One second, the default of both versions.
    pub const DEFAULT: Self = Self(100);

    const MICROS_PER_CENTI: u64 = 10_000;

    /// A VRRPv2 interval of so many whole seconds; 0 is none.
    pub const fn from_secs(secs: u8) -> Option<Self> {
        if secs == 0 { None } else { Some(Self(secs as u16 * 100)) }
    }

    /// A VRRPv3 interval of so many centiseconds, 1–4095.
    pub const fn from_centis(centis: u16) -> Option<Self> {
        if centis == 0 || centis > 4095 { None } else { Some(Self(centis)) }
    }

    /// The interval of exactly this length, if `version` can carry it.
    ///
    /// # Errors
    /// [`WordError::Interval`] if the length is out of the version's range or finer than its
    /// unit.
    pub fn new(version: Version, length: Duration) -> Result<Self, WordError> {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        let (unit_micros, max_units, centis_per_unit, range) = match version {
            Version::V2 => (1_000_000, 255, 100, "1 to 255 whole seconds"),
            Version::V3 => (Self::MICROS_PER_CENTI, 4095, 1, "0.01 to 40.95 seconds"),
        };
        let units = micros / unit_micros;
        if !micros.is_multiple_of(unit_micros) || !(1..=max_units).contains(&units) {
            return Err(WordError::Interval { version, range, micros });
        }
        Ok(Self(units as u16 * centis_per_unit))
    }

    /// The length in centiseconds, 1–25500.
    pub const fn as_centis(self) -> u16 {
        self.0
    }

    /// The length in whole seconds, if VRRPv2 can carry it.
    pub const fn as_whole_secs(self) -> Option<u8> {
        if self.0.is_multiple_of(100) { Some((self.0 / 100) as u8) } else { None }
    }

    /// The length in microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0 as u64 * Self::MICROS_PER_CENTI
    }

    /// The length.
    pub const fn as_duration(self) -> Duration {
        Duration::from_micros(self.as_micros())
    }
}

/// From centiseconds, as many as one of the versions carries.
#[cfg(feature = "serde")]
impl TryFrom<u16> for Interval {
    type Error = &'static str;

    fn try_from(centis: u16) -> Result<Self, Self::Error> {
        let in_seconds = || Self::from_secs(u8::try_from(centis / 100).ok()?);
        let found = Self::from_centis(centis).or_else(in_seconds);
        found.filter(|it| it.as_centis() == centis).ok_or("no version carries such an interval")
    }
}

#[cfg(feature = "serde")]
impl From<Interval> for u16 {
    fn from(interval: Interval) -> Self {
        interval.as_centis()
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, centis) = (self.0 / 100, self.0 % 100);
        match centis {
            0 => write!(f, "{secs} s"),
            _ => write!(f, "{secs}.{centis:02} s"),
        }
    }
}

/// What a sender sums up for the checksum of its adverts.
///
/// VRRPv2 and IPv6 have one form each. For VRRPv3 over IPv4 RFC 5798 §5.2.8 was commonly read as
/// asking for a pseudo-header, RFC 9568 §5.2.8 says that there is none, and both are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ChecksumForm {
    /// The message alone: VRRPv2, and VRRPv3 over IPv4 as RFC 9568 has it.
    MessageOnly,
    /// The family's pseudo-header and the message: VRRPv3 over IPv6, and over IPv4 as most of
    /// the installed base has it.
    PseudoHeader,
    /// As [`PseudoHeader`](Self::PseudoHeader) over IPv4, but always with 224.0.0.18 as
    /// destination, even of a unicast advert: keepalived up to 1.3.6.
    OldUnicast,
}

impl ChecksumForm {
    /// The form that most routers of a version send and understand.
    pub const fn usual(version: Version) -> Self {
        match version {
            Version::V2 => Self::MessageOnly,
            Version::V3 => Self::PseudoHeader,
        }
    }

    /// A stable name in snake case, for logs and status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MessageOnly => "message_only",
            Self::PseudoHeader => "pseudo_header",
            Self::OldUnicast => "old_unicast",
        }
    }

    /// Whether messages of this version and family are ever summed in this form.
    pub(crate) const fn exists_for(self, version: Version, family: Family) -> bool {
        match (version, family) {
            (Version::V2, _) => matches!(self, Self::MessageOnly),
            (Version::V3, Family::V4) => true,
            (Version::V3, Family::V6) => matches!(self, Self::PseudoHeader),
        }
    }
}

/// A range of hop limits, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HopLimits {
    /// The lowest allowed.
    pub min: u8,
    /// The highest allowed.
    pub max: u8,
}

impl HopLimits {
    /// 255 only: no router on the way has decremented it (RFC 9568 §7.1).
    pub const SAME_LINK: Self = Self { min: 255, max: 255 };

    /// Any, as for unicast peers behind a router.
    pub const ANY: Self = Self { min: 0, max: 255 };

    /// Whether this hop limit is in the range.
    pub const fn contains(self, hop_limit: u8) -> bool {
        self.min <= hop_limit && hop_limit <= self.max
    }
}

impl fmt::Display for HopLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            self.min.fmt(f)
        } else {
            write!(f, "{} to {}", self.min, self.max)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_exactly_the_protocols_values() {
        assert_eq!(Vrid::new(0), None);
        assert_eq!(Vrid::try_from(256), Err(WordError::Vrid(256)));
        assert_eq!(Vrid::try_from(255).map(Vrid::get), Ok(255));
        assert_eq!(Interval::from_centis(4096), None);
        assert_eq!(Interval::from_secs(255).map(Interval::as_centis), Some(25_500));
        assert_eq!(Version::try_from(4), Err(WordError::Version(4)));
    }

    #[test]
    fn an_interval_is_never_rounded() {
        let half = Duration::from_millis(500);
        assert!(Interval::new(Version::V2, half).is_err());
        assert_eq!(Interval::new(Version::V3, half).map(Interval::as_centis), Ok(50));
        assert!(Interval::new(Version::V3, Duration::from_millis(15)).is_err());
        assert!(Interval::new(Version::V3, Duration::from_secs(41)).is_err());
    }
}
