//! Assigned numbers and lengths that never change.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::words::Family;

/// The IP protocol number of VRRP (RFC 9568 §5.1.1.4).
pub const PROTOCOL: u8 = 112;

/// The group to which IPv4 adverts are sent (RFC 9568 §5.1.1.2).
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// The group to which IPv6 adverts are sent (RFC 9568 §5.1.2.2).
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);

/// The hop limit (TTL) with which adverts leave, and the only one with which they arrive from
/// the same link (RFC 9568 §5.1.1.3).
pub const HOP_LIMIT: u8 = 255;

/// The group to which a family's adverts are sent.
pub const fn group(family: Family) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(GROUP_V4),
        Family::V6 => IpAddr::V6(GROUP_V6),
    }
}

/// The IP protocol number of the authentication header (RFC 4302 §2).
pub const AUTH_HEADER_PROTOCOL: u8 = 51;

/// The octets of the authentication header that VRRPv2 uses.
pub const AUTH_HEADER_LEN: usize = 24;

/// The octets of authentication data that end every VRRPv2 message.
pub(crate) const AUTH_DATA_LEN: usize = 8;
