//! Only what the key signed passes, and signing it again gives the same octets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_proto::{
    Addresses, Advert, Authentication, Cast, DecodeError, Family, HeaderKey, HopLimits, Interval,
    IpMeta, PreparedAdvert, Replay, Rules, Sequence, Version, Vrid, peek_vrid, split_ipv4,
};

// The input is an IPv4 packet.
fuzz_target!(|packet: &[u8]| {
    let Ok((ip, _, message)) = split_ipv4(packet) else { return };
    let key = HeaderKey::from_text("s3cr3t");
    let rules = rules(message, &ip, Authentication::Header(&key));
    let mut message = message.to_vec();
    // Chance finds neither checksums nor check values.
    if let Err(DecodeError::Checksum { required, .. }) = Advert::parse(&message, &ip, &rules) {
        message[6..8].copy_from_slice(&required.to_be_bytes());
    }
    match Advert::parse(&message, &ip, &rules) {
        Ok(advert) => {
            let header = ip.auth_header.expect("nothing passes without one");
            assert_eq!(sign(&advert, &ip), [header.as_octets(), &message[..]].concat());
            check_replay(&ip, &advert);
        }
        Err(DecodeError::InvalidIcv) => check_signed(&message, &ip, &rules),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

/// Rules that the message has a chance to obey.
fn rules<'a>(message: &[u8], ip: &IpMeta, authentication: Authentication<'a>) -> Rules<'a> {
    let vrid = peek_vrid(message).unwrap_or(Vrid::new(1).expect("not 0"));
    let secs = message.get(5).copied().unwrap_or(1);
    let interval = Interval::from_secs(secs).unwrap_or(Interval::DEFAULT);
    let cast = match ip.destination.is_multicast() {
        true => Cast::Multicast { group: ip.destination },
        false => Cast::Unicast { sources: None, accept_old_checksum: false },
    };
    let base = Rules::new(Version::V2, vrid, interval, Addresses::none(Family::V4));
    Rules { authentication, cast, hop_limits: HopLimits::ANY, ..base }
}

/// What is sent with the advert's own sequence number.
fn sign(advert: &Advert<'_>, ip: &IpMeta) -> Vec<u8> {
    let buffer = vec![0xff; advert.prepared_len()];
    let mut prepared = PreparedAdvert::new(advert, ip, buffer).expect("it was read");
    let (authentication, id) = (&advert.authentication, ip.identification);
    let signed = prepared.sign(advert.priority, authentication, advert.sequence, id);
    signed.expect("it was prepared for this").octets.to_vec()
}

/// Signs what somebody without the key has made up: then it passes, unless it is of no use.
fn check_signed(message: &[u8], ip: &IpMeta, rules: &Rules<'_>) {
    let Some(header) = ip.auth_header else { return };
    let plain = IpMeta { auth_header: None, header_len: 20, ..*ip };
    let mut message = message.to_vec();
    message[4] = 0;
    let unsigned = Rules { authentication: Authentication::None, ..*rules };
    if let Err(DecodeError::Checksum { required, .. }) = Advert::parse(&message, &plain, &unsigned)
    {
        message[6..8].copy_from_slice(&required.to_be_bytes());
    }
    let Ok(mut advert) = Advert::parse(&message, &plain, &unsigned) else { return };
    advert.authentication = rules.authentication;
    advert.sequence = Some(Sequence::Header(header.sequence()));
    let payload = sign(&advert, &plain);
    let (header, protocol, message) =
        vrrp_proto::AuthHeader::split(&payload).expect("it was written");
    assert_eq!(protocol, vrrp_proto::PROTOCOL);
    let ip = IpMeta { auth_header: Some(header), ..plain };
    let heard = Advert::parse(message, &ip, rules).expect("what was signed is accepted");
    assert_eq!(heard, advert);
    let moved = IpMeta { identification: ip.identification ^ 1, ..ip };
    assert_eq!(Advert::parse(message, &moved, rules), Err(DecodeError::InvalidIcv));
}

fn check_replay(ip: &IpMeta, advert: &Advert<'_>) {
    let mut replay = Replay::default();
    replay.check(ip, advert).expect("nothing was heard before");
    replay.check(ip, advert).expect_err("it was heard before");
}
