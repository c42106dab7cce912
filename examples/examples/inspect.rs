//! Takes VRRP messages apart: those of a capture file, or one given in hexadecimal.
//!
//! ```text
//! cargo run -p vrrp-examples --example inspect -- vrrp.pcap
//! cargo run -p vrrp-examples --example inspect -- 31336401006405 72c0000264
//! ```

use std::error::Error;

use etherparse::{IpNumber, NetSlice, SlicedPacket};
use vrrp_proto::{Advert, IpMeta, PROTOCOL};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    match &*words {
        [] => return Err("the name of a capture file, or a message in hexadecimal".into()),
        words if let Some(message) = octets(&words.concat()) => {
            println!("{}", Advert::dissect(&message, None));
        }
        [file, ..] => print!("{}", capture(&std::fs::read(file)?)?),
    }
    Ok(())
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair.filter(|pair| pair.len() == 2)?, 16).ok()).collect()
}

/// Everything about the VRRP messages in a pcap file.
fn capture(file: &[u8]) -> Result<String, String> {
    let is_swapped = match file.get(..4) {
        Some([0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1]) => false,
        Some([0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d]) => true,
        _ => return Err("this is no pcap file (pcapng is not read)".into()),
    };
    let word = |at: usize| {
        let octets = file.get(at..at + 4)?.try_into().ok()?;
        Some(if is_swapped { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) })
    };
    if word(20) != Some(1) {
        return Err("only Ethernet captures are read".into());
    }
    let (mut text, mut at, mut number) = (String::new(), 24, 0);
    while let Some(len) = word(at + 8) {
        let frame = file.get(at + 16..).and_then(|rest| rest.get(..len as usize));
        let Some(frame) = frame else { return Err("the file ends inside a frame".into()) };
        (at, number) = (at + 16 + frame.len(), number + 1);
        if let Some((ip, message)) = message(frame) {
            let dissection = Advert::dissect(message, Some(&ip));
            text.push_str(&format!("#{number}: {dissection}\n\n"));
        }
    }
    Ok(text)
}

fn message(frame: &[u8]) -> Option<(IpMeta, &[u8])> {
    let net = SlicedPacket::from_ethernet(frame).ok()?.net?;
    let (ip, payload) = match &net {
        NetSlice::Ipv4(packet) => {
            let header = packet.header();
            let (from, to) = (header.source_addr(), header.destination_addr());
            (IpMeta::new(from.into(), to.into(), header.ttl()), packet.payload())
        }
        NetSlice::Ipv6(packet) => {
            let header = packet.header();
            let (from, to) = (header.source_addr(), header.destination_addr());
            (IpMeta::new(from.into(), to.into(), header.hop_limit()), packet.payload())
        }
        NetSlice::Arp(_) => return None,
    };
    (payload.ip_number == IpNumber(PROTOCOL)).then_some((ip, payload.payload))
}

#[test]
fn a_capture_and_a_message_are_taken_apart() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/vrrp-proto/tests/data/captures/");
    let file = std::fs::read(format!("{data}frr844-v3-ipv4-ipv6.pcap")).expect("it is there");
    let text = capture(&file).expect("it is a pcap file");
    assert!(text.contains("from 192.") && text.contains("from fe80:"), "{text}");
    let flaws: Vec<_> = text.lines().filter(|line| line.starts_with('!')).collect();
    assert!(flaws.iter().all(|flaw| flaw.ends_with("is not link-local")), "{flaws:?}");
    assert!(capture(&file[..file.len() - 1]).is_err() && capture(b"").is_err());
    assert_eq!(octets("3133"), Some(vec![0x31, 0x33]));
    assert_eq!((octets("313"), octets("x1"), octets("é1")), (None, None, None));
}
