//! Why a packet is no advert for us, why an advert cannot be written, and what is odd about one
//! that was accepted.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

use crate::numbers::{AUTH_HEADER_LEN, PROTOCOL};
use crate::reason::DropReason;
use crate::sequence::Sequence;
use crate::words::{ChecksumForm, Family, HopLimits, Interval, Version, Vrid};

/// Why a received packet is dropped: each variant is one named [`DropReason`], and says what was
/// required and what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No whole IP header, or one that claims more than there is.
    #[error("bad IP header: {0}")]
    IpHeader(#[from] IpHeaderFault),
    /// The packet is only a fragment.
    #[error("an IP fragment is no whole packet")]
    Fragment,
    /// The packet carries another protocol.
    #[error("IP protocol {0} is not VRRP's {PROTOCOL}")]
    NotVrrp(u8),
    /// What follows the IP header is no authentication header with a check value of 96 bits.
    #[error("no authentication header of {AUTH_HEADER_LEN} octets")]
    MalformedHeader,
    /// The payload ends before the VRID.
    #[error("{0} octets are too few to hold a virtual router identifier")]
    TooShort(usize),
    /// No virtual router here has this number; 0 is never one.
    #[error("no virtual router {0} here")]
    UnknownVrid(u8),
    /// Source and destination are not of the virtual router's family.
    #[error("a packet from {from} to {to} carries no {required} adverts")]
    Family {
        /// The virtual router's family.
        required: Family,
        /// The packet's source.
        from: IpAddr,
        /// The packet's destination.
        to: IpAddr,
    },
    /// The hop limit (TTL) is not the required one: the packet may come from another link.
    #[error("hop limit {found} is not {required}")]
    HopLimit {
        /// What the rules allow.
        required: HopLimits,
        /// What the packet had.
        found: u8,
    },
    /// Sent to a unicast address where adverts go to the group, or the other way round.
    #[error("adverts for this virtual router are not sent to {0}")]
    Destination(IpAddr),
    /// The source is an address of this router itself.
    #[error("the source {0} is an address of this router")]
    OwnSource(IpAddr),
    /// The source is not one of the unicast peers.
    #[error("the source {0} is none of the unicast peers")]
    UnknownSource(IpAddr),
    /// The packet has no authentication header where the virtual router demands one.
    #[error("the packet has no authentication header")]
    MissingHeader,
    /// The packet has an authentication header where the virtual router uses none.
    #[error("the packet has an authentication header, and none is used here")]
    UnexpectedHeader,
    /// The message ends before its header or its own address count says.
    #[error("the message has {len} octets and should have {required_len}")]
    Truncated {
        /// The octets that its fields ask for.
        required_len: usize,
        /// The octets that there are.
        len: usize,
    },
    /// Another version of VRRP, or none.
    #[error("VRRPv{found} where VRRPv{required} is spoken")]
    Version {
        /// The virtual router's version.
        required: Version,
        /// The number in the message.
        found: u8,
    },
    /// A message that is no advertisement.
    #[error("message type {0} is not ADVERTISEMENT (1)")]
    Type(u8),
    /// An advert for another virtual router.
    #[error("VRID {found} is not {required}")]
    Vrid {
        /// The virtual router's number.
        required: Vrid,
        /// The number in the message.
        found: u8,
    },
    /// Octets follow the message inside the IP packet, and are no padding.
    #[error("the message has {len} octets and should end after {required_len}")]
    TrailingBytes {
        /// The octets that its fields ask for.
        required_len: usize,
        /// The octets that there are.
        len: usize,
    },
    /// The checksum is right in none of the accepted forms.
    #[error("checksum {found:#06x} should be {required:#06x} ({form})")]
    Checksum {
        /// The checksum of this message in the version's usual form.
        required: u16,
        /// That form.
        form: ChecksumForm,
        /// The checksum that the message has.
        found: u16,
    },
    /// An authentication type that no standard has.
    #[error("authentication type {0} does not exist")]
    InvalidAuthType(u8),
    /// Another authentication type than the virtual router's.
    #[error("authentication type {found} is not {required}")]
    AuthTypeMismatch {
        /// The virtual router's type.
        required: u8,
        /// The type in the message.
        found: u8,
    },
    /// The password is not the virtual router's.
    #[error("wrong password")]
    AuthFailure,
    /// The check value of the authentication header is not the one that the key gives.
    #[error("wrong check value in the authentication header")]
    InvalidIcv,
    /// The Security Parameters Index of the authentication header is not the source.
    #[error("the Security Parameters Index {found} is not the source {required}")]
    SpiMismatch {
        /// The packet's source.
        required: IpAddr,
        /// The address in the header.
        found: Ipv4Addr,
    },
    /// The message has no `auth_hmac` trailer where the virtual router demands one.
    #[error("the advert is not signed")]
    MissingHmac,
    /// The trailer is none of `auth_hmac`.
    #[error("a trailer of type {ext_type} with {reserved:#06x} in its reserved octets")]
    Malformed {
        /// Its type, which should be 1.
        ext_type: u8,
        /// What should be 0.
        reserved: u16,
    },
    /// The advert was signed too long ago, or too far in the future.
    #[error("signed {behind_secs} s ago, and {window_secs} s are accepted before and after")]
    Stale {
        /// How many seconds ago; below 0 in the future.
        behind_secs: i32,
        /// How many are accepted in either direction.
        window_secs: u32,
    },
    /// The advert was signed with a key that the virtual router does not have.
    #[error("signed with key {0}, which is unknown")]
    UnknownKey(u8),
    /// The HMAC is not the one that the key gives.
    #[error("wrong HMAC for key {key}")]
    InvalidHmac {
        /// The number of the key.
        key: u8,
    },
    /// A VRRPv3 interval of zero (RFC 9568 erratum 8301).
    #[error("an advertisement interval of 0 is none")]
    ZeroInterval,
    /// Another VRRPv2 interval than the virtual router's (RFC 3768 §7.1).
    #[error("advertisement interval {found_secs} s is not {required}")]
    IntervalMismatch {
        /// The virtual router's interval.
        required: Interval,
        /// The whole seconds in the message.
        found_secs: u8,
    },
    /// A VRRPv3 advert without addresses (RFC 9568 §5.2.5).
    #[error("the advert carries no addresses")]
    NoAddresses,
    /// The advert does not come after the last one of its sender: somebody repeats an old one.
    #[error("the sequence number {found} does not follow {last}")]
    Replay {
        /// The last one of this sender.
        last: Sequence,
        /// The one of this advert.
        found: Sequence,
    },
}

impl DecodeError {
    /// The counter that this belongs to.
    pub const fn reason(&self) -> DropReason {
        match self {
            Self::IpHeader(_) => DropReason::IpHeader,
            Self::Fragment => DropReason::Fragment,
            Self::NotVrrp(_) => DropReason::NotVrrp,
            Self::MalformedHeader => DropReason::MalformedHeader,
            Self::TooShort(_) => DropReason::TooShort,
            Self::UnknownVrid(_) => DropReason::UnknownVrid,
            Self::Family { .. } => DropReason::Family,
            Self::HopLimit { .. } => DropReason::HopLimit,
            Self::Destination(_) => DropReason::Destination,
            Self::OwnSource(_) => DropReason::OwnSource,
            Self::UnknownSource(_) => DropReason::UnknownSource,
            Self::MissingHeader => DropReason::MissingHeader,
            Self::UnexpectedHeader => DropReason::UnexpectedHeader,
            Self::Truncated { .. } => DropReason::Truncated,
            Self::Version { .. } => DropReason::Version,
            Self::Type(_) => DropReason::Type,
            Self::Vrid { .. } => DropReason::Vrid,
            Self::TrailingBytes { .. } => DropReason::TrailingBytes,
            Self::Checksum { .. } => DropReason::Checksum,
            Self::InvalidAuthType(_) => DropReason::InvalidAuthType,
            Self::AuthTypeMismatch { .. } => DropReason::AuthTypeMismatch,
            Self::AuthFailure => DropReason::AuthFailure,
            Self::InvalidIcv => DropReason::InvalidIcv,
            Self::SpiMismatch { .. } => DropReason::SpiMismatch,
            Self::MissingHmac => DropReason::MissingHmac,
            Self::Malformed { .. } => DropReason::Malformed,
            Self::Stale { .. } => DropReason::Stale,
            Self::UnknownKey(_) => DropReason::UnknownKey,
            Self::InvalidHmac { .. } => DropReason::InvalidHmac,
            Self::ZeroInterval => DropReason::ZeroInterval,
            Self::IntervalMismatch { .. } => DropReason::IntervalMismatch,
            Self::NoAddresses => DropReason::NoAddresses,
            Self::Replay { .. } => DropReason::Replay,
        }
    }
}

/// What is wrong with an IP header, or with an IPv6 extension header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IpHeaderFault {
    /// The packet ends inside the header.
    #[error("{len} of {required_len} octets")]
    Truncated {
        /// The octets of the header.
        required_len: usize,
        /// The octets that there are.
        len: usize,
    },
    /// The version is not the one that is split: 4 or 6.
    #[error("version {0}")]
    Version(u8),
    /// The header length is below the minimum of 5 words.
    #[error("a header length of {0} words")]
    HeaderLength(u8),
    /// The total length ends inside the header or behind the packet.
    #[error(
        "a total length of {claimed}, with a header of {header_len} and {available} octets in all"
    )]
    TotalLength {
        /// The total length that the header claims.
        claimed: usize,
        /// The octets of the header.
        header_len: usize,
        /// The octets that there are.
        available: usize,
    },
    /// IPv6 hop-by-hop options behind another extension header.
    #[error("hop-by-hop options that are not the first extension header")]
    HopByHop,
    /// The IPv6 header and its extension headers have more octets than a message is looked for
    /// behind.
    #[error("more than 255 octets of headers")]
    TooLong,
}

/// Something odd about an advert that was accepted all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Remark {
    /// The addresses are not the virtual router's own, whatever their order.
    AddressesDiffer,
    /// The first IPv6 address is not a link-local one (RFC 9568 §5.2.9).
    FirstNotLinkLocal,
    /// The VRRPv3 interval is not the virtual router's own. It is adopted (RFC 9568 §6.4.2).
    IntervalDiffers,
}

impl Remark {
    /// Every remark.
    pub const ALL: [Self; 3] =
        [Self::AddressesDiffer, Self::FirstNotLinkLocal, Self::IntervalDiffers];

    /// A stable name in snake case, for status and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddressesDiffer => "addresses_differ",
            Self::FirstNotLinkLocal => "first_not_link_local",
            Self::IntervalDiffers => "interval_differs",
        }
    }

    /// The place in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AddressesDiffer => "the addresses are not the configured ones",
            Self::FirstNotLinkLocal => "the first address is not link-local",
            Self::IntervalDiffers => "the advertisement interval is not the configured one",
        })
    }
}

/// The set of [`Remark`]s about one advert.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Remarks(u8);

impl Remarks {
    /// No remark.
    pub const NONE: Self = Self(0);

    /// These, and `remark` too if `holds`.
    #[must_use]
    pub(crate) const fn with(self, remark: Remark, holds: bool) -> Self {
        Self(self.0 | (holds as u8) << remark.index())
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `remark` is among them.
    pub const fn contains(self, remark: Remark) -> bool {
        self.0 & 1 << remark.index() != 0
    }

    /// Those that were made, in the order of [`Remark::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Remark> {
        Remark::ALL.into_iter().filter(move |&remark| self.contains(remark))
    }
}

impl fmt::Debug for Remarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Why an advert cannot be written as bytes: its fields contradict each other, or the buffer is
/// too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer ends before the message.
    #[error("the message has {required_len} octets, the buffer {len}")]
    BufferTooSmall {
        /// The octets of the message.
        required_len: usize,
        /// The octets of the buffer.
        len: usize,
    },
    /// The version does not carry this family, or the packet's addresses are of another one.
    #[error("VRRPv{version} carries no {family} addresses from {from} to {to}")]
    Family {
        /// The advert's version.
        version: Version,
        /// The family of its addresses.
        family: Family,
        /// The packet's source.
        from: IpAddr,
        /// The packet's destination.
        to: IpAddr,
    },
    /// The version's interval field cannot hold the interval.
    #[error("VRRPv{version} does not carry an interval of {interval}")]
    Interval {
        /// The advert's version.
        version: Version,
        /// Its interval.
        interval: Interval,
    },
    /// VRRPv3 carries no authentication but that of `auth_hmac`.
    #[error("VRRPv3 carries neither a password nor an authentication header")]
    Authentication,
    /// An advert was to be signed in another way than it was prepared for.
    #[error("the advert was not prepared for this authentication")]
    Unprepared,
    /// The sequence numbers of the authentication header are used up.
    #[error("the authentication header has no more sequence numbers: another key is needed")]
    Sequence,
    /// Messages of this version and family are never summed in this form.
    #[error("VRRPv{version} over {family} has no checksum {form}")]
    ChecksumForm {
        /// The advert's version.
        version: Version,
        /// The family of its addresses.
        family: Family,
        /// The form that was asked for.
        form: ChecksumForm,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_index_their_table() {
        for (place, remark) in Remark::ALL.into_iter().enumerate() {
            assert_eq!(remark.index(), place, "{remark}");
        }
    }

    #[test]
    fn remarks_are_a_set() {
        let remarks = Remarks::NONE
            .with(Remark::IntervalDiffers, true)
            .with(Remark::AddressesDiffer, true)
            .with(Remark::FirstNotLinkLocal, false);
        assert!(remarks.iter().eq([Remark::AddressesDiffer, Remark::IntervalDiffers]));
        assert!(!remarks.is_empty() && Remarks::default().is_empty());
    }
}
