//! What an advert needs of the IP packet around it, and the view that finds it there.

use core::net::IpAddr;

use etherparse::Ipv4HeaderSlice;
use etherparse::err::ipv4::{HeaderError, HeaderSliceError};

use crate::auth_header::AuthHeader;
use crate::error::{DecodeError, IpHeaderFault};
use crate::numbers::{AUTH_HEADER_LEN, AUTH_HEADER_PROTOCOL, HOP_LIMIT, group};
use crate::words::Family;

/// What the IP header around a message says, as far as VRRP asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpMeta {
    /// The sender: the primary address of its interface, or the link-local one.
    pub source: IpAddr,
    /// The group, or the unicast address of the receiver. Its family is the source's.
    pub destination: IpAddr,
    /// The hop limit, which IPv4 calls TTL.
    pub hop_limit: u8,
    /// The octets of the IP header with its options or extension headers.
    pub header_len: u8,
    /// The identification of an IPv4 packet, which an authentication header covers.
    pub identification: u16,
    /// The authentication header between the IP header and the message, if there is one.
    pub auth_header: Option<AuthHeader>,
}

impl IpMeta {
    /// A packet with these addresses and this hop limit: of either family as a socket tells them
    /// beside the message, without the header. It is taken to have no options or extensions and the
    /// identification 0.
    pub const fn new(source: IpAddr, destination: IpAddr, hop_limit: u8) -> Self {
        let header_len = match Family::of(source) {
            Family::V4 => 20,
            Family::V6 => 40,
        };
        let (identification, auth_header) = (0, None);
        Self { source, destination, hop_limit, header_len, identification, auth_header }
    }

    /// A packet to the family's group with hop limit 255, as RFC 9568 §5.1 wants it.
    pub const fn multicast(source: IpAddr) -> Self {
        Self::new(source, group(Family::of(source)), HOP_LIMIT)
    }

    /// The family, if source and destination agree on one.
    pub const fn family(&self) -> Option<Family> {
        match (self.source, self.destination) {
            (IpAddr::V4(_), IpAddr::V4(_)) => Some(Family::V4),
            (IpAddr::V6(_), IpAddr::V6(_)) => Some(Family::V6),
            _ => None,
        }
    }

    /// The octets in front of the message.
    pub(crate) fn len_before_message(&self) -> usize {
        usize::from(self.header_len) + self.auth_header.map_or(0, |_| AUTH_HEADER_LEN)
    }
}

/// Splits an IPv4 packet, as a raw socket delivers it, into what its header says, the protocol
/// number and the payload. An authentication header belongs to the former: the protocol is the one
/// that follows it.
///
/// The header's own length field decides where the payload begins and its total length where it
/// ends, so options are skipped and the link's padding is cut off. The header checksum is not
/// verified: the kernel did that.
///
/// # Errors
/// [`DecodeError::IpHeader`] if the header is no whole IPv4 header or claims more than there is,
/// [`DecodeError::Fragment`] if the payload is only a part, [`DecodeError::MalformedHeader`] if an
/// authentication header is none of VRRP's.
pub fn split_ipv4(packet: &[u8]) -> Result<(IpMeta, u8, &[u8]), DecodeError> {
    let header = Ipv4HeaderSlice::from_slice(packet).map_err(fault_of)?;
    let header_len = header.slice().len();
    let total_len = usize::from(header.total_len());
    let payload = packet.get(header_len..total_len).ok_or(IpHeaderFault::TotalLength {
        claimed: total_len,
        header_len,
        available: packet.len(),
    })?;
    if header.is_fragmenting_payload() {
        return Err(DecodeError::Fragment);
    }
    let (auth_header, protocol, payload) = match header.protocol().0 {
        AUTH_HEADER_PROTOCOL => {
            let (auth_header, protocol, payload) = AuthHeader::split(payload)?;
            (Some(auth_header), protocol, payload)
        }
        protocol => (None, protocol, payload),
    };
    let meta = IpMeta {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        hop_limit: header.ttl(),
        // IHL counts 4-octet words in 4 bits, so this is at most 60.
        header_len: header.ihl() * 4,
        identification: header.identification(),
        auth_header,
    };
    Ok((meta, protocol, payload))
}

fn fault_of(error: HeaderSliceError) -> IpHeaderFault {
    match error {
        HeaderSliceError::Len(len) => {
            IpHeaderFault::Truncated { required_len: len.required_len, len: len.len }
        }
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => {
            IpHeaderFault::Version(version_number)
        }
        HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { ihl }) => {
            IpHeaderFault::HeaderLength(ihl)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::PROTOCOL;

    /// The header of an advert of 20 octets, 192.168.100.2 to 224.0.0.18.
    const HEADER: [u8; 20] = [
        0x45, 0xc0, 0x00, 0x28, 0x00, 0x00, 0x00, 0x00, 0xff, 0x70, 0xb5, 0xe8, 0xc0, 0xa8, 0x64,
        0x02, 0xe0, 0x00, 0x00, 0x12,
    ];

    fn packet<const LEN: usize>(edit: impl FnOnce(&mut [u8; LEN])) -> [u8; LEN] {
        let mut packet = [0xaa; LEN];
        packet[..20].copy_from_slice(&HEADER);
        edit(&mut packet);
        packet
    }

    #[test]
    fn payload_is_what_the_total_length_says() {
        let packet = packet::<46>(|_| {});
        let (meta, protocol, payload) = split_ipv4(&packet).unwrap();
        let source = IpAddr::from([192, 168, 100, 2]);
        assert_eq!(meta, IpMeta::multicast(source));
        assert_eq!((protocol, payload), (PROTOCOL, &packet[20..40]));
    }

    #[test]
    fn options_belong_to_the_header() {
        let packet = packet::<44>(|p| {
            p[0] = 0x46;
            p[3] = 44;
        });
        let (meta, _, payload) = split_ipv4(&packet).unwrap();
        assert_eq!((meta.header_len, payload.len()), (24, 20));
    }

    #[test]
    fn an_authentication_header_is_no_payload() {
        let packet = packet::<64>(|p| {
            p[3] = 64;
            p[4..6].copy_from_slice(&[1, 2]);
            p[9] = AUTH_HEADER_PROTOCOL;
            p[20..22].copy_from_slice(&[PROTOCOL, 4]);
        });
        let (meta, protocol, payload) = split_ipv4(&packet).unwrap();
        assert_eq!((protocol, payload), (PROTOCOL, &packet[44..]));
        assert_eq!(meta.auth_header.unwrap().as_octets()[..], packet[20..44]);
        assert_eq!((meta.identification, meta.len_before_message()), (0x0102, 44));
        let mut other = packet;
        other[21] = 3;
        assert_eq!(split_ipv4(&other), Err(DecodeError::MalformedHeader));
    }

    #[test]
    fn malformed_headers_are_named() {
        let fault = |packet: &[u8]| match split_ipv4(packet) {
            Err(DecodeError::IpHeader(fault)) => fault,
            other => panic!("not an IP header fault: {other:?}"),
        };
        assert_eq!(fault(&[]), IpHeaderFault::Truncated { required_len: 20, len: 0 });
        assert_eq!(fault(&HEADER[..19]), IpHeaderFault::Truncated { required_len: 20, len: 19 });
        assert_eq!(fault(&packet::<40>(|p| p[0] = 0x65)), IpHeaderFault::Version(6));
        assert_eq!(fault(&packet::<40>(|p| p[0] = 0x44)), IpHeaderFault::HeaderLength(4));
        assert_eq!(
            fault(&packet::<40>(|p| p[0] = 0x4f)),
            IpHeaderFault::Truncated { required_len: 60, len: 40 }
        );
        assert_eq!(
            fault(&packet::<39>(|_| {})),
            IpHeaderFault::TotalLength { claimed: 40, header_len: 20, available: 39 }
        );
        assert_eq!(
            fault(&packet::<40>(|p| p[3] = 19)),
            IpHeaderFault::TotalLength { claimed: 19, header_len: 20, available: 40 }
        );
    }

    #[test]
    fn a_fragment_is_no_message() {
        for flags_and_offset in [[0x20, 0x00], [0x00, 0x01]] {
            let packet = packet::<40>(|p| p[6..8].copy_from_slice(&flags_and_offset));
            assert_eq!(split_ipv4(&packet), Err(DecodeError::Fragment));
        }
        let dont_fragment = packet::<40>(|p| p[6] = 0x40);
        assert!(split_ipv4(&dont_fragment).is_ok());
    }
}
