//! Properties: what is written is read as it was meant, and nothing that is read is misread.
#![allow(clippy::unwrap_used, reason = "test code: a value that cannot be made is a failure")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use vrrp_proto::{
    AddressList, Addresses, Advert, Authentication, Cast, ChecksumForm, DecodeError, EncodeError,
    Family, HopLimits, Interval, IpMeta, MAX_ADDRESSES, MAX_MESSAGE_LEN, Password, PreparedAdvert,
    Priority, Rules, Version, Vrid, split_ipv4,
};

mod ipv6;

/// An advert with its addresses, and the packet that it goes into.
#[derive(Debug, Clone)]
struct Sample {
    version: Version,
    vrid: Vrid,
    priority: Priority,
    interval: Interval,
    addresses: AddressList,
    password: Option<Password>,
    checksum: ChecksumForm,
    ip: IpMeta,
}

impl Sample {
    fn authentication(&self) -> Authentication<'_> {
        self.password.as_ref().map_or(Authentication::None, Authentication::Password)
    }

    fn advert(&self) -> Advert<'_> {
        let addresses = self.addresses.as_addresses();
        Advert {
            authentication: self.authentication(),
            checksum: self.checksum,
            ..Advert::new(self.version, self.vrid, self.priority, self.interval, addresses)
        }
    }

    /// Rules that the advert obeys.
    fn rules(&self) -> Rules<'_> {
        let addresses = self.addresses.as_addresses();
        let base = Rules::new(self.version, self.vrid, self.interval, addresses);
        Rules {
            authentication: self.authentication(),
            cast: match self.ip.destination.is_multicast() {
                true => base.cast,
                false => Cast::Unicast { sources: None, accept_old_checksum: true },
            },
            accept_no_addresses: true,
            ..base
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut buffer = vec![0xff; MAX_MESSAGE_LEN];
        let len = self.advert().write(&self.ip, &mut buffer).unwrap();
        assert!(buffer[len..].iter().all(|&octet| octet == 0xff), "written past the end");
        buffer.truncate(len);
        buffer
    }
}

fn address(family: Family) -> BoxedStrategy<IpAddr> {
    match family {
        Family::V4 => any::<Ipv4Addr>().prop_map(IpAddr::V4).boxed(),
        // The first address of a sound list is link-local; any will do for the others.
        Family::V6 => any::<u64>()
            .prop_map(|id| IpAddr::V6(Ipv6Addr::from(0xfe80_u128 << 112 | u128::from(id))))
            .boxed(),
    }
}

fn address_list(family: Family) -> impl Strategy<Value = AddressList> {
    // Mostly as many as there are in practice, sometimes as many as there can be.
    let count = prop_oneof![8 => 0..5usize, 1 => 5..=MAX_ADDRESSES, 1 => Just(MAX_ADDRESSES)];
    count
        .prop_flat_map(move |count| vec(address(family), count))
        .prop_map(move |addresses| AddressList::from_addresses(family, addresses).unwrap())
}

fn ip(family: Family) -> impl Strategy<Value = IpMeta> {
    let unicast = (address(family), address(family))
        .prop_filter("unicast", |(_, destination)| !destination.is_multicast())
        .prop_map(|(source, destination)| IpMeta::new(source, destination, 255));
    prop_oneof![address(family).prop_map(IpMeta::multicast), unicast]
}

fn kind() -> impl Strategy<Value = (Version, Family)> {
    prop_oneof![
        Just((Version::V2, Family::V4)),
        Just((Version::V3, Family::V4)),
        Just((Version::V3, Family::V6)),
    ]
}

fn password(version: Version) -> BoxedStrategy<Option<Password>> {
    match version {
        Version::V2 => {
            proptest::option::of(any::<[u8; 8]>().prop_map(Password::from_octets)).boxed()
        }
        Version::V3 => Just(None).boxed(),
    }
}

fn interval(version: Version) -> BoxedStrategy<Interval> {
    match version {
        Version::V2 => (1..=255u8).prop_map(|secs| Interval::from_secs(secs).unwrap()).boxed(),
        Version::V3 => {
            (1..=4095u16).prop_map(|centis| Interval::from_centis(centis).unwrap()).boxed()
        }
    }
}

fn sample() -> impl Strategy<Value = Sample> {
    kind().prop_flat_map(|(version, family)| {
        let words = (1..=255u8, any::<u8>(), interval(version), password(version));
        let form = match (version, family) {
            (Version::V3, Family::V4) => prop_oneof![
                Just(ChecksumForm::MessageOnly),
                Just(ChecksumForm::PseudoHeader),
                Just(ChecksumForm::OldUnicast),
            ]
            .boxed(),
            _ => Just(ChecksumForm::usual(version)).boxed(),
        };
        (words, address_list(family), form, ip(family)).prop_map(
            move |((vrid, priority, interval, password), addresses, checksum, ip)| Sample {
                version,
                vrid: Vrid::new(vrid).unwrap(),
                priority: Priority::new(priority),
                interval,
                addresses,
                password,
                checksum,
                ip,
            },
        )
    })
}

/// A number that begins or continues a chain of IPv6 headers, or mostly does.
fn extension_number() -> impl Strategy<Value = u8> {
    prop_oneof![
        6 => prop::sample::select(vec![43, 44, 60]),
        2 => prop::sample::select(vec![0, 51, 112]),
        1 => any::<u8>(),
    ]
}

/// An offset with its flags, mostly of a fragment that is the whole: reserved bits do not count.
fn fragment_offset() -> impl Strategy<Value = u16> {
    prop_oneof![
        12 => prop::sample::select(vec![0, 2, 6]),
        1 => prop::sample::select(vec![1, 8, 0x8000]),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was_meant(sample in sample()) {
        let bytes = sample.bytes();
        prop_assert_eq!(bytes.len(), sample.advert().buffer_len());
        let rules = sample.rules();
        let heard = Advert::parse(&bytes, &sample.ip, &rules).unwrap();
        // Two forms may give one sum, and the receiver cannot tell them apart: then the other
        // form writes the same octets.
        let mut again = vec![0; bytes.len()];
        heard.write(&sample.ip, &mut again).unwrap();
        prop_assert_eq!(&again, &bytes);
        let meant = Advert { checksum: heard.checksum, ..sample.advert() };
        prop_assert_eq!(heard, Advert { remarks: heard.remarks, ..meant });
        prop_assert!(heard.remarks.is_empty(), "{:?}", heard.remarks);
    }

    #[test]
    fn no_bytes_are_misread(
        sample in sample(),
        version in prop_oneof![Just(0x21u8), Just(0x31), any::<u8>()],
        tail in vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = vec![version, sample.vrid.get()];
        bytes.extend(tail);
        let rules = sample.rules();
        let mut parsed = Advert::parse(&bytes, &sample.ip, &rules);
        // Chance does not find the right checksum, but the error names it.
        let mut sealed = bytes.clone();
        if let Err(DecodeError::Checksum { required, .. }) = parsed {
            sealed[6..8].copy_from_slice(&required.to_be_bytes());
            parsed = Advert::parse(&sealed, &sample.ip, &rules);
            let is_checksum = matches!(parsed, Err(DecodeError::Checksum { .. }));
            prop_assert!(!is_checksum, "the error named the wrong checksum");
        }
        if let Ok(advert) = parsed {
            let mut again = vec![0; advert.buffer_len()];
            advert.write(&sample.ip, &mut again).unwrap();
            let reparsed = Advert::parse(&again, &sample.ip, &rules).unwrap();
            prop_assert_eq!(reparsed.addresses, advert.addresses);
            prop_assert_eq!(reparsed.priority, advert.priority);
            prop_assert_eq!(reparsed.interval, advert.interval);
            prop_assert_eq!(reparsed.remarks, advert.remarks);
        }
    }

    #[test]
    fn a_flipped_bit_is_always_noticed(
        // Where two forms are accepted, a flipped bit of one may be the sum of the other.
        sample in sample().prop_filter("one checksum form", |sample| {
            (sample.version, sample.advert().family()) != (Version::V3, Family::V4)
        }),
        bit in any::<prop::sample::Index>(),
    ) {
        let mut bytes = sample.bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Advert::parse(&bytes, &sample.ip, &sample.rules()).is_err());
    }

    #[test]
    fn a_prepared_advert_is_the_one_written_anew(sample in sample(), priorities in vec(any::<u8>(), 1..8)) {
        let buffer = vec![0; sample.advert().prepared_len()];
        let mut prepared = PreparedAdvert::new(&sample.advert(), &sample.ip, buffer).unwrap();
        prop_assert_eq!(prepared.as_octets(), &sample.bytes()[..]);
        for priority in priorities.into_iter().map(Priority::new) {
            let fresh = Sample { priority, ..sample.clone() };
            prop_assert_eq!(prepared.with_priority(priority), &fresh.bytes()[..]);
        }
    }

    #[test]
    fn order_does_not_matter_to_membership(
        (addresses, shuffled) in vec(any::<[u8; 4]>(), 0..=MAX_ADDRESSES)
            .prop_flat_map(|addresses| (Just(addresses.clone()), Just(addresses).prop_shuffle())),
        odd_one in any::<[u8; 4]>(),
    ) {
        let (own, mut other) = (addresses.concat(), shuffled.concat());
        fn view(octets: &[u8]) -> Addresses<'_> {
            Addresses::from_octets(Family::V4, octets).unwrap()
        }
        prop_assert!(view(&own).has_same_members(view(&other)));
        if let Some(first) = shuffled.first() && *first != odd_one {
            other[..4].copy_from_slice(&odd_one);
            prop_assert!(!view(&own).has_same_members(view(&other)));
        }
    }

    #[test]
    fn ipv4_headers_are_read_as_smoltcp_reads_them(
        mut packet in vec(any::<u8>(), 0..80),
        total_len in 0..80u8,
        ihl in 0..=15u8,
    ) {
        use smoltcp::wire::Ipv4Packet;

        if let Some([version, _, len @ .., flags, fragment]) = packet.first_chunk_mut::<8>() {
            *version = 0x40 | ihl;
            len[0..2].copy_from_slice(&[0, total_len]);
            (*flags, *fragment) = (0x40, 0);
        }
        // An authentication header belongs to what is read here, and not to smoltcp's.
        if let Some(protocol) = packet.get_mut(9).filter(|protocol| **protocol == 51) {
            *protocol = 112;
        }
        // smoltcp takes a header of fewer than five words.
        let theirs = Ipv4Packet::new_checked(&packet[..]).ok().filter(|_| ihl >= 5);
        let ours = split_ipv4(&packet);
        prop_assert_eq!(ours.is_ok(), theirs.is_some(), "{:?}", ours);
        if let (Ok((ip, protocol, payload)), Some(theirs)) = (ours, theirs) {
            prop_assert_eq!(ip.source, IpAddr::V4(theirs.src_addr()));
            prop_assert_eq!(ip.destination, IpAddr::V4(theirs.dst_addr()));
            prop_assert_eq!(ip.hop_limit, theirs.hop_limit());
            prop_assert_eq!(ip.header_len, theirs.header_len());
            prop_assert_eq!(protocol, u8::from(theirs.next_header()));
            prop_assert_eq!(payload, theirs.payload());
        }
    }

    #[test]
    fn ipv6_headers_are_split_like_etherparse_does(
        mut packet in vec(any::<u8>(), 0..400),
        first in extension_number(),
        chain in vec((extension_number(), 0..4u8, fragment_offset()), 0..12),
        payload_len in 0..360u16,
    ) {
        if let Some([version, _, _, _, len @ .., number, _]) = packet.first_chunk_mut::<8>() {
            *version = 0x60;
            *len = payload_len.to_be_bytes();
            *number = first;
        }
        let mut number = first;
        let mut rest = packet.get_mut(40..).unwrap_or_default();
        for (next, units, offset) in chain {
            let Some(header) = rest.first_chunk_mut::<4>() else { break };
            let [high, low] = offset.to_be_bytes();
            *header = [next, units, high, low];
            let len = if number == 44 { 8 } else { 8 + usize::from(units) * 8 };
            number = next;
            rest = rest.get_mut(len..).unwrap_or_default();
        }
        ipv6::check(&packet);
    }

    #[test]
    fn any_bytes_are_a_packet_or_an_error(packet in vec(any::<u8>(), 0..80)) {
        if let Ok((ip, _, message)) = split_ipv4(&packet) {
            let addresses = Addresses::none(Family::V4);
            for version in [Version::V2, Version::V3] {
                let vrid = vrrp_proto::peek_vrid(message).unwrap_or(Vrid::new(1).unwrap());
                let rules = Rules {
                    hop_limits: HopLimits::ANY,
                    cast: Cast::Multicast { group: ip.destination },
                    ..Rules::new(version, vrid, Interval::DEFAULT, addresses)
                };
                let _ = Advert::parse(message, &ip, &rules);
            }
        }
    }
}

/// An advert that can be written, for tests that spoil it.
fn sound() -> Sample {
    Sample {
        version: Version::V3,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority::DEFAULT,
        interval: Interval::DEFAULT,
        addresses: AddressList::from_addresses(Family::V4, [[192, 0, 2, 100].into()]).unwrap(),
        password: None,
        checksum: ChecksumForm::PseudoHeader,
        ip: IpMeta::multicast([192, 0, 2, 1].into()),
    }
}

#[test]
fn what_no_message_can_say_is_not_written() {
    let refused = |spoil: &dyn Fn(&mut Sample)| {
        let mut sample = sound();
        spoil(&mut sample);
        let mut buffer = [0xff; MAX_MESSAGE_LEN];
        let error = sample.advert().write(&sample.ip, &mut buffer).unwrap_err();
        assert_eq!(buffer, [0xff; MAX_MESSAGE_LEN], "{error}: something was written");
        error
    };
    let (version, family) = (Version::V3, Family::V4);
    let half = Interval::from_centis(50).unwrap();
    let minute = Interval::from_secs(60).unwrap();
    let v6 = IpMeta::multicast("fe80::1".parse().unwrap());
    let (from, to) = (v6.source, v6.destination);

    assert_eq!(
        refused(&|sample| sample.ip = v6),
        EncodeError::Family { version, family, from, to }
    );
    assert_eq!(
        refused(&|sample| {
            sample.version = Version::V2;
            sample.addresses = AddressList::new(Family::V6);
            sample.ip = v6;
        }),
        EncodeError::Family { version: Version::V2, family: Family::V6, from, to }
    );
    assert_eq!(
        refused(&|sample| sample.interval = minute),
        EncodeError::Interval { version, interval: minute }
    );
    assert_eq!(
        refused(&|sample| {
            sample.version = Version::V2;
            sample.interval = half;
        }),
        EncodeError::Interval { version: Version::V2, interval: half }
    );
    assert_eq!(
        refused(&|sample| {
            sample.password = Some(Password::from_text(""));
        }),
        EncodeError::Authentication
    );
    assert_eq!(
        refused(&|sample| {
            sample.addresses = AddressList::new(Family::V6);
            sample.ip = v6;
            sample.checksum = ChecksumForm::MessageOnly;
        }),
        EncodeError::ChecksumForm { version, family: Family::V6, form: ChecksumForm::MessageOnly }
    );
    assert_eq!(
        refused(&|sample| sample.version = Version::V2),
        EncodeError::ChecksumForm {
            version: Version::V2,
            family,
            form: ChecksumForm::PseudoHeader
        }
    );
}

#[test]
fn a_buffer_may_be_exactly_as_long_as_the_message_and_no_shorter() {
    let sample = sound();
    let mut buffer = [0xff; 12];
    let advert = sample.advert();
    assert_eq!(
        advert.write(&sample.ip, &mut buffer[..11]),
        Err(EncodeError::BufferTooSmall { required_len: 12, len: 11 })
    );
    assert_eq!(buffer, [0xff; 12]);
    assert_eq!(advert.write(&sample.ip, &mut buffer), Ok(12));
}
