//! Bytes are read, written and read again: all three agree, or the bytes were rejected.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use vrrp_proto::{
    Addresses, Advert, Authentication, Cast, DecodeError, Family, HopLimits, Interval, IpMeta,
    Password, PreparedAdvert, Priority, Rules, Version, Vrid, peek_vrid, split_ipv4,
};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, message)) = input.split_first() else { return };
    if let Ok((ip, _, payload)) = split_ipv4(message) {
        let _ = Advert::parse(payload, &ip, &rules(choice, payload, &ip));
    }
    let ip = envelope(choice);
    check(message, &ip, &rules(choice, message, &ip));
});

const fn chooses(choice: u8, bit: u8) -> bool {
    choice & 1 << bit != 0
}

/// The packet that the choice puts the message into: unicast or multicast, IPv4 or IPv6.
fn envelope(choice: u8) -> IpMeta {
    let (source, peer): (IpAddr, IpAddr) = match chooses(choice, 1) {
        false => ([192, 0, 2, 1].into(), [192, 0, 2, 3].into()),
        true => {
            ([0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 0xa].into(), [0xfe80, 0, 0, 0, 0, 0, 0, 3].into())
        }
    };
    match chooses(choice, 3) {
        false => IpMeta::multicast(source),
        true => IpMeta::new(source, peer, 5),
    }
}

static PASSWORD: Password = Password::from_octets(*b"s3cr3t\0\0");

/// Rules that the message has a chance to obey: its own VRID, and in VRRPv2 its own interval.
fn rules<'a>(choice: u8, message: &[u8], ip: &IpMeta) -> Rules<'a> {
    let (version, family) = match (chooses(choice, 0), Family::of(ip.source)) {
        (false, Family::V4) => (Version::V2, Family::V4),
        (_, family) => (Version::V3, family),
    };
    let vrid = peek_vrid(message).unwrap_or(Vrid::new(1).expect("not 0"));
    let secs = message.get(5).copied().unwrap_or(1);
    let interval = Interval::from_secs(secs).unwrap_or(Interval::DEFAULT);
    let mut rules = Rules::new(version, vrid, interval, Addresses::none(family));
    if chooses(choice, 2) {
        rules.authentication = Authentication::Password(&PASSWORD);
    }
    if chooses(choice, 3) {
        rules.cast = Cast::Unicast { sources: None, accept_old_checksum: chooses(choice, 4) };
        rules.hop_limits = HopLimits::ANY;
    }
    rules.accept_no_addresses = chooses(choice, 5);
    rules
}

fn check(message: &[u8], ip: &IpMeta, rules: &Rules<'_>) {
    match Advert::parse(message, ip, rules) {
        Ok(advert) => check_round_trip(&advert, ip, rules),
        // Chance does not find checksums. The error does, and what is behind them is worth a look.
        Err(DecodeError::Checksum { required, .. }) => {
            let mut sealed = message.to_vec();
            sealed[6..8].copy_from_slice(&required.to_be_bytes());
            match Advert::parse(&sealed, ip, rules) {
                Ok(advert) => check_round_trip(&advert, ip, rules),
                Err(error) => {
                    assert!(!matches!(error, DecodeError::Checksum { .. }), "still {error}");
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn check_round_trip(advert: &Advert<'_>, ip: &IpMeta, rules: &Rules<'_>) {
    let mut written = vec![0xff; advert.buffer_len()];
    let len = advert.write(ip, &mut written).expect("what was read can be written");
    assert_eq!(len, written.len());
    let again = Advert::parse(&written, ip, rules).expect("what was written can be read");
    assert_eq!(again, *advert);

    let mut prepared = PreparedAdvert::new(advert, ip, written.clone()).expect("it was written");
    prepared.with_priority(Priority::RESIGN);
    assert_eq!(prepared.with_priority(advert.priority), written);
}
