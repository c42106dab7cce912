//! What all members of a virtual router must say alike: its number, the protocol's version
//! and interval, the checksum and the authentication.

use vrrp_proto::{Family, Interval, Version};

use super::seat::{Place, Seat, odd_ones};
use crate::model::{Authentication, Checksum, HmacAuth, HmacKeyValue, HmacMode, Instance};
use crate::{Code, Diagnostic, Span};

/// The members whose family is that of most; the others are reported. They are another router,
/// so nothing else can be compared.
pub(super) fn of_one_family<'c>(seats: &[Seat<'c>], found: &mut Vec<Diagnostic>) -> Vec<Seat<'c>> {
    let odd = odd_ones(seats, |instance| instance.family);
    found.extend(odd.iter().map(|(odd, usual)| family_finding(odd, usual)));
    without(seats, &odd)
}

/// The members that are none of the odd ones.
fn without<'c>(seats: &[Seat<'c>], odd: &[(&Seat<'c>, &Seat<'c>)]) -> Vec<Seat<'c>> {
    let is_odd = |seat: &Seat<'_>| odd.iter().any(|(odd, _)| core::ptr::eq(*odd, seat));
    seats.iter().filter(|seat| !is_odd(seat)).copied().collect()
}

pub(super) fn check(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    for (odd, usual) in odd_ones(seats, |instance| instance.vrid.value) {
        let place = |seat: &Seat<'_>| (seat.instance.vrid.span, seat.instance.vrid.to_string());
        found.push(differ(Code::ClusterVrid, "VRID", "virtual_router_id", odd, usual, place));
    }
    let strangers = odd_ones(seats, |instance| instance.version.value);
    for (odd, usual) in &strangers {
        let place = |seat: &Seat<'_>| {
            let version = seat.instance.version;
            (version.span, if *version == Version::V2 { "2" } else { "3" }.to_owned())
        };
        found.push(differ(Code::ClusterVersion, "version", "version", odd, usual, place));
    }
    // Who speaks another version is not heard anyway.
    let peers = without(seats, &strangers);
    check_intervals(&peers, found);
    check_checksums(&peers, found);
    check_authentication(&peers, found);
    check_macs(seats, found);
}

/// A value that differs, in the words of the keyword that sets it.
fn differ(
    code: Code,
    what: &str,
    keyword: &str,
    odd: &Seat<'_>,
    usual: &Seat<'_>,
    place: impl Fn(&Seat<'_>) -> (Span, String),
) -> Diagnostic {
    let ((odd_at, odd_value), (usual_at, value)) = (place(odd), place(usual));
    let message = format!("{odd} has another {what} than {usual}");
    let other = usual.place(usual_at, format!("{what} {value}"));
    odd.place(odd_at, format!("{what} {odd_value}"))
        .finding(code, message, other)
        .help(format!("write the same on all members: `{keyword} {value}` as in {}", usual.file))
}

fn family_finding(odd: &Seat<'_>, usual: &Seat<'_>) -> Diagnostic {
    let place = |seat: &Seat<'_>| {
        let instance = seat.instance;
        instance.addresses.first().map_or(instance.name.span, |address| address.span)
    };
    let (family, other) = (odd.instance.family, usual.instance.family);
    let message = format!("{odd} is an {family} router, and {usual} an {other} router");
    let other = Place { at: place(usual), text: format!("{other} because of this") };
    Place { at: place(odd), text: format!("{family} because of this") }
        .finding(Code::ClusterFamily, message, other)
        .help("give the two families an instance each, on all members")
}

fn check_intervals(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    let secs = |interval: Interval| interval.as_duration().as_secs_f64();
    for (odd, usual) in odd_ones(seats, |instance| instance.interval.value) {
        let place = |seat: &Seat<'_>| {
            let interval = seat.instance.interval;
            (interval.span, secs(*interval).to_string())
        };
        let code = match odd.instance.version.value {
            Version::V2 => Code::ClusterInterval,
            Version::V3 => Code::ClusterIntervalV3,
        };
        let mut finding = differ(code, "interval", "advert_int", odd, usual, place);
        // A router that answers losing adverts makes the others learn its interval again.
        if code == Code::ClusterIntervalV3
            && let Some((seat, at, why)) = silent_and_slow(seats)
        {
            finding.code = Code::ClusterUnsettled;
            finding = finding.also(at, format!("{why} in {}", seat.file)).note(
                "the others may learn the shorter interval from a router that loses, and take \
                     over before the next advert of the one that wins and does not answer",
            );
        }
        found.push(finding);
    }
}

/// A member that leaves losing adverts unanswered and advertises less often than another one.
fn silent_and_slow<'s, 'c>(seats: &'s [Seat<'c>]) -> Option<(&'s Seat<'c>, Span, &'static str)> {
    let shortest = seats.iter().map(|seat| seat.instance.interval.value).min()?;
    let slow = seats.iter().filter(|seat| seat.instance.interval.value > shortest);
    let silent = |seat: &'s Seat<'c>| {
        let instance = seat.instance;
        let (answers, listens) = (instance.lower_prio_no_advert, instance.owner_ignore_adverts);
        match (*answers, *listens && seat.is_owner()) {
            (true, _) => Some((seat, answers.span, "losing adverts are not answered")),
            (_, true) => Some((seat, listens.span, "received adverts are ignored")),
            _ => None,
        }
    };
    slow.into_iter().find_map(silent)
}

fn check_checksums(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    // IPv6 has one form only.
    let is_v3_over_ipv4 = |seat: &Seat<'_>| {
        seat.instance.version.value == Version::V3 && seat.instance.family == Family::V4
    };
    if !seats.iter().all(is_v3_over_ipv4) {
        return;
    }
    let name = |seat: &Seat<'_>| match seat.instance.checksum.value {
        Checksum::PseudoHeader => ("with the pseudo-header", "off"),
        Checksum::MessageOnly => ("of the message alone", "on"),
    };
    for (odd, usual) in odd_ones(seats, |instance| instance.checksum.value) {
        let place = |seat: &Seat<'_>| (seat.instance.checksum.span, name(seat).0.to_owned());
        let help = format!(
            "write the same on all members: `v3_checksum_as_v2 {}` as in {}",
            name(usual).1,
            usual.file
        );
        let finding = differ(Code::ClusterChecksum, "checksum", "", odd, usual, place).help(help);
        found.push(finding);
    }
}

/// Which MAC address the virtual addresses have. What the interface is called, and which
/// address adverts come from, makes no difference.
fn check_macs(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    let mac = |instance: &Instance| instance.vmac.as_ref().map(|vmac| vmac.mac);
    for (odd, usual) in odd_ones(seats, mac) {
        let place = |seat: &Seat<'_>| {
            let at = seat.instance.vmac.as_ref().map_or(seat.instance.name.span, |vmac| vmac.span);
            let text = match mac(seat.instance) {
                None => "the interface's own MAC address".to_owned(),
                Some(None) => "the MAC address of the VRID".to_owned(),
                Some(Some(mac)) => format!("the MAC address {mac}"),
            };
            seat.place(at, text)
        };
        let message = format!("{odd} has another MAC address for the addresses than {usual}");
        let finding = place(odd)
            .finding(Code::ClusterMac, message, place(usual))
            .help("write `use_vmac` alike on all members, or on none");
        found.push(finding);
    }
}

/// Reports each member with the first one that it does not understand, or that does not
/// understand it.
fn check_authentication(seats: &[Seat<'_>], found: &mut Vec<Diagnostic>) {
    for (at, seat) in seats.iter().enumerate() {
        let finding = seats[..at].iter().find_map(|earlier| {
            let why = refusal(earlier, seat).or_else(|| refusal(seat, earlier))?;
            Some(authentication_finding(seat, earlier, &why))
        });
        found.extend(finding);
    }
}

fn authentication_finding(seat: &Seat<'_>, earlier: &Seat<'_>, why: &str) -> Diagnostic {
    // The block's word is shown: the lines within have secrets.
    let place = |seat: &Seat<'_>| {
        let given = seat.instance.authentication.as_ref();
        given.map_or(seat.instance.name.span, |block| block.span)
    };
    let text = |seat: &Seat<'_>| {
        let kind = kind(seat.instance);
        let suffix = if kind == NONE { " by default" } else { "" };
        format!("{kind}{suffix}")
    };
    let message = format!("{seat} authenticates otherwise than {earlier}");
    let other = Place { at: place(earlier), text: text(earlier) };
    Place { at: place(seat), text: text(seat) }
        .finding(Code::ClusterAuthentication, message, other)
        .note(why)
        .help("write the same block on all members")
}

const NONE: &str = "no authentication";

fn kind(instance: &Instance) -> &'static str {
    match instance.authentication.as_deref() {
        None => NONE,
        Some(Authentication::Password(_)) => "`auth_type PASS`",
        Some(Authentication::Header(_)) => "`auth_type AH`",
        Some(Authentication::Hmac(_)) => "`auth_hmac`",
    }
}

/// Why one member drops the adverts of another, if it does.
fn refusal(receiver: &Seat<'_>, sender: &Seat<'_>) -> Option<String> {
    use Authentication::{Header, Hmac, Password};
    let file = sender.file;
    let unsigned = |hmac: &HmacAuth| hmac.mode == HmacMode::ReceiveOnly;
    let given = [receiver, sender].map(|seat| seat.instance.authentication.as_deref());
    match given.into() {
        (None, None) => None,
        (Some(Password(own)), Some(Password(other))) | (Some(Header(own)), Some(Header(other))) => {
            (own != other).then(|| "the passwords differ in the 8 bytes that count".to_owned())
        }
        (Some(Hmac(own)), Some(Hmac(other))) if !unsigned(other) => refused_key(own, other, file),
        (None, Some(Hmac(other))) if unsigned(other) => None,
        (Some(Hmac(own)), None) if own.mode != HmacMode::Enforce => None,
        (Some(Hmac(own)), Some(Hmac(_))) if own.mode != HmacMode::Enforce => None,
        (Some(Hmac(_)), None | Some(Hmac(_))) => {
            Some(format!("{} accepts signed adverts only, and {file} does not sign", receiver.file))
        }
        _ => Some("a router drops adverts that are authenticated otherwise than its own".into()),
    }
}

/// Why a signature is not accepted, if it is not.
fn refused_key(own: &HmacAuth, other: &HmacAuth, file: &str) -> Option<String> {
    let id = other.active_key;
    let [own, other] = [own, other].map(|hmac| hmac.keys.iter().find(|key| key.id == id));
    let Some(own) = own else {
        return Some(format!("{file} signs with key {id}, which the other one does not have"));
    };
    let are_others = other.is_some_and(|other| are_different(own.value(), other.value()));
    are_others
        .then(|| format!("key {id}, with which {file} signs, has another value in the other one"))
}

/// Whether two keys are certainly different: what is in a file of another machine nobody knows here.
fn are_different(one: HmacKeyValue<'_>, other: HmacKeyValue<'_>) -> bool {
    use HmacKeyValue::{File, Hex, Text};
    let digits = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    match (one, other) {
        (File(_), _) | (_, File(_)) => false,
        (Text(one), Text(other)) => one != other,
        (Hex(one), Hex(other)) => !one.eq_ignore_ascii_case(other),
        (Text(text), Hex(hex)) | (Hex(hex), Text(text)) => !hex.eq_ignore_ascii_case(&digits(text)),
    }
}
