//! What must hold of every message that is dissected: for the property tests and for the fuzz
//! target.

use vrrp_proto::{
    Addresses, Advert, Authentication, Cast, Dissection, DropReason, Family, Field, HopLimits,
    Interval, IpMeta, Password, Rules, Version, Vrid,
};

/// Dissects a message with and without its IP header, and checks what is found against
/// [`Advert::parse`].
pub(crate) fn check(message: &[u8], ip: &IpMeta) {
    for dissection in [Advert::dissect(message, None), Advert::dissect(message, Some(ip))] {
        fields_cover_the_message(&dissection);
        for finding in dissection.findings() {
            assert!(finding.range.as_ref().is_none_or(|range| !range.is_empty()), "{finding}");
            assert!(dissection.to_string().contains(&finding.to_string()));
        }
    }
    let dissection = Advert::dissect(message, Some(ip));
    // Who does not have the keys cannot judge.
    let has_no_rules = |(_, field)| field == Field::AuthType(2);
    if !dissection.fields().any(has_no_rules) && !dissection.is_signed() {
        parse_agrees(&dissection, ip);
    }
}

/// In order, with a gap nowhere, and each with the value that stands there.
fn fields_cover_the_message(dissection: &Dissection<'_>) {
    let octets = dissection.octets();
    let (mut start, mut end) = (0, 0);
    for (range, field) in dissection.fields() {
        assert!(start <= range.start && range.start <= end, "{range:?} {field}");
        assert!(range.end > range.start && range.end >= end, "{range:?} {field}");
        (start, end) = (range.start, range.end);
        let octets = &octets[range];
        match field {
            Field::Vrid(value) | Field::Count(value) => assert_eq!(octets, [value]),
            Field::Checksum(value) => assert_eq!(octets, value.to_be_bytes()),
            Field::Address(std::net::IpAddr::V4(value)) => assert_eq!(octets, value.octets()),
            Field::Address(std::net::IpAddr::V6(value)) => assert_eq!(octets, value.octets()),
            Field::AuthData(value) => assert_eq!(octets, value.as_octets()),
            Field::Rest(value) => assert_eq!(octets, value),
            _ => {}
        }
    }
    assert_eq!(end, octets.len());
}

/// A router that is configured like the sender drops the message exactly if something is found
/// that is a reason to, and for one of these reasons.
fn parse_agrees(dissection: &Dissection<'_>, ip: &IpMeta) {
    let reasons: Vec<_> = dissection.findings().filter_map(|finding| finding.reason()).collect();
    let password = password(dissection);
    match Advert::parse(dissection.octets(), ip, &rules_of(dissection, ip, password.as_ref())) {
        Ok(advert) => {
            assert!(reasons.is_empty(), "accepted, although {reasons:?}\n{dissection}");
            assert_eq!(dissection.checksum_form(), Some(advert.checksum));
            assert_eq!(dissection.family(), Some(advert.family()));
        }
        Err(error) => {
            let reason = match error.reason() {
                // The rules ask for 1 where there is 0.
                DropReason::Vrid => DropReason::UnknownVrid,
                reason => reason,
            };
            assert!(reasons.contains(&reason), "{error}, but found {reasons:?}\n{dissection}");
        }
    }
}

/// The rules that the sender has, as far as the message tells.
fn rules_of<'a>(
    dissection: &Dissection<'_>,
    ip: &IpMeta,
    password: Option<&'a Password>,
) -> Rules<'a> {
    let none = Addresses::none(Family::of(ip.source));
    let vrid = Vrid::new(1).expect("it is not 0");
    let version = dissection.version().unwrap_or(Version::V3);
    let mut rules = Rules::new(version, vrid, Interval::DEFAULT, none);
    rules.authentication = password.map_or(Authentication::None, Authentication::Password);
    for (_, field) in dissection.fields() {
        match field {
            Field::Vrid(number) => rules.vrid = Vrid::new(number).unwrap_or(rules.vrid),
            Field::AdverIntSecs(secs) => {
                rules.interval = Interval::from_secs(secs).unwrap_or(rules.interval);
            }
            _ => {}
        }
    }
    if !ip.destination.is_multicast() {
        rules.cast = Cast::Unicast { sources: None, accept_old_checksum: true };
        rules.hop_limits = HopLimits::ANY;
    }
    rules
}

/// The password in the message, if that is how it is authenticated.
fn password(dissection: &Dissection<'_>) -> Option<Password> {
    dissection.fields().find(|(_, field)| *field == Field::AuthType(1))?;
    dissection.fields().find_map(|(_, field)| match field {
        Field::AuthData(data) => data.as_octets().try_into().ok().map(Password::from_octets),
        _ => None,
    })
}
