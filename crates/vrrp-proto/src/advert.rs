//! The advertisement as a value: parsed under rules, written into a buffer.

use core::fmt;
use core::net::IpAddr;

use crate::addresses::Addresses;
use crate::auth::Authentication;
use crate::auth::trailer::TRAILER_LEN;
use crate::checksum;
use crate::error::{DecodeError, EncodeError, Remark, Remarks};
use crate::ip::IpMeta;
use crate::message::{ADVERTISEMENT, Message, message_len};
use crate::rules::Rules;
use crate::sequence::Sequence;
use crate::words::{ChecksumForm, Family, Interval, Priority, Version, Vrid};

/// The length of an IPv4 packet that fills an Ethernet frame to its minimum. Devices exist that
/// count the frame's padding into the IP packet's length.
pub(crate) const MIN_ETHERNET_PAYLOAD_LEN: usize = 46;

/// An advertisement: what the Active Router says about itself and its virtual router.
///
/// A received one comes from [`parse`](Self::parse); one to be sent from [`new`](Self::new) and,
/// as bytes, from [`write`](Self::write) or, for many,
/// [`PreparedAdvert`](crate::PreparedAdvert).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advert<'a> {
    /// The version that it is written in.
    pub version: Version,
    /// The virtual router that it is for.
    pub vrid: Vrid,
    /// The sender's priority.
    pub priority: Priority,
    /// How often the sender advertises.
    pub interval: Interval,
    /// The virtual router's addresses, as the sender has them.
    pub addresses: Addresses<'a>,
    /// How the sender proves itself: for a received one what the rules demanded, or nothing where
    /// they let it pass without.
    pub authentication: Authentication<'a>,
    /// Where a received one stands in its sender's order, if that is told: for
    /// [`Replay`](crate::Replay) to check. Writing ignores it.
    pub sequence: Option<Sequence>,
    /// What the sender sums up for the checksum.
    pub checksum: ChecksumForm,
    /// What is odd about a received one. Writing ignores it.
    pub remarks: Remarks,
}

impl<'a> Advert<'a> {
    /// An advert without authentication and with the version's usual checksum.
    pub const fn new(
        version: Version,
        vrid: Vrid,
        priority: Priority,
        interval: Interval,
        addresses: Addresses<'a>,
    ) -> Self {
        Self {
            version,
            vrid,
            priority,
            interval,
            addresses,
            authentication: Authentication::None,
            sequence: None,
            checksum: ChecksumForm::usual(version),
            remarks: Remarks::NONE,
        }
    }

    /// The advert in `message`, the payload of an IP packet, if it obeys the rules.
    ///
    /// The checks are those of RFC 9568 §7.1 and RFC 3768 §7.1: first the IP header, then the
    /// message from its outside in. What a router knows beyond its rules (whether it owns the
    /// addresses, say) is not asked here, and neither is whether the advert was heard before:
    /// that is [`Replay::check`](crate::Replay::check)'s to say, afterwards.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn parse(message: &'a [u8], ip: &IpMeta, rules: &Rules<'a>) -> Result<Self, DecodeError> {
        check_envelope(ip, rules)?;
        let message = Message::new_checked(message)?;
        check_header(&message, rules)?;
        let Parts { message, trailer, summed } = check_length(message, ip, rules)?;
        let checksum = check_checksum(&message, summed, ip, rules)?;
        let (authentication, sequence) = check_authentication(&message, trailer, ip, rules)?;
        let interval = check_interval(&message, rules)?;
        let addresses = check_addresses(&message, rules)?;
        Ok(Self {
            version: rules.version,
            vrid: rules.vrid,
            priority: message.priority(),
            interval,
            addresses,
            authentication,
            sequence,
            checksum,
            remarks: remarks(interval, addresses, rules),
        })
    }

    /// The family of the virtual router.
    pub const fn family(&self) -> Family {
        self.addresses.family()
    }

    /// The octets that [`write`](Self::write) fills.
    pub const fn buffer_len(&self) -> usize {
        message_len(self.version, self.family(), self.addresses.count())
    }

    /// The octets of a buffer for a [`PreparedAdvert`](crate::PreparedAdvert): those of the
    /// message, and of what proves it.
    pub const fn prepared_len(&self) -> usize {
        let (before, behind) = self.authentication.around();
        before + self.buffer_len() + behind
    }

    /// Writes the message for a packet with these addresses (the checksum may cover them) to the
    /// front of `buffer`, and returns its length.
    ///
    /// It is the message alone: an authentication header or a trailer comes from
    /// [`PreparedAdvert::sign`](crate::PreparedAdvert::sign).
    ///
    /// # Errors
    /// [`EncodeError`] if no message can say this, or the buffer is too small for it. Nothing
    /// has been written then.
    pub fn write(&self, ip: &IpMeta, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        self.check_writable(ip)?;
        let (required_len, len) = (self.buffer_len(), buffer.len());
        let octets = buffer
            .get_mut(..required_len)
            .ok_or(EncodeError::BufferTooSmall { required_len, len })?;
        self.emit(octets);
        let checksum = self.checksum.sum(octets, ip);
        Message::whole(octets).set_checksum(checksum);
        Ok(required_len)
    }

    /// Fills exactly [`buffer_len`](Self::buffer_len) octets, with a checksum of zero.
    fn emit(&self, octets: &mut [u8]) {
        let mut message = Message::whole(octets);
        message.set_version_and_type(self.version, ADVERTISEMENT);
        message.set_vrid(self.vrid);
        message.set_priority(self.priority);
        message.set_count(self.addresses.count());
        message.set_checksum(0);
        match self.version {
            Version::V2 => {
                let secs = self.interval.as_whole_secs().expect("check_writable saw to it");
                message.set_auth_type(self.authentication.auth_type());
                message.set_adver_int_secs(secs);
                message.set_body(self.addresses, self.authentication.data());
            }
            Version::V3 => {
                message.set_max_adver_int_centis(self.interval.as_centis());
                message.set_body(self.addresses, &[]);
            }
        }
    }

    pub(crate) fn check_writable(&self, ip: &IpMeta) -> Result<(), EncodeError> {
        let Self { version, interval, checksum: form, .. } = *self;
        let family = self.family();
        if !speaks(version, family) || ip.family() != Some(family) {
            let (from, to) = (ip.source, ip.destination);
            return Err(EncodeError::Family { version, family, from, to });
        }
        if Interval::new(version, interval.as_duration()).is_err() {
            return Err(EncodeError::Interval { version, interval });
        }
        // A type that VRRPv3 has no field for.
        if version == Version::V3 && self.authentication.auth_type() != 0 {
            return Err(EncodeError::Authentication);
        }
        if !form.exists_for(version, family) {
            return Err(EncodeError::ChecksumForm { version, family, form });
        }
        Ok(())
    }
}

impl fmt::Display for Advert<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, vrid, priority, interval, addresses, .. } = self;
        write!(f, "VRRPv{version} vrid {vrid} priority {priority} interval {interval}")?;
        match addresses.is_empty() {
            true => f.write_str(" without addresses"),
            false => write!(f, " for {addresses}"),
        }
    }
}

/// VRRPv2 is IPv4's alone.
const fn speaks(version: Version, family: Family) -> bool {
    matches!((version, family), (Version::V2, Family::V4) | (Version::V3, _))
}

/// The checks of the IP header. RFC 9568 §7.1: "MUST verify that the IPv4 TTL / IPv6 Hop Limit
/// is 255"; the rest keeps apart what was sent by or to somebody else.
fn check_envelope(ip: &IpMeta, rules: &Rules<'_>) -> Result<(), DecodeError> {
    let family = rules.family();
    if !speaks(rules.version, family) || ip.family() != Some(family) {
        return Err(DecodeError::Family { required: family, from: ip.source, to: ip.destination });
    }
    if !rules.hop_limits.contains(ip.hop_limit) {
        return Err(DecodeError::HopLimit { required: rules.hop_limits, found: ip.hop_limit });
    }
    if !rules.cast.admits_destination(ip.destination) {
        return Err(DecodeError::Destination(ip.destination));
    }
    if rules.own_sources.contains(&ip.source) {
        return Err(DecodeError::OwnSource(ip.source));
    }
    if !rules.cast.admits_source(ip.source) {
        return Err(DecodeError::UnknownSource(ip.source));
    }
    match (rules.authentication, ip.auth_header) {
        (Authentication::Header(_), None) if rules.version == Version::V2 => {
            Err(DecodeError::MissingHeader)
        }
        (Authentication::Header(_), Some(_)) if rules.version == Version::V2 => Ok(()),
        (_, Some(_)) => Err(DecodeError::UnexpectedHeader),
        (_, None) => Ok(()),
    }
}

/// The checks of the fields that say what the other fields mean.
fn check_header(message: &Message<&[u8]>, rules: &Rules<'_>) -> Result<(), DecodeError> {
    if message.version() != rules.version.get() {
        return Err(DecodeError::Version { required: rules.version, found: message.version() });
    }
    if message.message_type() != ADVERTISEMENT {
        return Err(DecodeError::Type(message.message_type()));
    }
    if message.vrid() != rules.vrid.get() {
        return Err(DecodeError::Vrid { required: rules.vrid, found: message.vrid() });
    }
    Ok(())
}

/// A message in its parts.
struct Parts<'a> {
    message: Message<&'a [u8]>,
    trailer: Option<&'a [u8; TRAILER_LEN]>,
    /// What the checksum covers: over IPv6, where kernels compute it, the trailer too.
    summed: &'a [u8],
}

/// Checks that the message is as long as its fields say, and cuts off a trailer or padding.
fn check_length<'a>(
    message: Message<&'a [u8]>,
    ip: &IpMeta,
    rules: &Rules<'_>,
) -> Result<Parts<'a>, DecodeError> {
    let (len, all) = (message.len(), message.as_octets());
    let required_len = message_len(rules.version, rules.family(), message.count());
    if len < required_len {
        return Err(DecodeError::Truncated { required_len, len });
    }
    let (octets, surplus) = all.split_at(required_len);
    let message = message.cut(required_len);
    if let (Authentication::Hmac(_), Ok(trailer)) = (rules.authentication, surplus.try_into()) {
        let summed = match rules.family() {
            Family::V4 => octets,
            Family::V6 => all,
        };
        return Ok(Parts { message, trailer: Some(trailer), summed });
    }
    let is_padded = ip.len_before_message() + len == MIN_ETHERNET_PAYLOAD_LEN;
    if !surplus.is_empty() && !is_padded {
        return Err(DecodeError::TrailingBytes { required_len, len });
    }
    Ok(Parts { message, trailer: None, summed: octets })
}

/// Checks the checksum, and finds out which form the sender uses.
fn check_checksum(
    message: &Message<&[u8]>,
    summed: &[u8],
    ip: &IpMeta,
    rules: &Rules<'_>,
) -> Result<ChecksumForm, DecodeError> {
    if let Some(&form) = accepted_forms(rules).iter().find(|form| form.sum(summed, ip) == 0) {
        return Ok(form);
    }
    let form = ChecksumForm::usual(rules.version);
    let found = message.checksum();
    // Taking the checksum's own word out of the sum leaves the one that should be there.
    let required = checksum::updated(form.sum(summed, ip), found, 0);
    Err(DecodeError::Checksum { required, form, found })
}

/// The forms that a sender may use. The first one that fits is the one reported, so that a sum
/// which fits two is taken for the usual one.
const fn accepted_forms(rules: &Rules<'_>) -> &'static [ChecksumForm] {
    use ChecksumForm::{MessageOnly, OldUnicast, PseudoHeader};
    match (rules.version, rules.family(), rules.cast.admits_old_checksum()) {
        (Version::V2, _, _) => &[MessageOnly],
        (Version::V3, Family::V6, _) => &[PseudoHeader],
        (Version::V3, Family::V4, false) => &[PseudoHeader, MessageOnly],
        (Version::V3, Family::V4, true) => &[PseudoHeader, MessageOnly, OldUnicast],
    }
}

/// Checks the authentication: a trailer's in either version, the others in VRRPv2 (RFC 3768 §7.1).
/// Says what of it was used.
fn check_authentication<'a>(
    message: &Message<&[u8]>,
    trailer: Option<&[u8; TRAILER_LEN]>,
    ip: &IpMeta,
    rules: &Rules<'a>,
) -> Result<(Authentication<'a>, Option<Sequence>), DecodeError> {
    let used = match rules.authentication {
        Authentication::Hmac(hmac) => match hmac.verify(ip, message.as_octets(), trailer)? {
            None => (Authentication::None, None),
            sequence => (rules.authentication, sequence),
        },
        authentication => (authentication, None),
    };
    if rules.version == Version::V3 {
        return match used {
            (Authentication::Hmac(_), _) => Ok(used),
            _ => Ok((Authentication::None, None)),
        };
    }
    let (required, found) = (rules.authentication.auth_type(), message.auth_type());
    if found > Authentication::HIGHEST_TYPE {
        return Err(DecodeError::InvalidAuthType(found));
    }
    if found != required {
        return Err(DecodeError::AuthTypeMismatch { required, found });
    }
    if !rules.authentication.admits(message.auth_data(rules.family())) {
        return Err(DecodeError::AuthFailure);
    }
    match rules.authentication {
        Authentication::Header(key) => {
            let sequence = key.verify(ip, message.as_octets())?;
            Ok((rules.authentication, Some(Sequence::Header(sequence))))
        }
        _ => Ok(used),
    }
}

/// Checks the interval: VRRPv2 "MUST verify that the Adver Interval in the packet is the same as
/// the locally configured" (RFC 3768 §7.1), VRRPv3 learns it but cannot learn 0.
fn check_interval(message: &Message<&[u8]>, rules: &Rules<'_>) -> Result<Interval, DecodeError> {
    match rules.version {
        Version::V2 => {
            let (required, found_secs) = (rules.interval, message.adver_int_secs());
            Interval::from_secs(found_secs)
                .filter(|&found| found == required)
                .ok_or(DecodeError::IntervalMismatch { required, found_secs })
        }
        Version::V3 => {
            Interval::from_centis(message.max_adver_int_centis()).ok_or(DecodeError::ZeroInterval)
        }
    }
}

/// Checks that there are addresses: VRRPv3 ignores a count of 0 (RFC 9568 §5.2.5).
fn check_addresses<'a>(
    message: &Message<&'a [u8]>,
    rules: &Rules<'_>,
) -> Result<Addresses<'a>, DecodeError> {
    let addresses = message.addresses(rules.family());
    let must_have_some = rules.version == Version::V3 && !rules.accept_no_addresses;
    if must_have_some && addresses.is_empty() {
        return Err(DecodeError::NoAddresses);
    }
    Ok(addresses)
}

/// What is odd about an advert that passed all checks.
fn remarks(interval: Interval, addresses: Addresses<'_>, rules: &Rules<'_>) -> Remarks {
    let first_not_link_local = match addresses.first() {
        Some(IpAddr::V6(first)) => !first.is_unicast_link_local(),
        _ => false,
    };
    Remarks::NONE
        .with(Remark::AddressesDiffer, !addresses.has_same_members(rules.addresses))
        .with(Remark::FirstNotLinkLocal, first_not_link_local)
        .with(Remark::IntervalDiffers, interval != rules.interval)
}
