//! Recorded traffic of other implementations: what they sent is understood, and sent again
//! octet by octet.
#![allow(clippy::unwrap_used, reason = "test code: a file that is not as expected is a failure")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use recorded::{adverts, data, frames};
use serde_json::Value;
use vrrp_proto::{
    AddressList, Advert, Authentication, Cast, ChecksumForm, DropReason, Family, HopLimits,
    Interval, IpMeta, PROTOCOL, Password, PreparedAdvert, Priority, Remark, Rules, Version, Vrid,
    peek_vrid, split_ipv4,
};

mod agreement;
mod recorded;

/// Protocol number of the IP authentication header.
const AH: u8 = 51;

/// An advert as the index describes it, and with it the rules of a router that expects it.
struct Expected {
    ip: IpMeta,
    is_behind_header: bool,
    version: Version,
    vrid: Vrid,
    priority: u8,
    interval: Interval,
    addresses: AddressList,
    password: Option<Password>,
    checksum: Option<ChecksumForm>,
    has_trailer: bool,
    message: Vec<u8>,
}

impl Expected {
    fn new(entry: &Value) -> Self {
        let number = |name: &str| entry[name].as_u64().unwrap();
        let small = |name: &str| u8::try_from(number(name)).unwrap();
        let address = |value: &Value| value.as_str().unwrap().parse::<IpAddr>().unwrap();
        let source = address(&entry["source"]);
        let interval = std::time::Duration::from_millis(number("interval_centis") * 10);
        let version = Version::try_from(u32::from(small("version"))).unwrap();
        let addresses = entry["addresses"].as_array().unwrap().iter().map(address);
        let auth_type = entry.get("auth_type").map_or(0, |_| small("auth_type"));
        let auth_data = entry.get("auth_data").map_or_else(Vec::new, octets);
        let password = (auth_type == 1)
            .then(|| Password::from_octets(auth_data.as_slice().try_into().unwrap()));
        Self {
            ip: IpMeta::new(source, address(&entry["destination"]), small("hop_limit")),
            is_behind_header: entry.get("ip_protocol").is_some_and(|number| *number == AH),
            version,
            vrid: Vrid::new(small("vrid")).unwrap(),
            priority: small("priority"),
            interval: Interval::new(version, interval).unwrap(),
            addresses: AddressList::from_addresses(Family::of(source), addresses).unwrap(),
            password,
            checksum: form(entry["checksum_form"].as_str().unwrap()),
            has_trailer: entry.get("trailer").is_some(),
            message: octets(&entry["message"]),
        }
    }

    fn family(&self) -> Family {
        Family::of(self.ip.source)
    }

    /// The rules of a router that is configured like the sender.
    fn rules(&self) -> Rules<'_> {
        let authentication =
            self.password.as_ref().map_or(Authentication::None, Authentication::Password);
        let base =
            Rules::new(self.version, self.vrid, self.interval, self.addresses.as_addresses());
        let (cast, hop_limits) = match self.ip.destination.is_multicast() {
            true => (base.cast, base.hop_limits),
            false => {
                let sources = Some(std::slice::from_ref(&self.ip.source));
                (Cast::Unicast { sources, accept_old_checksum: true }, HopLimits::ANY)
            }
        };
        let accept_no_addresses = base.addresses.is_empty();
        Rules { authentication, cast, hop_limits, accept_no_addresses, ..base }
    }

    /// The message that a router with these settings sends.
    fn sent(&self) -> Vec<u8> {
        let priority = Priority::new(self.priority);
        let addresses = self.addresses.as_addresses();
        let advert = Advert {
            authentication: self.rules().authentication,
            checksum: self.checksum.unwrap(),
            ..Advert::new(self.version, self.vrid, Priority::DEFAULT, self.interval, addresses)
        };
        let buffer = vec![0xff; advert.prepared_len()];
        let mut prepared = PreparedAdvert::new(&advert, &self.ip, buffer).unwrap();
        prepared.with_priority(priority).to_vec()
    }

    /// Whether it is of a kind that this crate does not speak, and what becomes of it then.
    fn rejection(&self) -> Option<DropReason> {
        match (self.version, self.family()) {
            (Version::V2, Family::V6) => Some(DropReason::Family),
            _ if self.has_trailer => Some(DropReason::TrailingBytes),
            _ if self.is_behind_header => Some(DropReason::AuthTypeMismatch),
            _ => None,
        }
    }
}

/// The form that the index names, if this crate has it.
fn form(name: &str) -> Option<ChecksumForm> {
    match name {
        "message-only" => Some(ChecksumForm::MessageOnly),
        "ipv4-pseudo-header" | "ipv6-pseudo-header" => Some(ChecksumForm::PseudoHeader),
        "ipv4-pseudo-header-with-multicast-dst" => Some(ChecksumForm::OldUnicast),
        "ipv6-pseudo-header-including-trailer" => None,
        other => panic!("a checksum form {other}"),
    }
}

fn octets(hex: &Value) -> Vec<u8> {
    octets_of(hex.as_str().unwrap())
}

fn octets_of(hex: &str) -> Vec<u8> {
    let octet = |place: usize| u8::from_str_radix(&hex[place..place + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(octet).collect()
}

/// The index: for each capture its entries, by frame number.
fn index() -> BTreeMap<String, BTreeMap<usize, Expected>> {
    let text = std::fs::read_to_string(data("captures/index.json")).unwrap();
    let index: BTreeMap<String, Vec<Value>> = serde_json::from_str(&text).unwrap();
    let by_frame = |entries: Vec<Value>| {
        let each_frame = |entry: Value| {
            let frames = entry["frames"].as_array().unwrap().clone();
            let number = |frame: Value| usize::try_from(frame.as_u64().unwrap()).unwrap();
            frames.into_iter().map(move |frame| (number(frame), Expected::new(&entry)))
        };
        entries.into_iter().flat_map(each_frame).collect()
    };
    index.into_iter().map(|(file, entries)| (file, by_frame(entries))).collect()
}

#[test]
fn every_recorded_advert_is_what_the_index_says() {
    let mut understood = 0;
    for (file, mut entries) in index() {
        for (number, ip, message) in adverts(&format!("captures/{file}")) {
            let expected = entries.remove(&number).expect("the index has every advert");
            let is_behind_header = ip.auth_header.is_some();
            let ip = IpMeta { identification: 0, auth_header: None, ..ip };
            assert_eq!(ip, expected.ip, "{file} #{number}");
            assert_eq!(is_behind_header, expected.is_behind_header, "{file} #{number}");
            assert_eq!(message, expected.message, "{file} #{number}");
            agreement::check(&message, &ip);
            assert_eq!(peek_vrid(&message), Ok(expected.vrid), "{file} #{number}");
            understood += usize::from(check(&expected, &format!("{file} #{number}")));
        }
        assert!(entries.is_empty(), "{file} lacks frames {:?}", entries.keys());
    }
    assert_eq!(understood, 322, "adverts of the kinds that are spoken");
}

/// Parses an advert and writes it again, if it is of a kind that is spoken.
fn check(expected: &Expected, place: &str) -> bool {
    let parsed = Advert::parse(&expected.message, &expected.ip, &expected.rules());
    if let Some(reason) = expected.rejection() {
        assert_eq!(parsed.map_err(|error| error.reason()), Err(reason), "{place}");
        return false;
    }
    let advert = parsed.unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(advert.version, expected.version, "{place}");
    assert_eq!(advert.vrid, expected.vrid, "{place}");
    assert_eq!(advert.priority.get(), expected.priority, "{place}");
    assert_eq!(advert.interval, expected.interval, "{place}");
    assert_eq!(advert.addresses, expected.addresses.as_addresses(), "{place}");
    assert_eq!(Some(advert.checksum), expected.checksum, "{place}");
    let remarks = Vec::from_iter(advert.remarks.iter());
    // FRR's IPv6 router without a link-local address is the only odd one.
    let odd = match place.starts_with("frr844-v3-ipv4-ipv6") && advert.family() == Family::V6 {
        true => vec![Remark::FirstNotLinkLocal],
        false => vec![],
    };
    assert_eq!(remarks, odd, "{place}");

    let mut written = vec![0xff; advert.buffer_len()];
    assert_eq!(advert.write(&expected.ip, &mut written), Ok(written.len()), "{place}");
    assert_eq!(written, expected.message, "{place}");
    assert_eq!(expected.sent(), expected.message, "{place}");
    true
}

#[test]
fn every_capture_is_in_the_index() {
    let index = index();
    let files = std::fs::read_dir(data("captures")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let captures = BTreeSet::from_iter(names.filter(|name| name.ends_with(".pcap")));
    assert_eq!(captures, index.keys().cloned().collect());

    // What the kernel answers for a virtual address is no advert, and nothing else has none.
    let silent = index.iter().filter(|(_, entries)| entries.is_empty()).map(|(file, _)| &file[..]);
    let answers =
        ["ka243-arp-reply-novmac.pcap", "ka243-arp-reply-vmac.pcap", "ka243-ns-reply-vmac.pcap"];
    assert_eq!(Vec::from_iter(silent), answers);

    // What is signed has its tests in `authentication.rs`; VRRPv2 over IPv6 is no standard's.
    let mut others = BTreeMap::new();
    for expected in index.into_values().flat_map(BTreeMap::into_values) {
        if let Some(reason) = expected.rejection() {
            *others.entry(reason).or_insert(0) += 1;
        }
    }
    let counts = [
        (DropReason::Family, 8),
        (DropReason::TrailingBytes, 28),
        (DropReason::AuthTypeMismatch, 24),
    ];
    assert_eq!(others, BTreeMap::from(counts));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut flips = 0;
    for (file, entries) in index() {
        for expected in entries.into_values().filter(|entry| entry.rejection().is_none()) {
            for bit in 0..expected.message.len() * 8 {
                let mut message = expected.message.clone();
                message[bit / 8] ^= 0x80 >> (bit % 8);
                let parsed = Advert::parse(&message, &expected.ip, &expected.rules());
                let reason = parsed.map_err(|error| error.reason());
                let required = match bit / 8 {
                    0 if bit < 4 => [DropReason::Version; 2],
                    0 => [DropReason::Type; 2],
                    1 => [DropReason::Vrid; 2],
                    // A count that does not fit the length.
                    3 => [DropReason::Truncated, DropReason::TrailingBytes],
                    _ => [DropReason::Checksum; 2],
                };
                let is_noticed = reason.is_err_and(|reason| required.contains(&reason));
                assert!(is_noticed, "{file}: bit {bit} of {message:x?}: {reason:?}");
                flips += 1;
            }
        }
    }
    assert!(flips > 60_000, "only {flips} bits were flipped");
}

#[test]
fn the_old_unicast_checksum_is_only_accepted_where_it_is_allowed() {
    let mut seen = 0;
    let entries = index().into_values().flat_map(BTreeMap::into_values);
    for expected in entries.filter(|entry| entry.checksum == Some(ChecksumForm::OldUnicast)) {
        let cast = Cast::Unicast { sources: None, accept_old_checksum: false };
        let strict = Rules { cast, ..expected.rules() };
        let parsed = Advert::parse(&expected.message, &expected.ip, &strict);
        let reason = parsed.map_err(|error| error.reason());
        assert_eq!(reason, Err(DropReason::Checksum));
        seen += 1;
    }
    assert_eq!(seen, 8);
}

#[test]
fn seven_mikrotik_routers_are_understood() {
    let v4 = |last: &[[u8; 4]]| last.iter().copied().map(IpAddr::from).collect();
    let v6 = |all: &[&str]| all.iter().map(|address| address.parse().unwrap()).collect();
    let password = Password::from_text("abcdefgh");
    let (password, none) = (Authentication::Password(&password), Authentication::None);
    let routers: [(u8, Version, Authentication<'_>, Vec<IpAddr>); 5] = [
        (42, Version::V2, password, v4(&[[10, 4, 42, 1], [10, 4, 42, 2], [10, 4, 42, 3]])),
        (43, Version::V2, none, v4(&[[10, 4, 43, 150]])),
        (44, Version::V3, none, v4(&[[10, 4, 44, 100], [10, 4, 44, 200]])),
        (45, Version::V3, none, v6(&["fe80::200:5eff:fe00:22d", "2001::abcd:a"])),
        (
            46,
            Version::V3,
            none,
            v6(&[
                "fe80::200:5eff:fe00:22e",
                "2001::eeff:a",
                "2001::eeff:b",
                "2001::eeff:c",
                "2001::eeff:d",
            ]),
        ),
    ];
    let interval = Interval::from_secs(10).unwrap();
    let adverts = adverts("tcpdump/vrrp.pcap");
    assert_eq!(adverts.len(), 165);
    for (number, ip, message) in adverts {
        let vrid = peek_vrid(&message).unwrap();
        let (_, version, authentication, addresses) =
            routers.iter().find(|router| router.0 == vrid.get()).unwrap();
        let list = AddressList::from_addresses(Family::of(ip.source), addresses.iter().copied());
        let list = list.unwrap();
        let rules = Rules {
            authentication: *authentication,
            ..Rules::new(*version, vrid, interval, list.as_addresses())
        };
        let advert = Advert::parse(&message, &ip, &rules).unwrap();
        assert!((191..=197).contains(&advert.priority.get()), "#{number}");
        assert_eq!(advert.checksum, ChecksumForm::usual(*version), "#{number}");
        assert!(advert.remarks.is_empty(), "#{number}");
        let mut written = vec![0xff; advert.buffer_len()];
        advert.write(&ip, &mut written).unwrap();
        assert_eq!(written, message, "#{number}");
    }
}

#[test]
fn what_a_fuzzer_made_for_tcpdump_is_rejected() {
    // The first file is Frame Relay.
    let files = [
        ("tcpdump/vrrp-vrrp_print-oobr.pcap", 5, 3),
        ("tcpdump/vrrp-vrrp_print-oobr-2.pcap", 14, 10),
    ];
    for (file, link_header_len, packets) in files {
        let frames = frames(file);
        assert_eq!(frames.len(), packets);
        for frame in frames {
            let packet = &frame[link_header_len..];
            assert_eq!(packet[9], PROTOCOL, "{file}: {packet:x?}");
            // Many fail as IP packets already; whatever follows their header is bad as well.
            if let Ok((_, _, message)) = split_ipv4(packet) {
                assert_no_advert(message);
            }
            let header_len = usize::from(packet[0] & 0xf) * 4;
            assert_no_advert(packet.get(header_len..).unwrap_or(&[]));
        }
    }
}

/// Checks that a message is no advert of either version, whoever sends it to whom.
fn assert_no_advert(message: &[u8]) {
    let vrid = peek_vrid(message).unwrap_or(Vrid::new(2).unwrap());
    for (version, family, source) in [
        (Version::V2, Family::V4, IpAddr::from([0, 3, 2, 148])),
        (Version::V3, Family::V4, IpAddr::from([0, 3, 2, 148])),
        (Version::V3, Family::V6, IpAddr::from([0; 16])),
    ] {
        let addresses = AddressList::new(family);
        let rules = Rules::new(version, vrid, Interval::DEFAULT, addresses.as_addresses());
        let ip = IpMeta::multicast(source);
        let parsed = Advert::parse(message, &ip, &rules);
        assert!(parsed.is_err(), "{message:x?} is {parsed:?}");
        agreement::check(message, &ip);
    }
}

#[test]
fn holos_vectors_are_understood() {
    let text = std::fs::read_to_string(data("holo/packets.txt")).unwrap();
    let vector = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        octets_of(line.split(" | ").nth(1).unwrap())
    };
    let mut packet = vector("ipv4-header");
    packet.extend(vector("vrrp-v2-ipv4"));
    let (ip, protocol, message) = split_ipv4(&packet).unwrap();
    assert_eq!((ip, protocol), (IpMeta::multicast([192, 168, 100, 2].into()), PROTOCOL));

    let vrid = Vrid::new(51).unwrap();
    let own = AddressList::from_addresses(Family::V4, [[10, 0, 1, 5].into()]).unwrap();
    let rules = Rules::new(Version::V2, vrid, Interval::DEFAULT, own.as_addresses());
    let advert = Advert::parse(message, &ip, &rules).unwrap();
    assert_eq!((advert.priority.get(), advert.addresses), (30, own.as_addresses()));
    assert!(advert.remarks.is_empty());
}
