//! The view of an IPv6 packet that finds the message behind the extension headers.

use etherparse::Ipv6HeaderSlice;
use etherparse::err::ipv6::{HeaderError, HeaderSliceError};

use crate::error::{DecodeError, IpHeaderFault};
use crate::ip::IpMeta;

/// Octets of the fixed header.
const HEADER_LEN: usize = 40;
/// Octets by which extension headers are counted, and the smallest one.
const UNIT: usize = 8;

/// The numbers of the extension headers that can stand in front of a message (RFC 8200 §4).
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// Splits an IPv6 packet, as a capture has it, into what its headers say, the protocol number and
/// the payload. Sockets do not deliver these headers: who has a socket uses [`IpMeta::new`].
///
/// Hop-by-hop options, routing headers and destination options are skipped, in any order, and so is
/// a fragment header around a whole packet (RFC 6946). Every other number is taken to be the
/// protocol: also the IP authentication header's, which VRRP only has over IPv4. The payload
/// length decides where the payload ends, so the link's padding is cut off. Jumbograms, whose
/// payload length is 0, are not read.
///
/// # Errors
/// [`DecodeError::IpHeader`] if a header is not whole, claims more than there is, if hop-by-hop
/// options do not come first, or if all headers have more than 255 octets, which is what
/// [`IpMeta::header_len`] can tell; [`DecodeError::Fragment`] if the payload is only a part.
///
/// # Example
///
/// ```
/// use vrrp_proto::{IpMeta, PROTOCOL, split_ipv6};
///
/// let mut packet = [0; 40 + 8 + 2];
/// packet[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 10, 60, 255]); // 10 octets; 60: options
/// packet[8..24].copy_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/// packet[24..40].copy_from_slice(&[0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12]);
/// packet[40..48].copy_from_slice(&[PROTOCOL, 0, 1, 4, 0, 0, 0, 0]);
///
/// let (ip, protocol, payload) = split_ipv6(&packet)?;
/// let expected = IpMeta::multicast("fe80::1".parse()?);
/// assert_eq!(ip, IpMeta { header_len: 48, ..expected });
/// assert_eq!((protocol, payload.len()), (PROTOCOL, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn split_ipv6(packet: &[u8]) -> Result<(IpMeta, u8, &[u8]), DecodeError> {
    let header = Ipv6HeaderSlice::from_slice(packet).map_err(fault_of)?;
    let total_len = HEADER_LEN + usize::from(header.payload_length());
    let packet = packet.get(..total_len).ok_or(IpHeaderFault::TotalLength {
        claimed: total_len,
        header_len: HEADER_LEN,
        available: packet.len(),
    })?;
    let (protocol, header_len, payload) = skip_extensions(packet, header.next_header().0)?;
    let (source, destination) = (header.source_addr().into(), header.destination_addr().into());
    let meta = IpMeta { header_len, ..IpMeta::new(source, destination, header.hop_limit()) };
    Ok((meta, protocol, payload))
}

/// The number of what follows the last extension header, the octets in front of it, and it.
fn skip_extensions(packet: &[u8], first: u8) -> Result<(u8, u8, &[u8]), DecodeError> {
    let (mut number, mut start) = (first, HEADER_LEN);
    // Each round moves on by at least one unit.
    while let Ok(header_len) = u8::try_from(start) {
        let truncated = |required_len| IpHeaderFault::Truncated { required_len, len: packet.len() };
        let rest = packet.get(start..).ok_or(truncated(start))?;
        match number {
            HOP_BY_HOP if start > HEADER_LEN => return Err(IpHeaderFault::HopByHop.into()),
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | FRAGMENT => {}
            protocol => return Ok((protocol, header_len, rest)),
        }
        let &[next, units, high, low, ..] =
            rest.first_chunk::<UNIT>().ok_or(truncated(start + UNIT))?;
        // A fragment header has no length, but an offset in 13 bits and whether more follow.
        let units = match number {
            FRAGMENT if u16::from_be_bytes([high, low]) & 0xfff9 != 0 => {
                return Err(DecodeError::Fragment);
            }
            FRAGMENT => 0,
            _ => units,
        };
        (number, start) = (next, start + (1 + usize::from(units)) * UNIT);
    }
    Err(IpHeaderFault::TooLong.into())
}

fn fault_of(error: HeaderSliceError) -> IpHeaderFault {
    match error {
        HeaderSliceError::Len(len) => {
            IpHeaderFault::Truncated { required_len: len.required_len, len: len.len }
        }
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => {
            IpHeaderFault::Version(version_number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::{AUTH_HEADER_PROTOCOL, PROTOCOL};
    use core::net::Ipv6Addr;

    const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);

    /// A packet whose payload length is right, and what follows its header.
    fn packet<const LEN: usize>(first: u8, body: &[u8]) -> [u8; LEN] {
        let mut packet = [0xaa; LEN];
        let payload_len = u8::try_from(LEN - HEADER_LEN).unwrap_or(u8::MAX);
        packet[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, payload_len, first, 255]);
        packet[8..24].copy_from_slice(&SOURCE.octets());
        packet[24..40].copy_from_slice(&GROUP.octets());
        packet[40..][..body.len()].copy_from_slice(body);
        packet
    }

    fn fault(packet: &[u8]) -> IpHeaderFault {
        match split_ipv6(packet) {
            Err(DecodeError::IpHeader(fault)) => fault,
            other => panic!("not an IP header fault: {other:?}"),
        }
    }

    #[test]
    fn payload_is_what_the_payload_length_says() {
        let mut packet = packet::<60>(PROTOCOL, &[]);
        packet[5] = 12;
        let (ip, protocol, payload) = split_ipv6(&packet).unwrap();
        assert_eq!(ip, IpMeta::multicast(SOURCE.into()));
        assert_eq!((protocol, payload), (PROTOCOL, &packet[40..52]));
    }

    #[test]
    fn extension_headers_belong_to_the_header() {
        let headers = [
            [DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0],
            [ROUTING, 1, 1, 12, 0, 0, 0, 0],
            [0; 8],
            [FRAGMENT, 0, 0, 0, 0, 0, 0, 0],
            [PROTOCOL, 0xff, 0, 6, 1, 2, 3, 4],
        ];
        let packet = packet::<92>(HOP_BY_HOP, headers.as_flattened());
        let (ip, protocol, payload) = split_ipv6(&packet).unwrap();
        assert_eq!(ip, IpMeta { header_len: 80, ..IpMeta::multicast(SOURCE.into()) });
        assert_eq!((protocol, payload), (PROTOCOL, &packet[80..]));
    }

    #[test]
    fn what_is_no_extension_header_is_the_protocol() {
        for number in [AUTH_HEADER_PROTOCOL, 50, 58, 59] {
            let packet = packet::<48>(number, &[]);
            let (_, protocol, payload) = split_ipv6(&packet).unwrap();
            assert_eq!((protocol, payload), (number, &packet[40..]));
        }
    }

    #[test]
    fn a_fragment_is_no_message() {
        for offset_and_more in [[0, 1], [0, 8], [0x80, 0]] {
            let mut packet = packet::<60>(FRAGMENT, &[PROTOCOL, 0]);
            packet[42..44].copy_from_slice(&offset_and_more);
            assert_eq!(split_ipv6(&packet), Err(DecodeError::Fragment));
        }
    }

    #[test]
    fn malformed_headers_are_named() {
        let truncated = |required_len, len| IpHeaderFault::Truncated { required_len, len };
        let whole = packet::<48>(PROTOCOL, &[]);
        assert_eq!(fault(&[]), truncated(40, 0));
        assert_eq!(fault(&whole[..39]), truncated(40, 39));
        let claims = IpHeaderFault::TotalLength { claimed: 48, header_len: 40, available: 47 };
        assert_eq!(fault(&whole[..47]), claims);
        let mut other = whole;
        other[0] = 0x45;
        assert_eq!(fault(&other), IpHeaderFault::Version(4));

        assert_eq!(fault(&packet::<47>(ROUTING, &[PROTOCOL, 0])), truncated(48, 47));
        assert_eq!(fault(&packet::<48>(ROUTING, &[PROTOCOL, 1])), truncated(56, 48));
        let twice = packet::<56>(HOP_BY_HOP, &[HOP_BY_HOP, 0]);
        assert_eq!(fault(&twice), IpHeaderFault::HopByHop);
        // A jumbogram.
        let mut jumbo = packet::<56>(HOP_BY_HOP, &[PROTOCOL, 0]);
        jumbo[5] = 0;
        assert_eq!(fault(&jumbo), truncated(48, 40));
    }

    #[test]
    fn headers_end_within_255_octets() {
        let longest = packet::<252>(DESTINATION_OPTIONS, &[PROTOCOL, 25]);
        let (ip, _, payload) = split_ipv6(&longest).unwrap();
        assert_eq!((ip.header_len, payload.len()), (248, 4));
        let too_long = packet::<260>(DESTINATION_OPTIONS, &[PROTOCOL, 26]);
        assert_eq!(fault(&too_long), IpHeaderFault::TooLong);
        let mut endless = [0; 208];
        for header in endless.chunks_exact_mut(UNIT) {
            header[0] = DESTINATION_OPTIONS;
        }
        assert_eq!(fault(&packet::<260>(DESTINATION_OPTIONS, &endless)), IpHeaderFault::TooLong);
        let chain = &packet::<248>(DESTINATION_OPTIONS, &endless);
        assert_eq!(fault(chain), IpHeaderFault::Truncated { required_len: 256, len: 248 });
    }
}
