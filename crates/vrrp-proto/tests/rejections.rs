//! Each malformed advert is rejected with its own error, and the first check that fails is the
//! one that names it.
#![allow(clippy::unwrap_used, reason = "test code: a value that cannot be made is a failure")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use vrrp_proto::{
    AddressList, Advert, Authentication, Cast, ChecksumForm, DecodeError, DropReason, Family,
    GROUP_V4, HopLimits, Interval, IpMeta, Password, Remark, Rules, Version, Vrid, peek_vrid,
    split_ipv4,
};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
mod signed;

static PASSWORD: Password = Password::from_octets(*b"s3cr3t\0\0");

const SELF: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

/// The kinds of virtual router that the table has adverts of.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// VRRPv2 without authentication.
    V2,
    /// VRRPv2 with the password `s3cr3t`.
    V2Password,
    /// VRRPv3 over IPv4.
    V3,
    /// VRRPv3 over IPv6.
    V3Ipv6,
    /// VRRPv3 over IPv4, to one of two peers.
    V3Unicast,
}

/// One advert and the packet that it comes in, both still sound.
struct Case {
    kind: Kind,
    ip: IpMeta,
    message: Vec<u8>,
}

impl Case {
    fn new(kind: Kind) -> Self {
        let unicast = IpMeta::new(PEER, SELF, 255);
        let (ip, message): (IpMeta, &[u8]) = match kind {
            Kind::V2 => (
                IpMeta::multicast(PEER),
                b"\x21\x33\x64\x01\x00\x01\xb8\x65\xc0\x00\x02\x64\0\0\0\0\0\0\0\0",
            ),
            Kind::V2Password => (
                IpMeta::multicast(PEER),
                b"\x21\x33\x64\x01\x01\x01\xad\x4b\xc0\x00\x02\x64s3cr3t\0\0",
            ),
            Kind::V3 => {
                (IpMeta::multicast(PEER), b"\x31\x33\x64\x01\x00\x64\x05\x72\xc0\x00\x02\x64")
            }
            Kind::V3Unicast => (unicast, b"\x31\x33\x64\x01\x00\x64\x00\x00\xc0\x00\x02\x64"),
            Kind::V3Ipv6 => (
                IpMeta::multicast("fe80::1".parse().unwrap()),
                b"\x31\x33\x64\x01\x00\x64\x00\x00\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x51",
            ),
        };
        let mut case = Self { kind, ip, message: message.to_vec() };
        case.seal();
        case
    }

    /// Changes the message and makes its checksum right again.
    fn with(kind: Kind, edit: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut case = Self::new(kind);
        edit(&mut case.message);
        case.seal();
        case
    }

    /// Changes the packet around the message.
    fn from(kind: Kind, edit: impl FnOnce(&mut IpMeta)) -> Self {
        let mut case = Self::new(kind);
        edit(&mut case.ip);
        case.seal();
        case
    }

    /// Changes the message and leaves the checksum as it is.
    fn broken(kind: Kind, edit: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut case = Self::new(kind);
        edit(&mut case.message);
        case
    }

    /// Sets the checksum that the sender would: RFC 1071, written out.
    fn seal(&mut self) {
        if self.message.len() < 8 {
            return;
        }
        self.message[6..8].fill(0);
        let mut summed = match self.kind {
            Kind::V2 | Kind::V2Password => vec![],
            _ => pseudo_header(&self.ip, self.message.len()),
        };
        summed.extend(&self.message);
        let sum: u32 = summed.chunks(2).map(word).sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        let checksum = !(((folded & 0xffff) + (folded >> 16)) as u16);
        self.message[6..8].copy_from_slice(&checksum.to_be_bytes());
    }

    fn parse<T>(&self, then: impl FnOnce(Result<Advert<'_>, DecodeError>) -> T) -> T {
        self.parse_with(|_| {}, then)
    }

    /// Parses it with the rules of its kind after a change to them.
    fn parse_with<T>(
        &self,
        edit: impl FnOnce(&mut Rules<'_>),
        then: impl FnOnce(Result<Advert<'_>, DecodeError>) -> T,
    ) -> T {
        let (version, virtual_address) = match self.kind {
            Kind::V2 | Kind::V2Password => (Version::V2, "192.0.2.100"),
            Kind::V3 | Kind::V3Unicast => (Version::V3, "192.0.2.100"),
            Kind::V3Ipv6 => (Version::V3, "fe80::51"),
        };
        let virtual_address: IpAddr = virtual_address.parse().unwrap();
        let family = Family::of(virtual_address);
        let addresses = AddressList::from_addresses(family, [virtual_address]).unwrap();
        let vrid = Vrid::new(51).unwrap();
        let own_sources = [SELF];
        let sources = [PEER, IpAddr::from([192, 0, 2, 3])];
        let mut rules = Rules::new(version, vrid, Interval::DEFAULT, addresses.as_addresses());
        rules.own_sources = &own_sources;
        match self.kind {
            Kind::V2Password => {
                rules.authentication = Authentication::Password(&PASSWORD);
            }
            Kind::V3Unicast => {
                rules.cast = Cast::Unicast { sources: Some(&sources), accept_old_checksum: false };
            }
            Kind::V2 | Kind::V3 | Kind::V3Ipv6 => {}
        }
        edit(&mut rules);
        then(Advert::parse(&self.message, &self.ip, &rules))
    }

    fn error(&self) -> DecodeError {
        self.parse(|parsed| parsed.expect_err("the advert is bad"))
    }
}

fn pseudo_header(ip: &IpMeta, message_len: usize) -> Vec<u8> {
    let message_len = u8::try_from(message_len).unwrap();
    let (mut addresses, tail) = match (ip.source, ip.destination) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            ([from.octets(), to.octets()].concat(), vec![0, 112, 0, message_len])
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            ([from.octets(), to.octets()].concat(), vec![0, 0, 0, message_len, 0, 0, 0, 112])
        }
        // No family, no header: such a packet is rejected before its checksum.
        _ => (vec![], vec![]),
    };
    addresses.extend(tail);
    addresses
}

fn word(octets: &[u8]) -> u32 {
    u32::from(octets[0]) << 8 | u32::from(*octets.get(1).unwrap_or(&0))
}

/// Each way to be bad inside an IP packet, and the error that says so.
fn table() -> Vec<(&'static str, Case, DecodeError)> {
    use DecodeError as E;
    use Kind::{V2, V2Password, V3, V3Ipv6, V3Unicast};

    let vrid = Vrid::new(51).unwrap();
    let v6: IpAddr = "fe80::2".parse().unwrap();
    let other = IpAddr::from([192, 0, 2, 77]);
    let all_hosts = IpAddr::from([224, 0, 0, 1]);
    let required = HopLimits::SAME_LINK;
    vec![
        (
            "IPv6 packet for an IPv4 router",
            Case::from(V3, |ip| *ip = IpMeta::multicast(v6)),
            E::Family { required: Family::V4, from: v6, to: IpMeta::multicast(v6).destination },
        ),
        (
            "IPv4 packet for an IPv6 router",
            Case::from(V3Ipv6, |ip| *ip = IpMeta::multicast(PEER)),
            E::Family { required: Family::V6, from: PEER, to: GROUP_V4.into() },
        ),
        (
            "source and destination of two families",
            Case::from(V3, |ip| ip.source = v6),
            E::Family { required: Family::V4, from: v6, to: GROUP_V4.into() },
        ),
        (
            "hop limit 254",
            Case::from(V2, |ip| ip.hop_limit = 254),
            E::HopLimit { required, found: 254 },
        ),
        (
            "hop limit 0",
            Case::from(V3Ipv6, |ip| ip.hop_limit = 0),
            E::HopLimit { required, found: 0 },
        ),
        (
            "unicast to a multicast router",
            Case::from(V3, |ip| ip.destination = SELF),
            E::Destination(SELF),
        ),
        (
            "another group",
            Case::from(V3, |ip| ip.destination = all_hosts),
            E::Destination(all_hosts),
        ),
        (
            "multicast to a unicast router",
            Case::from(V3Unicast, |ip| ip.destination = GROUP_V4.into()),
            E::Destination(GROUP_V4.into()),
        ),
        ("own source", Case::from(V3, |ip| ip.source = SELF), E::OwnSource(SELF)),
        (
            "own source, in unicast",
            Case::from(V3Unicast, |ip| ip.source = SELF),
            E::OwnSource(SELF),
        ),
        (
            "source that is no peer",
            Case::from(V3Unicast, |ip| ip.source = other),
            E::UnknownSource(other),
        ),
        (
            "nothing",
            Case::with(V3, |message| message.clear()),
            E::Truncated { required_len: 8, len: 0 },
        ),
        (
            "part of a header",
            Case::with(V3, |message| message.truncate(7)),
            E::Truncated { required_len: 8, len: 7 },
        ),
        (
            "header only",
            Case::with(V3, |message| message.truncate(8)),
            E::Truncated { required_len: 12, len: 8 },
        ),
        (
            "half an address",
            Case::with(V3, |message| message.truncate(10)),
            E::Truncated { required_len: 12, len: 10 },
        ),
        (
            "half an IPv6 address",
            Case::with(V3Ipv6, |message| message.truncate(16)),
            E::Truncated { required_len: 24, len: 16 },
        ),
        (
            "v2 without authentication data",
            Case::with(V2, |message| message.truncate(12)),
            E::Truncated { required_len: 20, len: 12 },
        ),
        (
            "a count above the addresses",
            Case::with(V3, |message| message[3] = 255),
            E::Truncated { required_len: 8 + 255 * 4, len: 12 },
        ),
        (
            "v2 to a v3 router",
            Case { kind: V3, ..Case::new(V2) },
            E::Version { required: Version::V3, found: 2 },
        ),
        (
            "v3 to a v2 router",
            Case { kind: V2, ..Case::new(V3) },
            E::Version { required: Version::V2, found: 3 },
        ),
        (
            "version 4",
            Case::with(V3, |message| message[0] = 0x41),
            E::Version { required: Version::V3, found: 4 },
        ),
        ("type 0", Case::with(V3, |message| message[0] = 0x30), E::Type(0)),
        ("type 2", Case::with(V2, |message| message[0] = 0x22), E::Type(2)),
        (
            "another VRID",
            Case::with(V3, |message| message[1] = 52),
            E::Vrid { required: vrid, found: 52 },
        ),
        ("VRID 0", Case::with(V3, |message| message[1] = 0), E::Vrid { required: vrid, found: 0 }),
        (
            "a second address that is not counted",
            Case::with(V3, |message| message.extend([192, 0, 2, 101])),
            E::TrailingBytes { required_len: 12, len: 16 },
        ),
        (
            "authentication data in v3",
            Case::with(V3, |message| message.extend([0; 8])),
            E::TrailingBytes { required_len: 12, len: 20 },
        ),
        (
            "padding short of 46 octets",
            Case::broken(V3, |message| message.extend([0; 13])),
            E::TrailingBytes { required_len: 12, len: 25 },
        ),
        (
            "padding beyond 46 octets",
            Case::broken(V3, |message| message.extend([0; 15])),
            E::TrailingBytes { required_len: 12, len: 27 },
        ),
        (
            "no addresses, but octets of one",
            Case::with(V3, |message| message[3] = 0),
            E::TrailingBytes { required_len: 8, len: 12 },
        ),
        (
            "a checksum of zero",
            Case::broken(V3, |message| message[6..8].fill(0)),
            E::Checksum { required: 0x0572, form: ChecksumForm::PseudoHeader, found: 0 },
        ),
        (
            "a checksum of v3 in v2",
            Case::broken(V2, |message| message[7] = 0x66),
            E::Checksum { required: 0xb865, form: ChecksumForm::MessageOnly, found: 0xb866 },
        ),
        (
            "an invented authentication type",
            Case::with(V2, |message| message[4] = 3),
            E::InvalidAuthType(3),
        ),
        (
            "an invented authentication type to a password",
            Case::with(V2Password, |message| message[4] = 255),
            E::InvalidAuthType(255),
        ),
        (
            "a password where there is none",
            Case { kind: V2, ..Case::new(V2Password) },
            E::AuthTypeMismatch { required: 0, found: 1 },
        ),
        (
            "no password where there is one",
            Case { kind: V2Password, ..Case::new(V2) },
            E::AuthTypeMismatch { required: 1, found: 0 },
        ),
        (
            "the authentication header's type",
            Case::with(V2Password, |message| message[4] = 2),
            E::AuthTypeMismatch { required: 1, found: 2 },
        ),
        (
            "a password that ends differently",
            Case::with(V2Password, |message| message[19] = b'!'),
            E::AuthFailure,
        ),
        ("a v3 interval of 0", Case::with(V3, |message| message[5] = 0), E::ZeroInterval),
        (
            "a v3 interval of 0 beside reserved bits",
            Case::with(V3, |message| message[4..6].copy_from_slice(&[0xf0, 0])),
            E::ZeroInterval,
        ),
        (
            "another v2 interval",
            Case::with(V2, |message| message[5] = 2),
            E::IntervalMismatch { required: Interval::DEFAULT, found_secs: 2 },
        ),
        (
            "a v2 interval of 0",
            Case::with(V2, |message| message[5] = 0),
            E::IntervalMismatch { required: Interval::DEFAULT, found_secs: 0 },
        ),
        (
            "v3 without addresses",
            Case::with(V3, |message| {
                message[3] = 0;
                message.truncate(8);
            }),
            E::NoAddresses,
        ),
    ]
}

#[test]
fn each_bad_advert_has_its_own_error() {
    for (what, case, error) in table() {
        assert_eq!(case.error(), error, "{what}");
    }
}

#[test]
fn sound_adverts_of_each_kind_are_accepted() {
    for kind in [Kind::V2, Kind::V2Password, Kind::V3, Kind::V3Ipv6, Kind::V3Unicast] {
        Case::new(kind).parse(|parsed| {
            let advert = parsed.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert!(advert.remarks.is_empty(), "{kind:?}: {:?}", advert.remarks);
        });
    }
}

#[test]
fn every_reason_of_a_virtual_router_is_in_the_table() {
    let seen: BTreeSet<_> = table().iter().map(|(_, _, error)| error.reason()).collect();
    let is_here =
        |reason: &DropReason| !reason.is_unroutable() && !signed::REASONS.contains(reason);
    let expected: BTreeSet<_> = DropReason::ALL.into_iter().filter(is_here).collect();
    assert_eq!(seen, expected);
}

#[test]
fn what_belongs_to_no_virtual_router_is_named_before_the_rules() {
    let reason = |error: DecodeError| (error.reason().name(), error.reason().is_unroutable());
    assert_eq!(reason(split_ipv4(&[0x45; 3]).unwrap_err()), ("ip_header", true));
    assert_eq!(reason(peek_vrid(&[0x31]).unwrap_err()), ("too_short", true));
    assert_eq!(reason(peek_vrid(&[0x31, 0]).unwrap_err()), ("unknown_vrid", true));
    // These two only the receiver can know.
    assert_eq!(reason(DecodeError::NotVrrp(17)), ("not_vrrp", true));
    assert_eq!(reason(DecodeError::UnknownVrid(7)), ("unknown_vrid", true));
}

#[test]
fn the_first_failing_check_names_the_error() {
    // Bad in every way; repaired one by one, in the order of the checks.
    let mut case = Case::broken(Kind::V2Password, |message| {
        message
            .copy_from_slice(b"\x42\x07\x64\x00\x03\x02\xff\xff\xc0\x00\x02\x64\0\0\0\0\0\0\0\0");
    });
    case.ip = IpMeta::new("fe80::1".parse().unwrap(), SELF, 64);
    let mut next = |repair: &dyn Fn(&mut Case)| {
        repair(&mut case);
        case.error().reason().name()
    };
    assert_eq!(next(&|_| {}), "family");
    assert_eq!(next(&|case| case.ip.source = SELF), "hop_limit");
    assert_eq!(next(&|case| case.ip.hop_limit = 255), "destination");
    assert_eq!(next(&|case| case.ip.destination = GROUP_V4.into()), "own_source");
    assert_eq!(next(&|case| case.ip.source = PEER), "version");
    assert_eq!(next(&|case| case.message[0] = 0x22), "type");
    assert_eq!(next(&|case| case.message[0] = 0x21), "vrid");
    assert_eq!(next(&|case| case.message[1] = 51), "trailing_bytes");
    assert_eq!(next(&|case| case.message[3] = 1), "checksum");
    assert_eq!(next(&Case::seal), "invalid_auth_type");
    let sealed = |edit: fn(&mut Vec<u8>)| {
        move |case: &mut Case| {
            edit(&mut case.message);
            case.seal();
        }
    };
    assert_eq!(next(&sealed(|message| message[4] = 0)), "auth_type_mismatch");
    assert_eq!(next(&sealed(|message| message[4] = 1)), "auth_failure");
    let password = sealed(|message| message[12..].copy_from_slice(b"s3cr3t\0\0"));
    assert_eq!(next(&password), "interval_mismatch");
    sealed(|message| message[5] = 1)(&mut case);
    case.parse(|parsed| assert!(parsed.is_ok()));
}

#[test]
fn padding_to_exactly_46_octets_is_accepted() {
    for (kind, padding) in [(Kind::V3, 14), (Kind::V2, 6), (Kind::V2Password, 6)] {
        let padded = Case::broken(kind, |message| message.extend(vec![0xa5; padding]));
        padded.parse(|parsed| {
            let advert = parsed.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert_eq!(advert.addresses.len(), 1, "{kind:?}");
        });
    }
    // With IP options the same message is at its end at 46 octets: the padding is shorter.
    let with_options = |padding: usize| {
        let mut case = Case::broken(Kind::V3, |message| message.extend(vec![0; padding]));
        case.ip.header_len = 24;
        case.parse(|parsed| parsed.is_ok())
    };
    assert!(with_options(10) && !with_options(14));
}

#[test]
fn both_checksum_forms_of_v3_over_ipv4_are_told_apart() {
    let form = |case: Case| case.parse(|parsed| parsed.map(|advert| advert.checksum));
    assert_eq!(form(Case::new(Kind::V3)), Ok(ChecksumForm::PseudoHeader));
    let message_only =
        |kind| Case::broken(kind, |message| message[6..8].copy_from_slice(&[0xa8, 0x02]));
    assert_eq!(form(message_only(Kind::V3)), Ok(ChecksumForm::MessageOnly));
    assert_eq!(form(message_only(Kind::V3Unicast)), Ok(ChecksumForm::MessageOnly));

    // The old form, with the group in the pseudo-header of a unicast advert.
    let old = Case::broken(Kind::V3Unicast, |message| message[6..8].copy_from_slice(&[5, 0x72]));
    let accepted = Cast::Unicast { sources: None, accept_old_checksum: true };
    old.parse_with(
        |rules| rules.cast = accepted,
        |parsed| assert_eq!(parsed.unwrap().checksum, ChecksumForm::OldUnicast),
    );
    assert_eq!(old.error().reason(), DropReason::Checksum);
}

#[test]
fn ipv6_and_v2_have_one_checksum_form_each() {
    let mut ipv6 = Case::new(Kind::V3Ipv6);
    ipv6.kind = Kind::V2;
    ipv6.seal();
    ipv6.kind = Kind::V3Ipv6;
    assert_eq!(ipv6.error().reason(), DropReason::Checksum);

    let mut v2 = Case::new(Kind::V2);
    v2.kind = Kind::V3;
    v2.seal();
    v2.kind = Kind::V2;
    assert_eq!(v2.error().reason(), DropReason::Checksum);
}

#[test]
fn v2_over_ipv6_is_not_spoken() {
    let case = Case::new(Kind::V3Ipv6);
    case.parse_with(
        |rules| rules.version = Version::V2,
        |parsed| assert_eq!(parsed.unwrap_err().reason(), DropReason::Family),
    );
}

#[test]
fn rules_that_allow_more_accept_more() {
    let far = Case::from(Kind::V3, |ip| ip.hop_limit = 64);
    far.parse_with(
        |rules| rules.hop_limits = HopLimits { min: 60, max: 64 },
        |parsed| assert!(parsed.is_ok()),
    );
    let stranger = Case::from(Kind::V3Unicast, |ip| ip.source = [192, 0, 2, 77].into());
    stranger.parse_with(
        |rules| rules.cast = Cast::Unicast { sources: None, accept_old_checksum: false },
        |parsed| assert!(parsed.is_ok()),
    );
    let empty = Case::with(Kind::V3, |message| {
        message[3] = 0;
        message.truncate(8);
    });
    empty.parse_with(
        |rules| rules.accept_no_addresses = true,
        |parsed| assert!(parsed.unwrap().remarks.contains(Remark::AddressesDiffer)),
    );
    // VRRPv3 has no authentication, whatever the rules say.
    Case::new(Kind::V3).parse_with(
        |rules| rules.authentication = Authentication::Password(&PASSWORD),
        |parsed| assert_eq!(parsed.unwrap().authentication, Authentication::None),
    );
    // The authentication data of type 0 is ignored (RFC 3768 §5.3.10).
    Case::with(Kind::V2, |message| message[12] = 0xff).parse(|parsed| assert!(parsed.is_ok()));
}

#[test]
fn what_is_odd_is_remarked_on_and_accepted() {
    let remarks = |case: Case| case.parse(|parsed| Vec::from_iter(parsed.unwrap().remarks.iter()));
    let differs = |kind| Case::with(kind, |message| message[11] = 0x65);
    assert_eq!(remarks(differs(Kind::V2)), [Remark::AddressesDiffer]);
    assert_eq!(remarks(differs(Kind::V3)), [Remark::AddressesDiffer]);
    let interval = Case::with(Kind::V3, |message| message[5] = 25);
    assert_eq!(remarks(interval), [Remark::IntervalDiffers]);
    let global = Case::with(Kind::V3Ipv6, |message| message[8..12].fill(0x20));
    assert_eq!(remarks(global), [Remark::AddressesDiffer, Remark::FirstNotLinkLocal]);
    // Reserved bits are none of the interval.
    let reserved = Case::with(Kind::V3, |message| message[4] |= 0xf0);
    assert_eq!(remarks(reserved), []);
}
