//! What must hold of every IPv6 packet that is split: for the property tests and for the fuzz
//! target.

use std::net::IpAddr;

use etherparse::{Ipv6ExtensionsSlice, Ipv6HeaderSlice};
use vrrp_proto::{AUTH_HEADER_PROTOCOL, DecodeError, split_ipv6};

/// Splits a packet, and checks what is found against etherparse.
pub(crate) fn check(packet: &[u8]) {
    let ours = split_ipv6(packet);
    let Some((header, body)) = header_and_body(packet) else {
        assert!(matches!(ours, Err(DecodeError::IpHeader(_))), "{ours:?}");
        return;
    };
    let theirs = Ipv6ExtensionsSlice::from_slice(header.next_header(), body);
    match ours {
        Ok((ip, protocol, payload)) => {
            assert_eq!(ip.source, IpAddr::V6(header.source_addr()));
            assert_eq!(ip.destination, IpAddr::V6(header.destination_addr()));
            assert_eq!((ip.hop_limit, ip.auth_header), (header.hop_limit(), None));
            assert_eq!(payload, &packet[usize::from(ip.header_len)..40 + body.len()]);
            // etherparse goes on behind an authentication header.
            if protocol != AUTH_HEADER_PROTOCOL {
                let (extensions, number, rest) = theirs.expect("it was split");
                assert!(!extensions.is_fragmenting_payload());
                assert_eq!((protocol, payload), (number.0, rest));
            }
        }
        Err(error) => {
            let is_longest = |extensions: &Ipv6ExtensionsSlice<'_>| extensions.slice().len() > 215;
            let is_sound = theirs.is_ok_and(|(extensions, ..)| {
                !is_longest(&extensions) && !extensions.is_fragmenting_payload()
            });
            assert!(!is_sound, "{error}: {packet:x?}");
        }
    }
}

/// The fixed header, and what its payload length covers.
fn header_and_body(packet: &[u8]) -> Option<(Ipv6HeaderSlice<'_>, &[u8])> {
    let header = Ipv6HeaderSlice::from_slice(packet).ok()?;
    let body = packet[40..].get(..usize::from(header.payload_length()))?;
    Some((header, body))
}
