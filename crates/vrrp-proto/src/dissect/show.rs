//! A dissection in words.

use core::fmt;
use core::ops::Range;

use super::{Dissection, Field, Finding};
use crate::auth::trailer;
use crate::ip::IpMeta;
use crate::message::ADVERTISEMENT;
use crate::words::{Interval, Priority};

impl Field<'_> {
    /// What the field is called.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Version(_) => "version",
            Self::Type(_) => "type",
            Self::Vrid(_) => "vrid",
            Self::Priority(_) => "priority",
            Self::Count(_) => "address count",
            Self::AuthType(_) => "auth type",
            Self::AdverIntSecs(_) | Self::MaxAdverIntCentis(_) => "interval",
            Self::Reserved(_) => "reserved",
            Self::Checksum(_) => "checksum",
            Self::Address(_) => "address",
            Self::AuthData(_) => "auth data",
            Self::TrailerType(_) => "trailer type",
            Self::KeyId(_) => "key id",
            Self::TrailerReserved(_) => "reserved",
            Self::Seconds(_) => "seconds",
            Self::Fraction(_) => "fraction",
            Self::Counter(_) => "counter",
            Self::Hmac(_) => "hmac",
            Self::Rest(_) => "rest",
        }
    }
}

impl fmt::Display for Field<'_> {
    /// The value, with what it means where that is not plain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Type(ADVERTISEMENT) => write!(f, "{ADVERTISEMENT} (ADVERTISEMENT)"),
            Self::Priority(Priority::RESIGN) => f.write_str("0 (resigns)"),
            Self::Priority(Priority::OWNER) => f.write_str("255 (owns the addresses)"),
            Self::Priority(priority) => priority.fmt(f),
            Self::AuthType(0) => f.write_str("0 (none)"),
            Self::AuthType(1) => f.write_str("1 (password)"),
            Self::AuthType(2) => f.write_str("2 (IP authentication header)"),
            Self::AdverIntSecs(secs) => interval(f, secs, Interval::from_secs(secs)),
            Self::MaxAdverIntCentis(centis) => interval(f, centis, Interval::from_centis(centis)),
            Self::Checksum(checksum) => write!(f, "{checksum:#06x}"),
            Self::Address(address) => address.fmt(f),
            Self::AuthData(data) => write!(f, "{} octets, not shown", data.0.len()),
            Self::TrailerType(trailer::EXT_TYPE) => f.write_str("1 (HMAC-SHA256)"),
            Self::Seconds(secs) => secs.fmt(f),
            Self::Fraction(number) => write!(f, "{number} / 65536 s"),
            Self::TrailerReserved(number) | Self::Counter(number) => number.fmt(f),
            Self::Hmac(octets) | Self::Rest(octets) => hex(f, octets),
            Self::Version(number)
            | Self::Type(number)
            | Self::Vrid(number)
            | Self::Count(number)
            | Self::AuthType(number)
            | Self::TrailerType(number)
            | Self::KeyId(number)
            | Self::Reserved(number) => number.fmt(f),
        }
    }
}

fn interval(
    f: &mut fmt::Formatter<'_>,
    number: impl fmt::Display,
    interval: Option<Interval>,
) -> fmt::Result {
    match interval {
        Some(interval) => write!(f, "{number} ({interval})"),
        None => number.fmt(f),
    }
}

fn hex(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    for (position, octet) in octets.iter().enumerate() {
        let gap = if position == 0 { "" } else { " " };
        write!(f, "{gap}{octet:02x}")?;
    }
    Ok(())
}

impl fmt::Display for Finding {
    /// `6..8: checksum 0x0573 should be 0x0572 (with pseudo-header)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.range {
            Some(Range { start, end }) => write!(f, "{start}..{end}: {}", self.flaw),
            None => write!(f, "IP header: {}", self.flaw),
        }
    }
}

impl fmt::Display for Dissection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version() {
            Some(version) => write!(f, "VRRPv{version} message")?,
            None => f.write_str("message of no known version")?,
        }
        write!(f, " of {} octets", self.octets.len())?;
        if let Some(IpMeta { source, destination, hop_limit, .. }) = self.ip {
            write!(f, " from {source} to {destination} with hop limit {hop_limit}")?;
        }
        if let Some(header) = self.ip.and_then(|ip| ip.auth_header) {
            let (spi, sequence) = (header.spi(), header.sequence());
            write!(f, "\n  behind an authentication header: SPI {spi}, sequence {sequence}, ICV ")?;
            hex(f, header.icv())?;
        }
        for (Range { start, end }, field) in self.fields() {
            write!(f, "\n{start:>6}..{end:<5} {:<13} {field}", field.name())?;
        }
        if let Some(form) = self.checksum_form() {
            write!(f, "\n  the checksum is right ({form})")?;
        }
        self.findings().try_for_each(|finding| write!(f, "\n! {finding}"))
    }
}
