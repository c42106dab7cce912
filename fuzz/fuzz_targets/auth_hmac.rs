//! Only what a key signed passes, and signing it again gives the same octets.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use vrrp_proto::{
    Addresses, Advert, AntiReplay, Authentication, Cast, DecodeError, Family, HmacKey, HmacMode,
    HmacSettings, HopLimits, Interval, IpMeta, PreparedAdvert, Replay, Rules, Sequence, Signer,
    TRAILER_LEN, UnixTime, Version, Vrid, peek_vrid,
};

// The input is one octet that chooses the rules and the packet, then a message with its trailer.
fuzz_target!(|input: &[u8]| {
    let Some((&choice, message)) = input.split_first() else { return };
    let keys = keys();
    let ip = envelope(choice);
    let settings = settings(choice, &keys, message);
    let rules = rules(choice, message, &ip, Authentication::Hmac(settings));
    let mut message = message.to_vec();
    // Chance finds neither checksums nor HMACs.
    seal(&mut message, &ip, &rules);
    match Advert::parse(&message, &ip, &rules) {
        Ok(advert) => check_accepted(&message, &advert, &ip, &settings),
        Err(DecodeError::InvalidHmac { key }) => {
            check_signed(&message, key, &ip, &rules, &settings)
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn chooses(choice: u8, bit: u8) -> bool {
    choice & 1 << bit != 0
}

/// The keys of the seeds.
fn keys() -> [HmacKey; 2] {
    let first: [u8; 32] = std::array::from_fn(|place| place as u8);
    let second = b"abcdefghijklmnopqrstuvwxyz0123456789ABCD";
    [(1, &first[..]), (2, &second[..])].map(|(id, key)| HmacKey::new(id, key).expect("a key"))
}

/// The hosts of the seeds.
fn envelope(choice: u8) -> IpMeta {
    let source: IpAddr = match chooses(choice, 1) {
        false => [192, 0, 2, 1].into(),
        true => [0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 0xa].into(),
    };
    match (chooses(choice, 2), source) {
        (false, _) => IpMeta::multicast(source),
        (true, IpAddr::V4(_)) => IpMeta::new(source, [192, 0, 2, 3].into(), 255),
        (true, IpAddr::V6(_)) => IpMeta::new(source, [0xfe80, 0, 0, 0, 0, 0, 0, 3].into(), 255),
    }
}

/// The time is that of the trailer, or some seconds away from it.
fn settings<'a>(choice: u8, keys: &'a [HmacKey], message: &[u8]) -> HmacSettings<'a> {
    let trailer = message.last_chunk::<TRAILER_LEN>();
    let secs = trailer.and_then(|trailer| trailer[4..].first_chunk().copied());
    let secs = secs.map_or(0, u32::from_be_bytes).wrapping_add(u32::from(choice >> 5));
    HmacSettings {
        keys,
        signing: &keys[0],
        mode: match chooses(choice, 3) {
            false => HmacMode::Enforce,
            true => HmacMode::Permissive,
        },
        anti_replay: match chooses(choice, 4) {
            false => AntiReplay::Timestamp { window_secs: 5 },
            true => AntiReplay::Monotonic,
        },
        now: UnixTime { secs, fraction: 0 },
    }
}

/// Rules that the message has a chance to obey.
fn rules<'a>(
    choice: u8,
    message: &[u8],
    ip: &IpMeta,
    authentication: Authentication<'a>,
) -> Rules<'a> {
    let family = Family::of(ip.source);
    let version = match (chooses(choice, 0), family) {
        (false, Family::V4) => Version::V2,
        _ => Version::V3,
    };
    let vrid = peek_vrid(message).unwrap_or(Vrid::new(1).expect("not 0"));
    let secs = message.get(5).copied().unwrap_or(1);
    let interval = Interval::from_secs(secs).unwrap_or(Interval::DEFAULT);
    let base = Rules::new(version, vrid, interval, Addresses::none(family));
    let cast = match ip.destination.is_multicast() {
        true => base.cast,
        false => Cast::Unicast { sources: None, accept_old_checksum: true },
    };
    Rules { authentication, cast, hop_limits: HopLimits::ANY, ..base }
}

/// Puts the checksum there that the error says is missing.
fn seal(message: &mut [u8], ip: &IpMeta, rules: &Rules<'_>) {
    if let Err(DecodeError::Checksum { required, .. }) = Advert::parse(message, ip, rules) {
        message[6..8].copy_from_slice(&required.to_be_bytes());
    }
}

fn sign(advert: &Advert<'_>, ip: &IpMeta) -> Vec<u8> {
    let buffer = vec![0xff; advert.prepared_len()];
    let mut prepared = PreparedAdvert::new(advert, ip, buffer).expect("it was read");
    let signed = prepared.sign(advert.priority, &advert.authentication, advert.sequence, 0);
    signed.expect("it was prepared for this").octets.to_vec()
}

fn check_accepted(message: &[u8], advert: &Advert<'_>, ip: &IpMeta, settings: &HmacSettings<'_>) {
    let Some(sequence) = advert.sequence else {
        assert_eq!(settings.mode, HmacMode::Permissive, "unsigned");
        return;
    };
    let id = message[message.len() - TRAILER_LEN + 1];
    let signing = settings.keys.iter().find(|key| key.id().get() == id).expect("it is known");
    let authentication = Authentication::Hmac(HmacSettings { signing, ..*settings });
    let again = sign(&Advert { authentication, ..*advert }, ip);
    // Reserved bits are signed as they are, and sent as 0.
    let has_reserved_bits = message[0] >> 4 == 3 && message[4] >> 4 != 0;
    let has_data = message[0] >> 4 == 2;
    assert!(again == message || has_reserved_bits || has_data, "{again:x?} {message:x?}");
    let mut replay = Replay::default();
    replay.admit(ip.source, sequence, &authentication).expect("nothing was heard before");
    replay.check(ip, advert).expect_err("it was heard before");
    let mut signer = Signer::default();
    let first = signer.next(&authentication).expect("there is always a number");
    assert!(first.is_some() && signer.next(&authentication) != Ok(first));
}

/// Signs what somebody without the key has made up: then it passes, unless it is of no use.
fn check_signed(
    message: &[u8],
    key: u8,
    ip: &IpMeta,
    rules: &Rules<'_>,
    settings: &HmacSettings<'_>,
) {
    let (bare, trailer) = message.split_at(message.len() - TRAILER_LEN);
    let permissive = HmacSettings { mode: HmacMode::Permissive, ..*settings };
    let lax = Rules { authentication: Authentication::Hmac(permissive), ..*rules };
    let mut bare = bare.to_vec();
    seal(&mut bare, ip, &lax);
    let Ok(advert) = Advert::parse(&bare, ip, &lax) else { return };
    let signing = settings.keys.iter().find(|one| one.id().get() == key).expect("it is known");
    let number = trailer[4..].first_chunk().expect("eight octets");
    let signed = sign(
        &Advert {
            authentication: Authentication::Hmac(HmacSettings { signing, ..*settings }),
            sequence: Some(Sequence::Trailer(u64::from_be_bytes(*number))),
            ..advert
        },
        ip,
    );
    let heard = Advert::parse(&signed, ip, rules).expect("what was signed is accepted");
    assert_eq!((heard.priority, heard.addresses), (advert.priority, advert.addresses));
}
