//! Any chain of IPv6 headers is split as etherparse splits it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_proto::split_ipv6;

#[path = "../../crates/vrrp-proto/tests/ipv6/mod.rs"]
mod ipv6;

// The input is a next header, then what follows the fixed header.
fuzz_target!(|input: &[u8]| {
    // As they are, the octets are hardly ever a packet.
    ipv6::check(input);
    let Some((&next_header, body)) = input.split_first() else { return };
    let Ok(body_len) = u16::try_from(body.len()) else { return };
    let mut packet = vec![0; 40];
    packet[0] = 0x60;
    packet[4..6].copy_from_slice(&body_len.to_be_bytes());
    packet[6..8].copy_from_slice(&[next_header, 255]);
    packet.extend(body);
    ipv6::check(&packet);
    // The link's padding changes nothing.
    let padded = [&packet[..], &[0xff; 6]].concat();
    assert_eq!(split_ipv6(&padded), split_ipv6(&packet));
});
