//! What a message says, field by field, and what is wrong with it: for those who look at packets
//! instead of obeying them.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::ops::Range;

use crate::addresses::Addresses;
use crate::advert::{Advert, MIN_ETHERNET_PAYLOAD_LEN};
use crate::auth::Authentication;
use crate::auth::trailer::{self, TRAILER_LEN};
use crate::checksum;
use crate::ip::IpMeta;
use crate::message::{ADVERTISEMENT, HEADER_LEN, field, message_len};
use crate::numbers::{AUTH_DATA_LEN, HOP_LIMIT, group};
use crate::reason::DropReason;
use crate::words::{ChecksumForm, Family, Priority, Version};

mod show;

impl<'a> Advert<'a> {
    /// Everything that `message`, the payload of an IP packet, says and that is wrong with it,
    /// whatever it is: nobody's rules are asked, and nothing is an error as a whole.
    ///
    /// `ip` is what is known of the packet around it. Without it the family is guessed, and a
    /// checksum with pseudo-header cannot be told from a wrong one.
    ///
    /// ```
    /// use vrrp_proto::{Advert, DropReason, Field, IpMeta};
    ///
    /// // Half of its address is missing.
    /// let message = b"\x31\x33\x64\x01\x00\x64\x05\x72\xc0\x00";
    /// let ip = IpMeta::multicast("192.0.2.1".parse()?);
    /// let dissection = Advert::dissect(message, Some(&ip));
    ///
    /// assert!(dissection.fields().any(|(range, field)| (range, field) == (1..2, Field::Vrid(51))));
    /// let finding = dissection.findings().next().expect("it ends too early");
    /// assert_eq!(finding.range, Some(10..12));
    /// assert_eq!(finding.reason(), Some(DropReason::Truncated));
    /// assert_eq!(
    ///     dissection.to_string(),
    ///     "\
    /// VRRPv3 message of 10 octets from 192.0.2.1 to 224.0.0.18 with hop limit 255
    ///      0..1     version       3
    ///      0..1     type          1 (ADVERTISEMENT)
    ///      1..2     vrid          51
    ///      2..3     priority      100
    ///      3..4     address count 1
    ///      4..5     reserved      0
    ///      4..6     interval      100 (1 s)
    ///      6..8     checksum      0x0572
    ///      8..10    rest          c0 00
    /// ! 10..12: the message has 10 octets and should have 12"
    /// );
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn dissect(message: &'a [u8], ip: Option<&IpMeta>) -> Dissection<'a> {
        let ip = ip.copied();
        Dissection { octets: message, ip, layout: Layout::of(message, ip.as_ref()) }
    }
}

/// A message taken apart; comes from [`Advert::dissect`].
///
/// `Display` prints it line by line, without the password if there is one.
#[derive(Debug, Clone, Copy)]
pub struct Dissection<'a> {
    octets: &'a [u8],
    ip: Option<IpMeta>,
    /// None where no version says what follows the VRID.
    layout: Option<Layout>,
}

/// What decides where the fields are.
#[derive(Debug, Clone, Copy)]
struct Layout {
    version: Version,
    family: Family,
    /// The addresses that the message claims to have.
    count: u8,
}

/// One field of a message, with its value as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field<'a> {
    /// The protocol version, 0–15; the high half of its octet.
    Version(u8),
    /// The message type, 0–15; the low half of its octet.
    Type(u8),
    /// The virtual router identifier; 0 is none.
    Vrid(u8),
    /// The sender's priority.
    Priority(Priority),
    /// How many addresses follow.
    Count(u8),
    /// VRRPv2's authentication type.
    AuthType(u8),
    /// VRRPv2's interval in whole seconds.
    AdverIntSecs(u8),
    /// VRRPv3's four reserved bits; the high half of their octet.
    Reserved(u8),
    /// VRRPv3's interval in centiseconds, 0–4095; without the high half of its first octet.
    MaxAdverIntCentis(u16),
    /// The checksum.
    Checksum(u16),
    /// One of the virtual addresses.
    Address(IpAddr),
    /// VRRPv2's authentication data.
    AuthData(AuthData<'a>),
    /// The type of an `auth_hmac` trailer, which is 1.
    TrailerType(u8),
    /// The number of the key that the trailer was made with.
    KeyId(u8),
    /// The trailer's reserved octets.
    TrailerReserved(u16),
    /// When the trailer was made, in whole seconds since 1970.
    Seconds(u32),
    /// When the trailer was made, in 65536ths of a second.
    Fraction(u16),
    /// The counter of adverts with one time.
    Counter(u16),
    /// The trailer's HMAC.
    Hmac(&'a [u8]),
    /// What is no field: the part of one that is cut off, and whatever follows the message.
    Rest(&'a [u8]),
}

/// VRRPv2's authentication data, which is the password if the type is 1: neither `Debug` nor
/// `Display` shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthData<'a>(&'a [u8]);

/// Something that is wrong, or odd, about a message or the packet around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The octets of the message that show it; those that are missing, where some are; `None`
    /// where it is about the IP header.
    pub range: Option<Range<usize>>,
    /// What it is.
    pub flaw: Flaw,
}

/// What is wrong or odd, measured by the standards: what was required and what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// Source and destination are of two families, or of one that the version does not carry.
    #[error("a packet from {from} to {to} carries no VRRPv{version} adverts")]
    Family {
        /// The message's version.
        version: Version,
        /// The packet's source.
        from: IpAddr,
        /// The packet's destination.
        to: IpAddr,
    },
    /// A multicast advert whose hop limit is not 255 (RFC 9568 §5.1.1.3).
    #[error("hop limit {found} is not {HOP_LIMIT}")]
    HopLimit {
        /// What the packet has.
        found: u8,
    },
    /// A multicast advert to another group than the protocol's (RFC 9568 §5.1.1.2).
    #[error("sent to {found} and not to the group {required}")]
    Group {
        /// The family's group.
        required: IpAddr,
        /// Where the packet goes.
        found: IpAddr,
    },
    /// The message ends before its header or its own address count says.
    #[error("the message has {len} octets and should have {required_len}")]
    Truncated {
        /// The octets that its fields ask for.
        required_len: usize,
        /// The octets that there are.
        len: usize,
    },
    /// Neither of the versions that there are.
    #[error("version {found} is neither 2 nor 3")]
    Version {
        /// The number in the message.
        found: u8,
    },
    /// A message that is no advertisement.
    #[error("message type {found} is not ADVERTISEMENT (1)")]
    Type {
        /// The number in the message.
        found: u8,
    },
    /// A VRID of 0 (RFC 9568 §5.2.3).
    #[error("a VRID is 1 to 255, not 0")]
    ZeroVrid,
    /// Reserved bits that are set (RFC 9568 §5.2.6).
    #[error("the reserved bits are {found:#x} and should be 0")]
    Reserved {
        /// The four bits.
        found: u8,
    },
    /// An authentication type that no standard has.
    #[error("authentication type {found} does not exist")]
    AuthType {
        /// The number in the message.
        found: u8,
    },
    /// An interval of 0 (RFC 9568 erratum 8301).
    #[error("an advertisement interval of 0 is none")]
    ZeroInterval {
        /// The message's version.
        version: Version,
    },
    /// A VRRPv3 advert without addresses (RFC 9568 §5.2.5).
    #[error("the advert carries no addresses")]
    NoAddresses,
    /// Octets follow the message inside the IP packet, and are no padding.
    #[error("the message has {len} octets and should end after {required_len}")]
    TrailingBytes {
        /// The octets that its fields ask for.
        required_len: usize,
        /// The octets that there are.
        len: usize,
    },
    /// The checksum is right in none of the forms in use.
    #[error("checksum {found:#06x} should be {required:#06x} ({form})")]
    Checksum {
        /// The checksum of this message in the version's usual form.
        required: u16,
        /// That form.
        form: ChecksumForm,
        /// The checksum that the message has.
        found: u16,
    },
    /// The first IPv6 address is not a link-local one (RFC 9568 §5.2.9).
    #[error("the first address {found} is not link-local")]
    FirstNotLinkLocal {
        /// That address.
        found: Ipv6Addr,
    },
}

impl<'a> Dissection<'a> {
    /// The message, all of it.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Its version, if it is one that there is.
    pub fn version(&self) -> Option<Version> {
        self.layout.map(|layout| layout.version)
    }

    /// The family whose addresses it is read with.
    pub fn family(&self) -> Option<Family> {
        self.layout.map(|layout| layout.family)
    }

    /// Every field that is there, with the octets that it takes, in order. Fields that share an
    /// octet both have it in their range. Together they cover the message.
    pub fn fields(&self) -> impl Iterator<Item = (Range<usize>, Field<'a>)> + use<'a> {
        let addresses = self.addresses();
        let (family, octets) = (addresses.family(), self.octets);
        let address_len = family.address_len();
        let addresses = addresses.iter().enumerate().map(move |(position, address)| {
            let start = HEADER_LEN + position * address_len;
            (start..start + address_len, Field::Address(address))
        });
        let (auth_data, rest) = self.tail();
        let trailer = self.trailer().into_iter().flat_map(trailer_fields);
        let rest = if self.trailer().is_some() { octets.len()..octets.len() } else { rest };
        let part = move |range: Range<usize>| Some((range.clone(), octets.get(range)?));
        let auth_data =
            auth_data.and_then(part).map(|(at, data)| (at, Field::AuthData(AuthData(data))));
        let rest = part(rest)
            .filter(|(at, _)| !at.is_empty())
            .map(|(at, octets)| (at, Field::Rest(octets)));
        let header = self.header().into_iter().flatten();
        header.chain(addresses).chain(auth_data).chain(trailer).chain(rest)
    }

    /// Everything that is wrong or odd about it, the IP header first and then by offset, except
    /// that the checksum comes last.
    pub fn findings(&self) -> impl Iterator<Item = Finding> + use<> {
        let [family, hop_limit, group] = self.ip_findings();
        let [version, message_type, vrid] = self.first_findings();
        let [reserved, auth_type, interval, count, first] = self.field_findings();
        let (length, checksum) = (self.length_finding(), self.checksum_finding());
        [
            family,
            hop_limit,
            group,
            version,
            message_type,
            vrid,
            count,
            reserved,
            auth_type,
            interval,
            first,
            length,
            checksum,
        ]
        .into_iter()
        .flatten()
    }

    /// Whether an `auth_hmac` trailer follows the message: it is recognised by its length, type and
    /// reserved octets.
    pub fn is_signed(&self) -> bool {
        self.trailer().is_some()
    }

    /// The form in which its checksum is right, the usual one first.
    ///
    /// `None` if there is none, or if it cannot be known: the message is cut off, or the form
    /// has a pseudo-header and the IP header is not known.
    pub fn checksum_form(&self) -> Option<ChecksumForm> {
        let summed = self.summed()?;
        self.forms().find(|form| form.sum(summed, &self.ip_or_unknown()) == 0)
    }

    /// The fields in front of the addresses, as far as they are there.
    fn header(&self) -> [Option<(Range<usize>, Field<'a>)>; 9] {
        let octet = |at: usize| self.octets.get(at).copied();
        let one = |at: usize, field: fn(u8) -> Field<'a>| Some((at..at + 1, field(octet(at)?)));
        let two = |at: Range<usize>, field: fn(u16) -> Field<'a>| {
            let octets = self.octets.get(at.clone())?.try_into().ok()?;
            Some((at, field(u16::from_be_bytes(octets))))
        };
        let of = |version| self.version().filter(|found| *found == version);
        let (v2, v3) = (of(Version::V2), of(Version::V3));
        let known = v2.or(v3);
        [
            one(field::VERSION_AND_TYPE, |both| Field::Version(both >> 4)),
            one(field::VERSION_AND_TYPE, |both| Field::Type(both & 0xf)),
            one(field::VRID, Field::Vrid),
            known.and_then(|_| one(field::PRIORITY, |octet| Field::Priority(Priority::new(octet)))),
            known.and_then(|_| one(field::COUNT, Field::Count)),
            v2.and_then(|_| one(field::AUTH_TYPE, Field::AuthType)).or_else(|| {
                v3.and_then(|_| {
                    one(field::MAX_ADVER_INT.start, |octet| Field::Reserved(octet >> 4))
                })
            }),
            v2.and_then(|_| one(field::ADVER_INT, Field::AdverIntSecs)),
            v3.and_then(|_| {
                two(field::MAX_ADVER_INT, |word| Field::MaxAdverIntCentis(word & 0x0fff))
            }),
            known.and_then(|_| two(field::CHECKSUM, Field::Checksum)),
        ]
    }

    /// The addresses that are there as a whole.
    fn addresses(&self) -> Addresses<'a> {
        let Some(Layout { family, count, .. }) = self.layout else {
            return Addresses::none(Family::V4);
        };
        let body = self.octets.get(field::BODY).unwrap_or_default();
        let whole = body.len() / family.address_len();
        let len = whole.min(usize::from(count)) * family.address_len();
        Addresses::from_octets(family, &body[..len]).unwrap_or(Addresses::none(family))
    }

    /// Where the authentication data is, if there is any, and what is left.
    fn tail(&self) -> (Option<Range<usize>>, Range<usize>) {
        let len = self.octets.len();
        let Some(Layout { version, count, .. }) = self.layout else {
            return (None, len.min(field::VRID + 1)..len);
        };
        if len < HEADER_LEN {
            // Half a checksum is none.
            return (None, len.min(field::CHECKSUM.start)..len);
        }
        let addresses = self.addresses();
        let end = HEADER_LEN + addresses.as_octets().len();
        let data_end = end + AUTH_DATA_LEN;
        let has_data = version == Version::V2 && addresses.count() == count && data_end <= len;
        if has_data { (Some(end..data_end), data_end..len) } else { (None, end..len) }
    }

    /// The octets that it should have, as far as its fields say.
    fn required_len(&self) -> Option<usize> {
        if self.octets.len() < HEADER_LEN {
            return Some(HEADER_LEN);
        }
        let Layout { version, family, count } = self.layout?;
        Some(message_len(version, family, count))
    }

    /// The octets of the message proper, if all of them are there.
    fn whole(&self) -> Option<&'a [u8]> {
        self.octets.get(..self.required_len()?)
    }

    /// What the checksum covers: over IPv6, where kernels compute it, a trailer too.
    fn summed(&self) -> Option<&'a [u8]> {
        match (self.family(), self.trailer()) {
            (Some(Family::V6), Some(_)) => Some(self.octets),
            _ => self.whole(),
        }
    }

    /// The trailer behind the message and where it begins, if there is one.
    fn trailer(&self) -> Option<(usize, &'a [u8; TRAILER_LEN])> {
        let end = self.required_len()?;
        let trailer: &[u8; TRAILER_LEN] = self.octets.get(end..)?.try_into().ok()?;
        let is_one = trailer[trailer::field::EXT_TYPE] == trailer::EXT_TYPE
            && trailer[trailer::field::RESERVED] == [0; 2];
        is_one.then_some((end, trailer))
    }

    /// The forms of checksum that can be told right from wrong.
    fn forms(&self) -> impl Iterator<Item = ChecksumForm> + use<> {
        use ChecksumForm::{MessageOnly, OldUnicast, PseudoHeader};
        let (layout, ip) = (self.layout, self.ip);
        [PseudoHeader, MessageOnly, OldUnicast].into_iter().filter(move |form| {
            let exists =
                layout.is_some_and(|layout| form.exists_for(layout.version, layout.family));
            exists
                && match form {
                    MessageOnly => true,
                    PseudoHeader => ip.is_some(),
                    OldUnicast => ip.is_some_and(|ip| !ip.destination.is_multicast()),
                }
        })
    }

    /// For sums that do not ask for it.
    fn ip_or_unknown(&self) -> IpMeta {
        self.ip.unwrap_or(IpMeta::multicast(IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED)))
    }

    fn ip_findings(&self) -> [Option<Finding>; 3] {
        let Some(ip) = self.ip else { return [None, None, None] };
        let IpMeta { source: from, destination: to, hop_limit, .. } = ip;
        let is_carried = match self.version() {
            Some(Version::V2) => ip.family() == Some(Family::V4),
            _ => ip.family().is_some(),
        };
        let version = self.version().unwrap_or(Version::V3);
        let required = group(Family::of(to));
        let is_multicast = to.is_multicast();
        let found = |is_wrong: bool, flaw| is_wrong.then_some(Finding { range: None, flaw });
        [
            found(!is_carried, Flaw::Family { version, from, to }),
            found(is_multicast && hop_limit != HOP_LIMIT, Flaw::HopLimit { found: hop_limit }),
            found(is_multicast && to != required, Flaw::Group { required, found: to }),
        ]
    }

    /// What is wrong with the fields that every message has.
    fn first_findings(&self) -> [Option<Finding>; 3] {
        let octet = |at: usize| self.octets.get(at).copied();
        let first = octet(field::VERSION_AND_TYPE);
        let version = first.map(|octet| octet >> 4).filter(|_| self.layout.is_none());
        let other_type = first.map(|octet| octet & 0xf).filter(|found| *found != ADVERTISEMENT);
        let no_vrid = octet(field::VRID).filter(|vrid| *vrid == 0);
        [
            version.and_then(|found| at(field::VERSION_AND_TYPE, 1, Flaw::Version { found })),
            other_type.and_then(|found| at(field::VERSION_AND_TYPE, 1, Flaw::Type { found })),
            no_vrid.and_then(|_| at(field::VRID, 1, Flaw::ZeroVrid)),
        ]
    }

    /// What is wrong with the fields that are there.
    fn field_findings(&self) -> [Option<Finding>; 5] {
        let (mut findings, mut is_first) = ([const { None }; 5], true);
        for (range, field) in self.fields() {
            let (slot, flaw) = match field {
                Field::Reserved(found @ 1..) => (0, Flaw::Reserved { found }),
                Field::AuthType(found) if found > Authentication::HIGHEST_TYPE => {
                    (1, Flaw::AuthType { found })
                }
                Field::AdverIntSecs(0) => (2, Flaw::ZeroInterval { version: Version::V2 }),
                Field::MaxAdverIntCentis(0) => (2, Flaw::ZeroInterval { version: Version::V3 }),
                Field::Count(0) if self.version() == Some(Version::V3) => (3, Flaw::NoAddresses),
                Field::Address(IpAddr::V6(found))
                    if core::mem::take(&mut is_first) && !found.is_unicast_link_local() =>
                {
                    (4, Flaw::FirstNotLinkLocal { found })
                }
                _ => continue,
            };
            findings[slot] = Some(Finding { range: Some(range), flaw });
        }
        findings
    }

    fn length_finding(&self) -> Option<Finding> {
        let (required_len, len) = (self.required_len()?, self.octets.len());
        if len < required_len {
            return at(len, required_len - len, Flaw::Truncated { required_len, len });
        }
        let len_before = self.ip.map_or(0, |ip| ip.len_before_message());
        let is_padded = len_before + len == MIN_ETHERNET_PAYLOAD_LEN;
        let flaw = Flaw::TrailingBytes { required_len, len };
        if len > required_len && !is_padded && !self.is_signed() {
            at(required_len, len - required_len, flaw)
        } else {
            None
        }
    }

    fn checksum_finding(&self) -> Option<Finding> {
        let (summed, Layout { version, .. }) = (self.summed()?, self.layout?);
        let form = ChecksumForm::usual(version);
        // With the usual form unknown, any checksum may be right.
        if self.checksum_form().is_some() || !self.forms().any(|known| known == form) {
            return None;
        }
        let found = u16::from_be_bytes(summed.get(field::CHECKSUM)?.try_into().ok()?);
        // Taking the checksum's own word out of the sum leaves the one that should be there.
        let required = checksum::updated(form.sum(summed, &self.ip_or_unknown()), found, 0);
        at(field::CHECKSUM.start, 2, Flaw::Checksum { required, form, found })
    }
}

/// The fields of a trailer that begins here.
fn trailer_fields<'a>(
    (start, trailer): (usize, &'a [u8; TRAILER_LEN]),
) -> [(Range<usize>, Field<'a>); 7] {
    use trailer::field;
    let place = |range: Range<usize>| start + range.start..start + range.end;
    let octet = |at: usize, field: fn(u8) -> Field<'a>| (place(at..at + 1), field(trailer[at]));
    let word = |range: Range<usize>, field: fn(u16) -> Field<'a>| {
        let octets = &trailer[range.clone()];
        (place(range), field(u16::from_be_bytes([octets[0], octets[1]])))
    };
    let secs = trailer[field::SECONDS].iter().fold(0, |secs, octet| secs << 8 | u32::from(*octet));
    [
        octet(field::EXT_TYPE, Field::TrailerType),
        octet(field::KEY_ID, Field::KeyId),
        word(field::RESERVED, Field::TrailerReserved),
        (place(field::SECONDS), Field::Seconds(secs)),
        word(field::FRACTION, Field::Fraction),
        word(field::COUNTER, Field::Counter),
        (place(field::HMAC.start..TRAILER_LEN), Field::Hmac(&trailer[field::HMAC])),
    ]
}

fn at(start: usize, len: usize, flaw: Flaw) -> Option<Finding> {
    Some(Finding { range: Some(start..start + len), flaw })
}

impl Layout {
    fn of(message: &[u8], ip: Option<&IpMeta>) -> Option<Self> {
        let version = Version::try_from(u32::from(message.first()? >> 4)).ok()?;
        let count = message.get(field::COUNT).copied().unwrap_or(0);
        let family = match (ip, version) {
            (Some(ip), _) => Family::of(ip.source),
            (None, Version::V2) => Family::V4,
            (None, Version::V3) => guessed(message, count),
        };
        Some(Self { version, family, count })
    }
}

/// IPv6 where the message is just as long as so many IPv6 addresses make it.
fn guessed(message: &[u8], count: u8) -> Family {
    let len = message_len(Version::V3, Family::V6, count);
    let is_v6 = count > 0 && [len, len + TRAILER_LEN].contains(&message.len());
    if is_v6 { Family::V6 } else { Family::V4 }
}

impl Finding {
    /// Why a router that obeys the standards would drop the message for this; `None` if it would
    /// not, and this is only odd.
    pub const fn reason(&self) -> Option<DropReason> {
        Some(match self.flaw {
            Flaw::Family { .. } => DropReason::Family,
            Flaw::HopLimit { .. } => DropReason::HopLimit,
            Flaw::Group { .. } => DropReason::Destination,
            Flaw::Truncated { .. } => DropReason::Truncated,
            Flaw::Version { .. } => DropReason::Version,
            Flaw::Type { .. } => DropReason::Type,
            Flaw::ZeroVrid => DropReason::UnknownVrid,
            Flaw::AuthType { .. } => DropReason::InvalidAuthType,
            Flaw::ZeroInterval { version: Version::V2 } => DropReason::IntervalMismatch,
            Flaw::ZeroInterval { version: Version::V3 } => DropReason::ZeroInterval,
            Flaw::NoAddresses => DropReason::NoAddresses,
            Flaw::TrailingBytes { .. } => DropReason::TrailingBytes,
            Flaw::Checksum { .. } => DropReason::Checksum,
            Flaw::Reserved { .. } | Flaw::FirstNotLinkLocal { .. } => return None,
        })
    }
}

impl<'a> AuthData<'a> {
    /// The octets, always eight.
    pub const fn as_octets(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for AuthData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthData(hidden)")
    }
}
