//! A datagram as whoever judges it sees it: without a socket, and with no header to split.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use vrrp_proto::{AuthHeader, DecodeError, Family, IpHeaderFault, IpMeta, PROTOCOL, split_ipv4};

use super::control::{self, Control};
use crate::sys::Slot;
use crate::time::Timestamp;

const IPV6_HEADER_BYTES: usize = 40;

/// One VRRP message from the wire, over either family.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// Where it was sent: a group, or one of this host's addresses.
    pub destination: IpAddr,
    /// The hop limit that it arrived with, which IPv4 calls TTL.
    pub hop_limit: u8,
    /// The bytes of the IP header: over IPv4 with its options; for IPv6 40, since the kernel does
    /// not show extension headers.
    pub header_len: u8,
    /// The identification of an IPv4 packet; 0 over IPv6.
    pub identification: u16,
    /// The authentication header in front of the message, if there is one. It was not verified.
    pub auth_header: Option<AuthHeader>,
    /// The VRRP message: the IP packet's payload, or what follows its authentication header. Its
    /// checksum was not looked at.
    pub message: &'a [u8],
    /// When the kernel took it from the interface, however long it waited to be read.
    pub arrived: Timestamp,
}

impl<'a> Datagram<'a> {
    /// What would have arrived with these headers.
    pub const fn new(ip: IpMeta, message: &'a [u8], arrived: Timestamp) -> Self {
        let IpMeta { source, destination, hop_limit, header_len, identification, auth_header } = ip;
        Self {
            source,
            destination,
            hop_limit,
            header_len,
            identification,
            auth_header,
            message,
            arrived,
        }
    }

    /// What its IP header says, as [`Advert::parse`](vrrp_proto::Advert::parse) takes it.
    pub const fn ip(&self) -> IpMeta {
        let Self {
            source, destination, hop_limit, header_len, identification, auth_header, ..
        } = *self;
        IpMeta { source, destination, hop_limit, header_len, identification, auth_header }
    }

    /// Takes a packet apart as a raw socket of this family yields it.
    pub(super) fn split(
        family: Family,
        slot: &Slot<'a>,
        control: &Control,
        arrived: Timestamp,
    ) -> Result<Self, DecodeError> {
        let (ip, message) = match family {
            Family::V4 => split_v4(slot)?,
            Family::V6 => split_v6(slot, control)?,
        };
        Ok(Self::new(ip, message, arrived))
    }
}

impl fmt::Debug for Datagram<'_> {
    /// Without the content, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, hop_limit, message, arrived, .. } = self;
        let len = message.len();
        write!(f, "Datagram({len} bytes {source} > {destination} hops {hop_limit} at {arrived})")
    }
}

/// Over IPv4 the kernel yields the header too. One that was cut off lacks what its header claims.
fn split_v4<'a>(slot: &Slot<'a>) -> Result<(IpMeta, &'a [u8]), DecodeError> {
    let (ip, protocol, message) = split_ipv4(slot.bytes)?;
    match protocol {
        PROTOCOL => Ok((ip, message)),
        other => Err(DecodeError::NotVrrp(other)),
    }
}

/// Over IPv6 the kernel keeps the header and says beside the payload what was in it.
fn split_v6<'a>(slot: &Slot<'a>, control: &Control) -> Result<(IpMeta, &'a [u8]), DecodeError> {
    let missing = IpHeaderFault::Truncated { required_len: IPV6_HEADER_BYTES, len: 0 };
    let source = control::sender(slot.name).ok_or(missing)?;
    let destination = control.destination.ok_or(missing)?;
    let hop_limit = control.hop_limit.ok_or(missing)?;
    if slot.wire_len > slot.bytes.len() {
        return Err(DecodeError::IpHeader(IpHeaderFault::TotalLength {
            claimed: IPV6_HEADER_BYTES + slot.wire_len,
            header_len: IPV6_HEADER_BYTES,
            available: IPV6_HEADER_BYTES + slot.bytes.len(),
        }));
    }
    Ok((IpMeta::new(source, destination, hop_limit), slot.bytes))
}

/// Where an IPv4 packet says that it goes, whatever else is wrong with it.
pub(super) fn destination(family: Family, slot: &Slot<'_>, control: &Control) -> Option<IpAddr> {
    match family {
        Family::V4 => {
            let octets: [u8; 4] = *slot.bytes.get(16..20)?.first_chunk()?;
            Some(Ipv4Addr::from(octets).into())
        }
        Family::V6 => control.destination,
    }
}
