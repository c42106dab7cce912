//! The captures in `tests/data`.

use std::path::PathBuf;

use smoltcp::wire::{EthernetFrame, EthernetProtocol, Ipv6Packet};
use vrrp_proto::{IpMeta, PROTOCOL, split_ipv4, split_ipv6};

/// Where a file of the test data is.
pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The frames of a classic little-endian pcap file with microseconds.
pub(crate) fn frames(file: &str) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(data(file)).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!(word(0), 0xa1b2_c3d4, "{file} is no such file");
    let mut frames = Vec::new();
    let mut at = 24;
    while at < bytes.len() {
        let captured_len = word(at + 8);
        frames.push(bytes[at + 16..][..captured_len].to_vec());
        at += 16 + captured_len;
    }
    frames
}

/// The IP packet in a frame: its header, protocol and payload, as smoltcp finds IPv6 ones too.
fn ip_packet(frame: &[u8]) -> Option<(IpMeta, u8, Vec<u8>)> {
    let frame = EthernetFrame::new_checked(frame).unwrap();
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let (ip, protocol, payload) = split_ipv4(frame.payload()).unwrap();
            Some((ip, protocol, payload.to_vec()))
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).unwrap();
            let (source, destination) = (packet.src_addr().into(), packet.dst_addr().into());
            let (ip, protocol, payload) = split_ipv6(frame.payload()).unwrap();
            assert_eq!((ip.source, ip.destination), (source, destination));
            assert_eq!(ip.hop_limit, packet.hop_limit());
            if ip.header_len == 40 {
                assert_eq!((protocol, payload), (packet.next_header().into(), packet.payload()));
            }
            Some((ip, protocol, payload.to_vec()))
        }
        _ => None,
    }
}

/// The adverts in a capture, with the number of their frame.
pub(crate) fn adverts(file: &str) -> Vec<(usize, IpMeta, Vec<u8>)> {
    let packets = frames(file).into_iter().zip(1..);
    packets
        .filter_map(|(frame, number)| {
            let (ip, protocol, payload) = ip_packet(&frame)?;
            (protocol == PROTOCOL).then_some((number, ip, payload))
        })
        .collect()
}
