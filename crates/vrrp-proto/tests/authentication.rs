//! Signed adverts: those of keepalived are verified and signed again octet by octet, and nothing that
//! was changed, repeated or made with other keys passes.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use proptest::prelude::*;
use recorded::adverts;
use vrrp_proto::{
    AddressList, Addresses, Advert, AntiReplay, AuthHeader, Authentication, Cast, ChecksumForm,
    DecodeError, DropReason, EncodeError, Family, Field, HeaderKey, HmacKey, HmacMode,
    HmacSettings, HopLimits, Interval, IpMeta, Password, PreparedAdvert, Priority, Replay, Rules,
    Secret, Sequence, Signer, TRAILER_LEN, UnixTime, Version, Vrid, split_ipv4,
};

mod recorded;
mod signed;

/// The keys of the captures.
fn keys() -> [HmacKey; 2] {
    let first: [u8; 32] = std::array::from_fn(|place| u8::try_from(place).unwrap());
    let second = b"abcdefghijklmnopqrstuvwxyz0123456789ABCD";
    [HmacKey::new(1, &first).unwrap(), HmacKey::new(2, second).unwrap()]
}

/// `auth_hmac` with these keys, of which the first signs, at this time.
fn hmac(keys: &[HmacKey], secs: u32) -> HmacSettings<'_> {
    HmacSettings {
        keys,
        signing: &keys[0],
        mode: HmacMode::Enforce,
        anti_replay: AntiReplay::Timestamp { window_secs: 5 },
        now: UnixTime { secs, fraction: 0 },
    }
}

/// Rules that the captured adverts obey but for authentication.
fn rules<'a>(version: Version, ip: &IpMeta, authentication: Authentication<'a>) -> Rules<'a> {
    let addresses = Addresses::none(Family::of(ip.source));
    let base = Rules::new(version, Vrid::new(51).unwrap(), Interval::DEFAULT, addresses);
    match ip.destination.is_multicast() {
        true => Rules { authentication, ..base },
        false => {
            let cast = Cast::Unicast { sources: None, accept_old_checksum: false };
            Rules { authentication, cast, hop_limits: HopLimits::ANY, ..base }
        }
    }
}

fn version(message: &[u8]) -> Version {
    Version::try_from(u32::from(message[0] >> 4)).unwrap()
}

/// The seconds in a trailer.
fn signed_at(message: &[u8]) -> u32 {
    let trailer = &message[message.len() - TRAILER_LEN..];
    u32::from_be_bytes(trailer[4..8].try_into().unwrap())
}

/// What is sent if this advert is sent again with its own sequence number.
fn sent_again(advert: &Advert<'_>, ip: &IpMeta) -> Vec<u8> {
    let mut prepared = PreparedAdvert::new(advert, ip, vec![0xff; advert.prepared_len()]).unwrap();
    // What stands there from another sending must not matter.
    let other = match advert.sequence.unwrap() {
        Sequence::Header(_) => Sequence::Header(77),
        _ => Sequence::Trailer(77),
    };
    prepared.sign(Priority::RESIGN, &advert.authentication, Some(other), 7).unwrap();
    let (authentication, id) = (&advert.authentication, ip.identification);
    let payload = prepared.sign(advert.priority, authentication, advert.sequence, id).unwrap();
    assert_eq!(payload.protocol, if ip.auth_header.is_some() { 51 } else { 112 });
    payload.octets.to_vec()
}

#[test]
fn every_recorded_authentication_header_is_verified_and_written_again() {
    let files = [
        ("ka227-v2-ipv4-ah", 4),
        ("ka243-v2-ipv4-ah", 4),
        ("ka243-v2-ipv4-unicast-ah", 4),
        ("interop-ka243-ka227-v2-ah", 12),
    ];
    let key = HeaderKey::from_text("s3cr3t");
    for (file, count) in files {
        let adverts = adverts(&format!("captures/{file}.pcap"));
        assert_eq!(adverts.len(), count, "{file}");
        // The last of these hosts takes over from the first, and goes on with its numbers.
        for ((number, ip, message), sequence) in adverts.into_iter().zip(1..) {
            let rules = rules(Version::V2, &ip, Authentication::Header(&key));
            let advert = Advert::parse(&message, &ip, &rules)
                .unwrap_or_else(|error| panic!("{file} #{number}: {error}"));
            assert_eq!(advert.sequence, Some(Sequence::Header(sequence)), "{file} #{number}");
            let header = ip.auth_header.unwrap();
            let payload = [header.as_octets(), &message[..]].concat();
            assert_eq!(sent_again(&advert, &ip), payload, "{file} #{number}");
        }
    }
}

#[test]
fn every_recorded_trailer_is_verified_and_written_again() {
    let files = [
        ("ka243-v2-ipv4-hmac", 4, 1),
        ("ka243-v3-ipv4-hmac", 4, 1),
        ("ka243-v3-ipv4-hmac-key2", 4, 2),
        ("ka243-v3-ipv4-unicast-hmac", 4, 1),
        ("ka243-v3-ipv4-unicast-hmac-2peers", 8, 1),
        ("ka243-v3-ipv6-hmac", 4, 1),
    ];
    let keys = keys();
    for (file, count, id) in files {
        let adverts = adverts(&format!("captures/{file}.pcap"));
        assert_eq!(adverts.len(), count, "{file}");
        let mut replays = [Replay::default(), Replay::default()];
        for (number, ip, message) in adverts {
            let signing = &keys[id - 1];
            let settings = HmacSettings { signing, ..hmac(&keys, signed_at(&message)) };
            let rules = rules(version(&message), &ip, Authentication::Hmac(settings));
            let advert = Advert::parse(&message, &ip, &rules)
                .unwrap_or_else(|error| panic!("{file} #{number}: {error}"));
            assert_eq!(sent_again(&advert, &ip), message, "{file} #{number}");
            // The copies for two peers have one number.
            let replay = &mut replays[usize::from(ip.destination == IpAddr::from([192, 0, 2, 2]))];
            assert_eq!(replay.check(&ip, &advert), Ok(()), "{file} #{number}");
            let again = replay.check(&ip, &advert).map_err(|error| error.reason());
            assert_eq!(again, Err(DropReason::Replay), "{file} #{number}");
        }
    }
}

#[test]
fn whoever_takes_over_continues_with_the_last_number_that_was_heard() {
    let key = HeaderKey::from_text("s3cr3t");
    let authentication = Authentication::Header(&key);
    let (mut signer, mut replay) = (Signer::default(), Replay::default());
    for (_, ip, message) in adverts("captures/interop-ka243-ka227-v2-ah.pcap") {
        let rules = rules(Version::V2, &ip, authentication);
        let advert = Advert::parse(&message, &ip, &rules).unwrap();
        if ip.source == IpAddr::from([192, 0, 2, 2]) {
            // What the other implementation sent is what this one would.
            assert_eq!(signer.next(&authentication), Ok(advert.sequence));
        } else {
            replay.check(&ip, &advert).unwrap();
            signer.heard(advert.sequence.unwrap());
        }
    }
    assert_eq!(signer.next(&authentication), Ok(Some(Sequence::Header(13))));
}

/// An advert of VRID 51 for one address, and the packet that it goes into.
fn sample(version: Version, source: IpAddr) -> (AddressList, IpMeta) {
    let address = match (version, source) {
        (_, IpAddr::V4(_)) => "192.0.2.100",
        (_, IpAddr::V6(_)) => "fe80::51",
    };
    let family = Family::of(source);
    let list = AddressList::from_addresses(family, [address.parse().unwrap()]).unwrap();
    (list, IpMeta { identification: 7, ..IpMeta::multicast(source) })
}

/// The payload of a signed advert.
fn signed(
    version: Version,
    source: IpAddr,
    authentication: Authentication<'_>,
    sequence: Option<Sequence>,
) -> (IpMeta, Vec<u8>) {
    let (list, mut ip) = sample(version, source);
    let (vrid, addresses) = (Vrid::new(51).unwrap(), list.as_addresses());
    let base = Advert::new(version, vrid, Priority::DEFAULT, Interval::DEFAULT, addresses);
    let advert = Advert { authentication, ..base };
    let mut prepared = PreparedAdvert::new(&advert, &ip, vec![0; advert.prepared_len()]).unwrap();
    let payload = prepared.sign(Priority::DEFAULT, &authentication, sequence, 7).unwrap();
    if payload.protocol == 112 {
        return (ip, payload.octets.to_vec());
    }
    let (header, _, message) = AuthHeader::split(payload.octets).unwrap();
    ip.auth_header = Some(header);
    (ip, message.to_vec())
}

const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));
const KINDS: [(Version, IpAddr); 3] = [(Version::V2, V4), (Version::V3, V4), (Version::V3, V6)];

/// An `auth_hmac` advert at second 1000, after a change to its octets that the checksum follows.
fn altered((version, source): (Version, IpAddr), edit: impl Fn(&mut Vec<u8>)) -> (IpMeta, Vec<u8>) {
    let keys = keys();
    let authentication = Authentication::Hmac(hmac(&keys, 1000));
    let (ip, mut message) =
        signed(version, source, authentication, Some(Sequence::Trailer(1000 << 32)));
    edit(&mut message);
    let rules = rules(version, &ip, authentication);
    if let Err(DecodeError::Checksum { required, .. }) = Advert::parse(&message, &ip, &rules) {
        message[6..8].copy_from_slice(&required.to_be_bytes());
    }
    (ip, message)
}

#[test]
fn each_bad_signature_has_its_own_reason() {
    let keys = keys();
    let key = HeaderKey::from_text("s3cr3t");
    let header = Authentication::Header(&key);
    let trailer = Authentication::Hmac(hmac(&keys, 1000));
    let first = Some(Sequence::Header(1));
    let reason = |(ip, message): (IpMeta, Vec<u8>), authentication| {
        let rules = rules(version(&message), &ip, authentication);
        Advert::parse(&message, &ip, &rules).map(drop).map_err(|error| error.reason())
    };
    let mut seen = BTreeSet::new();
    let mut row = |what: &str, found: Result<(), DropReason>, expected: DropReason| {
        assert_eq!(found, Err(expected), "{what}");
        seen.insert(expected);
    };
    let with_header = |edit: &dyn Fn(&mut IpMeta)| {
        let (mut ip, message) = signed(Version::V2, V4, header, first);
        edit(&mut ip);
        (ip, message)
    };
    let bare = with_header(&|ip| ip.auth_header = None);
    row("no header", reason(bare, header), DropReason::MissingHeader);
    for authentication in [Authentication::None, trailer] {
        let found = reason(with_header(&|_| {}), authentication);
        row("a header", found, DropReason::UnexpectedHeader);
    }
    let other = HeaderKey::from_text("s3cr3T");
    let found = reason(with_header(&|_| {}), Authentication::Header(&other));
    row("another key", found, DropReason::InvalidIcv);
    let found = reason(with_header(&|ip| ip.identification = 8), header);
    row("another identification", found, DropReason::InvalidIcv);
    let found = reason(with_header(&|ip| ip.header_len = 24), header);
    row("options", found, DropReason::InvalidIcv);
    row("a foreign index", reason(foreign_spi(), header), DropReason::SpiMismatch);

    for kind in KINDS {
        let end = |message: &[u8]| message.len() - TRAILER_LEN;
        let unsigned = altered(kind, |message| message.truncate(end(message)));
        row("no trailer", reason(unsigned, trailer), DropReason::MissingHmac);
        for (at, octet) in [(0, 2), (0, 0), (2, 1), (3, 1)] {
            let found = altered(kind, |message| {
                let at = end(message) + at;
                message[at] = octet;
            });
            row("no such trailer", reason(found, trailer), DropReason::Malformed);
        }
        for secs in [994, 1006] {
            let late = Authentication::Hmac(hmac(&keys, secs));
            row("too early or late", reason(altered(kind, |_| {}), late), DropReason::Stale);
        }
        let other = altered(kind, |message| {
            let at = end(message) + 1;
            message[at] = 3;
        });
        row("a key that is not there", reason(other, trailer), DropReason::UnknownKey);
        let other = altered(kind, |message| {
            let at = end(message) + 1;
            message[at] = 2;
        });
        row("another key's number", reason(other, trailer), DropReason::InvalidHmac);
        let longer = altered(kind, |message| message.push(0));
        let found = reason(longer, trailer);
        assert_eq!(found, Err(DropReason::TrailingBytes), "one octet more is no trailer");
        let found = reason(altered(kind, |_| {}), Authentication::None);
        assert!(found.is_err(), "a trailer where none is used");
    }

    let replay = DecodeError::Replay { last: Sequence::Header(1), found: Sequence::Header(1) };
    let mut memory = Replay::default();
    assert!(memory.admit(V4, Sequence::Header(1), &Authentication::None).is_ok());
    assert_eq!(memory.admit(V4, Sequence::Header(1), &Authentication::None), Err(replay));
    seen.insert(replay.reason());
    assert_eq!(seen, BTreeSet::from(signed::REASONS));
}

/// An advert whose header is sound but for another address as its index: that of a router with the
/// key, whose packet was sent on with another source.
fn foreign_spi() -> (IpMeta, Vec<u8>) {
    let mut octets = [0; 24];
    octets[..2].copy_from_slice(&[112, 4]);
    octets[4..12].copy_from_slice(&[192, 0, 2, 9, 0, 0, 0, 1]);
    let key = HeaderKey::from_text("s3cr3t");
    let (mut ip, message) =
        signed(Version::V2, V4, Authentication::Header(&key), Some(Sequence::Header(1)));
    let icv = icv(b"s3cr3t\0\0", &octets, &ip, &message);
    octets[12..].copy_from_slice(&icv);
    ip.auth_header = Some(AuthHeader::split(&octets).unwrap().0);
    (ip, message)
}

/// HMAC-MD5-96 as RFC 2104 and protocol 51 define it, computed apart from the library.
fn icv(key: &[u8], header: &[u8; 24], ip: &IpMeta, message: &[u8]) -> [u8; 12] {
    use hmac::{KeyInit, Mac};

    let (IpAddr::V4(from), IpAddr::V4(to)) = (ip.source, ip.destination) else { panic!("IPv4") };
    let mut mac = hmac::Hmac::<md5::Md5>::new_from_slice(key).unwrap();
    let total_len = u16::try_from(20 + 24 + message.len()).unwrap();
    mac.update(&[0x45, 0]);
    mac.update(&total_len.to_be_bytes());
    mac.update(&ip.identification.to_be_bytes());
    mac.update(&[0, 0, ip.hop_limit, 51, 0, 0]);
    mac.update(&from.octets());
    mac.update(&to.octets());
    mac.update(&header[..12]);
    mac.update(&[0; 12]);
    mac.update(message);
    mac.finalize().into_bytes()[..12].try_into().unwrap()
}

#[test]
fn a_difference_as_large_as_the_window_is_accepted_and_monotonic_has_none() {
    let keys = keys();
    for kind in KINDS {
        let (ip, message) = altered(kind, |_| {});
        let parse = |settings: HmacSettings<'_>| {
            let rules = rules(kind.0, &ip, Authentication::Hmac(settings));
            Advert::parse(&message, &ip, &rules).map(drop)
        };
        assert_eq!([parse(hmac(&keys, 995)), parse(hmac(&keys, 1005))], [Ok(()), Ok(())]);
        let error = DecodeError::Stale { behind_secs: 6, window_secs: 5 };
        assert_eq!(parse(hmac(&keys, 1006)), Err(error));
        let anti_replay = AntiReplay::Monotonic;
        assert_eq!(parse(HmacSettings { anti_replay, ..hmac(&keys, 99_999) }), Ok(()));
    }
}

#[test]
fn a_stale_advert_is_stale_before_its_key_is_looked_for_and_an_unknown_key_before_its_hmac() {
    let keys = keys();
    let (ip, message) = altered((Version::V3, V4), |message| {
        let at = message.len() - TRAILER_LEN;
        message[at + 1] = 9;
        message[at + 12] ^= 1;
    });
    let reason = |secs| {
        let rules = rules(Version::V3, &ip, Authentication::Hmac(hmac(&keys, secs)));
        Advert::parse(&message, &ip, &rules).unwrap_err().reason()
    };
    assert_eq!((reason(2000), reason(1000)), (DropReason::Stale, DropReason::UnknownKey));
}

#[test]
fn keys_are_changed_without_a_gap() {
    let keys = keys();
    let old = hmac(&keys[..1], 1000);
    let both = HmacSettings { signing: &keys[0], ..hmac(&keys, 1000) };
    let new = HmacSettings { keys: &keys[1..], signing: &keys[1], ..both };
    let both_with_new = HmacSettings { signing: &keys[1], ..both };
    let passes = |sender: HmacSettings<'_>, receiver: HmacSettings<'_>| {
        let authentication = Authentication::Hmac(sender);
        let sequence = Signer::default().next(&authentication).unwrap();
        let (ip, message) = signed(Version::V3, V4, authentication, sequence);
        let rules = rules(Version::V3, &ip, Authentication::Hmac(receiver));
        Advert::parse(&message, &ip, &rules).is_ok()
    };
    for (one, other) in [(old, both), (both, both_with_new), (both_with_new, new)] {
        assert!(passes(one, other) && passes(other, one));
    }
    assert!(!passes(old, new) && !passes(new, old));
}

#[test]
fn each_mode_signs_and_accepts_what_it_says() {
    let keys = keys();
    let settings = |mode| HmacSettings { mode, ..hmac(&keys, 1000) };
    // For each mode: whether it signs, whether it accepts an advert without a trailer.
    let modes = [
        (HmacMode::Enforce, true, false),
        (HmacMode::Permissive, true, true),
        (HmacMode::ReceiveOnly, false, true),
    ];
    for (mode, signs, accepts_unsigned) in modes {
        let authentication = Authentication::Hmac(settings(mode));
        let sequence = Signer::default().next(&authentication).unwrap();
        assert_eq!(sequence.is_some(), signs, "{mode:?}");
        let (ip, message) = signed(Version::V3, V6, authentication, sequence);
        assert_eq!(message.len() == 8 + 16 + TRAILER_LEN, signs, "{mode:?}");
        let enforcing = Authentication::Hmac(settings(HmacMode::Enforce));
        let strict = rules(Version::V3, &ip, enforcing);
        assert_eq!(Advert::parse(&message, &ip, &strict).is_ok(), signs, "{mode:?}");

        let unsigned = altered((Version::V3, V6), |message| message.truncate(24));
        let rules = rules(Version::V3, &ip, authentication);
        let parsed = Advert::parse(&unsigned.1, &unsigned.0, &rules);
        assert_eq!(parsed.is_ok(), accepts_unsigned, "{mode:?}");
        let unproved = |advert: Advert<'_>| {
            (advert.authentication, advert.sequence) == (Authentication::None, None)
        };
        assert!(parsed.is_err() || parsed.is_ok_and(unproved), "{mode:?}");
        // A trailer that is there must be right in every mode.
        let bad = altered((Version::V3, V6), |message| *message.last_mut().unwrap() ^= 1);
        let reason = Advert::parse(&bad.1, &bad.0, &rules).map_err(|error| error.reason());
        assert_eq!(reason, Err(DropReason::InvalidHmac), "{mode:?}");
    }
}

#[test]
fn an_advert_is_signed_in_the_way_that_it_was_prepared_for() {
    let (keys, key) = (keys(), HeaderKey::from_text("s3cr3t"));
    let password = Password::from_text("s3cr3t");
    let ways = [
        Authentication::Password(&password),
        Authentication::Header(&key),
        Authentication::Hmac(hmac(&keys, 1000)),
    ];
    let (list, ip) = sample(Version::V2, V4);
    let (vrid, addresses) = (Vrid::new(51).unwrap(), list.as_addresses());
    let plain = Advert::new(Version::V2, vrid, Priority::DEFAULT, Interval::DEFAULT, addresses);
    for (place, authentication) in ways.into_iter().enumerate() {
        let advert = Advert { authentication, ..plain };
        let len = advert.prepared_len();
        let short = PreparedAdvert::new(&advert, &ip, vec![0; len - 1]).map(drop);
        let required_len = len;
        let error = EncodeError::BufferTooSmall { required_len, len: len - 1 };
        assert_eq!(short, Err(error));
        let mut prepared = PreparedAdvert::new(&advert, &ip, vec![0; len]).unwrap();
        for (other, way) in ways.iter().enumerate() {
            let sequence = Signer::default().next(way).unwrap();
            let payload = prepared.sign(Priority::DEFAULT, way, sequence, 1).map(drop);
            let expected = if other == place { Ok(()) } else { Err(EncodeError::Unprepared) };
            assert_eq!(payload, expected);
        }
        // As `Advert::write` has it, after all that.
        let mut written = vec![0; advert.buffer_len()];
        advert.write(&ip, &mut written).unwrap();
        assert_eq!(prepared.with_priority(Priority::DEFAULT), written);
    }
    let v3 = Advert { version: Version::V3, authentication: ways[1], ..plain };
    let v3 = Advert { checksum: ChecksumForm::PseudoHeader, ..v3 };
    let refused = PreparedAdvert::new(&v3, &ip, vec![0; 100]).map(drop);
    assert_eq!(refused, Err(EncodeError::Authentication));
}

#[test]
fn a_dissection_shows_what_proves_an_advert() {
    let adverts = adverts("captures/ka243-v3-ipv6-hmac.pcap");
    let (_, ip, message) = &adverts[0];
    let dissection = Advert::dissect(message, Some(ip));
    assert_eq!((dissection.is_signed(), dissection.findings().count()), (true, 0));
    let printed = "\
    40..41    trailer type  1 (HMAC-SHA256)
    41..42    key id        1
    42..44    reserved      0
    44..48    seconds       1795371088
    48..50    fraction      55587 / 65536 s
    50..52    counter       0
    52..68    hmac          27 3a 55 1e 29 6a 08 c4 6e 01 89 44 3b 29 26 a9
  the checksum is right (with pseudo-header)";
    assert!(dissection.to_string().ends_with(printed), "{dissection}");
    // The family is guessed with a trailer too, and a trailer of another kind is none.
    assert!(Advert::dissect(message, None).is_signed());
    let mut other = message.clone();
    other[40] = 2;
    let dissection = Advert::dissect(&other, Some(ip));
    assert!(!dissection.is_signed());
    let rest = |(_, field): (_, Field<'_>)| matches!(field, Field::Rest(rest) if rest.len() == 28);
    assert!(dissection.fields().any(rest), "{dissection}");

    let adverts = recorded::adverts("captures/ka243-v2-ipv4-ah.pcap");
    let (_, ip, message) = &adverts[0];
    let printed = "\
VRRPv2 message of 20 octets from 192.0.2.1 to 224.0.0.18 with hop limit 255
  behind an authentication header: SPI 192.0.2.1, sequence 1, ICV \
         20 8f 95 bb cf 49 f1 f9 2b 96 37 23\n";
    let dissection = Advert::dissect(message, Some(ip));
    assert!(dissection.to_string().starts_with(printed), "{dissection}");
    assert_eq!(dissection.findings().count(), 0);
}

proptest! {
    #[test]
    fn every_changed_octet_of_a_packet_with_a_header_is_noticed(
        secret in any::<[u8; 8]>(),
        sequence in 1..u32::MAX,
        identification in any::<u16>(),
        flip in 1..=255u8,
    ) {
        let key = HeaderKey::from_secret(&Secret::new(secret));
        let authentication = Authentication::Header(&key);
        let (list, ip) = sample(Version::V2, V4);
        let vrid = Vrid::new(51).unwrap();
        let advert = Advert {
            authentication,
            ..Advert::new(Version::V2, vrid, Priority::DEFAULT, Interval::DEFAULT, list.as_addresses())
        };
        let mut prepared =
            PreparedAdvert::new(&advert, &ip, vec![0; advert.prepared_len()]).unwrap();
        let sequence = Some(Sequence::Header(sequence));
        let payload =
            prepared.sign(Priority::DEFAULT, &authentication, sequence, identification).unwrap();
        let mut packet = vec![0x45, 0xc0, 0, 64, 0, 0, 0, 0, 255, 51, 0, 0];
        packet[4..6].copy_from_slice(&identification.to_be_bytes());
        packet.extend([192, 0, 2, 1, 224, 0, 0, 18]);
        packet.extend(payload.octets);
        let judged = |packet: &[u8]| {
            let (ip, protocol, message) = split_ipv4(packet)?;
            let rules = Rules { hop_limits: HopLimits::ANY, ..rules(Version::V2, &ip, authentication) };
            match protocol {
                112 => Advert::parse(message, &ip, &rules).map(|advert| advert.sequence),
                other => Err(DecodeError::NotVrrp(other)),
            }
        };
        prop_assert_eq!(judged(&packet), Ok(sequence));
        // Type of service, flags and the header's checksum may change on the way.
        for at in (0..packet.len()).filter(|at| ![1, 6, 7, 10, 11].contains(at)) {
            let mut other = packet.clone();
            other[at] ^= flip;
            // The checksum of the message is no obstacle to whoever changes it.
            if let Err(DecodeError::Checksum { required, .. }) = judged(&other)
                && !(50..52).contains(&at)
            {
                other[50..52].copy_from_slice(&required.to_be_bytes());
            }
            prop_assert!(judged(&other).is_err(), "octet {} is not covered", at);
        }
    }

    #[test]
    fn every_changed_octet_of_a_message_with_a_trailer_is_noticed(
        secret in proptest::collection::vec(any::<u8>(), 32..=64),
        sequence in any::<u64>(),
        place in 0..3usize,
        flip in 1..=255u8,
    ) {
        let (version, source) = KINDS[place];
        let keys = [HmacKey::new(1, &secret).unwrap()];
        let settings = HmacSettings { anti_replay: AntiReplay::Monotonic, ..hmac(&keys, 0) };
        let authentication = Authentication::Hmac(settings);
        let sequence = Some(Sequence::Trailer(sequence));
        let (ip, message) = signed(version, source, authentication, sequence);
        let judged = |message: &[u8], ip: &IpMeta| {
            let rules = rules(version, ip, authentication);
            Advert::parse(message, ip, &rules).map(|advert| advert.sequence)
        };
        prop_assert_eq!(judged(&message, &ip), Ok(sequence));
        for at in 0..message.len() {
            let mut other = message.clone();
            other[at] ^= flip;
            // The checksum itself is covered by itself alone.
            if let Err(DecodeError::Checksum { required, .. }) = judged(&other, &ip)
                && !(6..8).contains(&at)
            {
                other[6..8].copy_from_slice(&required.to_be_bytes());
            }
            prop_assert!(judged(&other, &ip).is_err(), "octet {} is not covered", at);
        }
        // A recorded message is worth nothing to another sender, or for another virtual router.
        let source = match source {
            IpAddr::V4(_) => IpAddr::from([192, 0, 2, 9]),
            IpAddr::V6(_) => "fe80::9".parse().unwrap(),
        };
        let thief = IpMeta { source, ..ip };
        let mut other = message.clone();
        if let Err(DecodeError::Checksum { required, .. }) = judged(&other, &thief) {
            other[6..8].copy_from_slice(&required.to_be_bytes());
        }
        let reason = judged(&other, &thief).map_err(|error| error.reason());
        prop_assert_eq!(reason, Err(DropReason::InvalidHmac));
    }
}
