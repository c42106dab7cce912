//! A message taken apart: every field and every flaw, and no panic whatever it is.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use vrrp_proto::{
    AddressList, Advert, Authentication, ChecksumForm, DropReason, Family, Field, Flaw, Interval,
    IpMeta, Password, Priority, Version, Vrid,
};

mod agreement;

const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));

/// A sound message of this version from this source.
fn message(version: Version, ip: &IpMeta, addresses: &[&str], form: ChecksumForm) -> Vec<u8> {
    let addresses = addresses.iter().map(|address| address.parse().unwrap());
    let addresses = AddressList::from_addresses(Family::of(ip.source), addresses).unwrap();
    let (vrid, interval) = (Vrid::new(51).unwrap(), Interval::DEFAULT);
    let mut advert =
        Advert::new(version, vrid, Priority::OWNER, interval, addresses.as_addresses());
    advert.checksum = form;
    let password = Password::from_text("s3cr3t");
    if version == Version::V2 {
        advert.authentication = Authentication::Password(&password);
    }
    let mut message = vec![0; advert.buffer_len()];
    advert.write(ip, &mut message).unwrap();
    message
}

fn v2() -> Vec<u8> {
    let addresses = ["192.0.2.100", "192.0.2.101"];
    message(Version::V2, &IpMeta::multicast(V4), &addresses, ChecksumForm::MessageOnly)
}

fn v3_over_ipv6() -> Vec<u8> {
    let addresses = ["fe80::51", "2001:db8::100"];
    message(Version::V3, &IpMeta::multicast(V6), &addresses, ChecksumForm::PseudoHeader)
}

/// What is found in a message after an edit, and where.
fn found(mut message: Vec<u8>, ip: IpMeta, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
    edit(&mut message);
    agreement::check(&message, &ip);
    Advert::dissect(&message, Some(&ip)).findings().map(|finding| finding.to_string()).collect()
}

#[test]
fn a_version_2_message_is_printed_without_its_password() {
    let ip = IpMeta::multicast(V4);
    let message = v2();
    let dissection = Advert::dissect(&message, Some(&ip));
    let printed = "\
VRRPv2 message of 24 octets from 192.0.2.1 to 224.0.0.18 with hop limit 255
     0..1     version       2
     0..1     type          1 (ADVERTISEMENT)
     1..2     vrid          51
     2..3     priority      255 (owns the addresses)
     3..4     address count 2
     4..5     auth type     1 (password)
     5..6     interval      1 (1 s)
     6..8     checksum      0x4fe4
     8..12    address       192.0.2.100
    12..16    address       192.0.2.101
    16..24    auth data     8 octets, not shown
  the checksum is right (message only)";
    assert_eq!(dissection.to_string(), printed);
    let debug = format!("{:?}", dissection.fields().collect::<Vec<_>>());
    assert!(debug.contains("hidden") && !debug.contains("115"), "{debug}");
}

#[test]
fn the_family_is_guessed_from_the_length_where_no_ip_header_is_known() {
    let message = v3_over_ipv6();
    let dissection = Advert::dissect(&message, None);
    assert_eq!(dissection.family(), Some(Family::V6));
    let second: IpAddr = "2001:db8::100".parse().unwrap();
    assert!(dissection.fields().any(|field| field == (24..40, Field::Address(second))));
    assert_eq!((dissection.checksum_form(), dissection.findings().count()), (None, 0));
}

#[test]
fn a_checksum_without_ip_header_is_judged_where_it_can_be() {
    let ip = IpMeta::multicast(V4);
    let summed = |form| message(Version::V3, &ip, &["192.0.2.100"], form);
    let form = |message: &[u8]| Advert::dissect(message, None).checksum_form();
    let plain = summed(ChecksumForm::MessageOnly);
    assert_eq!(form(&plain), Some(ChecksumForm::MessageOnly));
    let with_header = summed(ChecksumForm::PseudoHeader);
    assert_eq!(form(&with_header), None);
    assert_eq!(Advert::dissect(&with_header, None).findings().count(), 0, "it may be right");
    let mut wrong = v2();
    wrong[7] ^= 1;
    let flaws: Vec<_> = Advert::dissect(&wrong, None).findings().map(|found| found.flaw).collect();
    assert!(matches!(flaws[..], [Flaw::Checksum { .. }]), "{flaws:?}");
}

#[test]
fn each_flaw_has_its_place_and_says_what_should_be_there() {
    let (v4, v6) = (IpMeta::multicast(V4), IpMeta::multicast(V6));
    let routed = IpMeta { hop_limit: 254, ..v4 };
    let elsewhere = IpMeta { destination: [224, 0, 0, 19].into(), ..v4 };
    let with_sum = |octets: &mut Vec<u8>, ip: IpMeta| {
        let found = Advert::dissect(octets, Some(&ip)).findings().last();
        if let Some(Flaw::Checksum { required, .. }) = found.map(|found| found.flaw) {
            octets[6..8].copy_from_slice(&required.to_be_bytes());
        }
    };
    let set = |at: usize, octet: u8, ip: IpMeta| {
        move |octets: &mut Vec<u8>| {
            octets[at] = octet;
            with_sum(octets, ip);
        }
    };
    let rows: [(Vec<String>, &[&str]); 15] = [
        (found(v2(), v4, |_| {}), &[]),
        (found(v2(), routed, |_| {}), &["IP header: hop limit 254 is not 255"]),
        (
            found(v2(), elsewhere, |_| {}),
            &["IP header: sent to 224.0.0.19 and not to the group 224.0.0.18"],
        ),
        (found(v2(), v4, set(0, 0x41, v4)), &["0..1: version 4 is neither 2 nor 3"]),
        (found(v2(), v4, set(0, 0x22, v4)), &["0..1: message type 2 is not ADVERTISEMENT (1)"]),
        (found(v2(), v4, set(1, 0, v4)), &["1..2: a VRID is 1 to 255, not 0"]),
        (found(v2(), v4, set(4, 9, v4)), &["4..5: authentication type 9 does not exist"]),
        (found(v2(), v4, set(5, 0, v4)), &["5..6: an advertisement interval of 0 is none"]),
        (
            found(v3_over_ipv6(), v6, set(4, 0x10, v6)),
            &["4..5: the reserved bits are 0x1 and should be 0"],
        ),
        (
            found(v3_over_ipv6(), v6, set(8, 0x20, v6)),
            &["8..24: the first address 2080::51 is not link-local"],
        ),
        (
            found(v2(), v4, |octets| octets.truncate(17)),
            &["17..24: the message has 17 octets and should have 24"],
        ),
        (
            found(v2(), v4, |octets| octets.push(7)),
            &["24..25: the message has 25 octets and should end after 24"],
        ),
        (found(v2(), v4, |octets| octets.extend([0, 0])), &[]),
        (
            found(v2(), v4, |octets| octets[7] ^= 1),
            &["6..8: checksum 0x4fe5 should be 0x4fe4 (message only)"],
        ),
        (found(Vec::new(), v4, |_| {}), &["0..8: the message has 0 octets and should have 8"]),
    ];
    for (number, (found, expected)) in rows.into_iter().enumerate() {
        assert_eq!(found, expected, "row {number}");
    }
}

#[test]
fn an_advert_without_addresses_is_odd_in_version_3_alone() {
    let ip = IpMeta::multicast(V4);
    let reasons = |version, form| {
        let message = message(version, &ip, &[], form);
        agreement::check(&message, &ip);
        let findings = Advert::dissect(&message, Some(&ip)).findings();
        findings.map(|finding| (finding.range.clone(), finding.reason())).collect::<Vec<_>>()
    };
    assert_eq!(reasons(Version::V2, ChecksumForm::MessageOnly), []);
    let expected = (Some(3..4), Some(DropReason::NoAddresses));
    assert_eq!(reasons(Version::V3, ChecksumForm::PseudoHeader), [expected]);
}

fn ip() -> impl Strategy<Value = IpMeta> {
    let destinations = prop_oneof![
        Just([224, 0, 0, 18].into()),
        Just([224, 0, 0, 99].into()),
        Just([192, 0, 2, 2].into()),
        Just("ff02::12".parse::<IpAddr>().unwrap()),
        Just("fe80::2".parse::<IpAddr>().unwrap()),
    ];
    let hop_limits = prop_oneof![3 => Just(255), 1 => any::<u8>()];
    (prop_oneof![Just(V4), Just(V6)], destinations, hop_limits)
        .prop_map(|(source, destination, hop_limit)| IpMeta::new(source, destination, hop_limit))
}

/// A message that begins like one, with its right checksum or another.
fn nearly_sound() -> impl Strategy<Value = (Vec<u8>, IpMeta)> {
    let first = prop_oneof![Just(0x21), Just(0x31), any::<u8>()];
    let auth_or_interval = prop_oneof![Just(0_u8), Just(1), Just(2), any::<u8>()];
    let fields = (first, any::<u8>(), any::<u8>(), 0..4_u8, auth_or_interval, any::<u8>());
    let length =
        prop_oneof![Just(0), Just(4), Just(8), Just(12), Just(16), Just(20), Just(24), 0..70_usize];
    let body = vec(any::<u8>(), 70);
    (fields, body, length, ip(), any::<bool>()).prop_map(|(fields, mut body, len, ip, is_right)| {
        let (first, vrid, priority, count, four, five) = fields;
        body.truncate(len);
        let mut message = vec![first, vrid, priority, count, four, five, 0, 0];
        message.append(&mut body);
        let findings = Advert::dissect(&message, Some(&ip)).findings();
        for finding in findings.filter(|_| is_right) {
            if let Flaw::Checksum { required, .. } = finding.flaw {
                message[6..8].copy_from_slice(&required.to_be_bytes());
            }
        }
        (message, ip)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn findings_agree_with_the_rules((message, ip) in nearly_sound()) {
        agreement::check(&message, &ip);
    }

    #[test]
    fn any_octets_are_taken_apart(octets in vec(any::<u8>(), 0..64), ip in ip()) {
        agreement::check(&octets, &ip);
    }
}
