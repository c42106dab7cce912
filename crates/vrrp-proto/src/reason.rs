//! The names under which dropped packets are counted.

use core::fmt;

#[cfg(doc)]
use crate::DecodeError;

/// The name under which a dropped packet is counted, in the order of the checks.
///
/// A table of counters is `[u64; DropReason::ALL.len()]`, indexed by [`index`](Self::index).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// [`DecodeError::IpHeader`].
    IpHeader,
    /// [`DecodeError::Fragment`].
    Fragment,
    /// [`DecodeError::NotVrrp`].
    NotVrrp,
    /// [`DecodeError::MalformedHeader`].
    MalformedHeader,
    /// [`DecodeError::TooShort`].
    TooShort,
    /// [`DecodeError::UnknownVrid`].
    UnknownVrid,
    /// [`DecodeError::Family`].
    Family,
    /// [`DecodeError::HopLimit`].
    HopLimit,
    /// [`DecodeError::Destination`].
    Destination,
    /// [`DecodeError::OwnSource`].
    OwnSource,
    /// [`DecodeError::UnknownSource`].
    UnknownSource,
    /// [`DecodeError::MissingHeader`].
    MissingHeader,
    /// [`DecodeError::UnexpectedHeader`].
    UnexpectedHeader,
    /// [`DecodeError::Truncated`].
    Truncated,
    /// [`DecodeError::Version`].
    Version,
    /// [`DecodeError::Type`].
    Type,
    /// [`DecodeError::Vrid`].
    Vrid,
    /// [`DecodeError::TrailingBytes`].
    TrailingBytes,
    /// [`DecodeError::Checksum`].
    Checksum,
    /// [`DecodeError::InvalidAuthType`].
    InvalidAuthType,
    /// [`DecodeError::AuthTypeMismatch`].
    AuthTypeMismatch,
    /// [`DecodeError::AuthFailure`].
    AuthFailure,
    /// [`DecodeError::InvalidIcv`].
    InvalidIcv,
    /// [`DecodeError::SpiMismatch`].
    SpiMismatch,
    /// [`DecodeError::MissingHmac`].
    MissingHmac,
    /// [`DecodeError::Malformed`].
    Malformed,
    /// [`DecodeError::Stale`].
    Stale,
    /// [`DecodeError::UnknownKey`].
    UnknownKey,
    /// [`DecodeError::InvalidHmac`].
    InvalidHmac,
    /// [`DecodeError::ZeroInterval`].
    ZeroInterval,
    /// [`DecodeError::IntervalMismatch`].
    IntervalMismatch,
    /// [`DecodeError::NoAddresses`].
    NoAddresses,
    /// [`DecodeError::Replay`].
    Replay,
}

impl DropReason {
    /// Every reason, in the order of the checks.
    pub const ALL: [Self; 33] = [
        Self::IpHeader,
        Self::Fragment,
        Self::NotVrrp,
        Self::MalformedHeader,
        Self::TooShort,
        Self::UnknownVrid,
        Self::Family,
        Self::HopLimit,
        Self::Destination,
        Self::OwnSource,
        Self::UnknownSource,
        Self::MissingHeader,
        Self::UnexpectedHeader,
        Self::Truncated,
        Self::Version,
        Self::Type,
        Self::Vrid,
        Self::TrailingBytes,
        Self::Checksum,
        Self::InvalidAuthType,
        Self::AuthTypeMismatch,
        Self::AuthFailure,
        Self::InvalidIcv,
        Self::SpiMismatch,
        Self::MissingHmac,
        Self::Malformed,
        Self::Stale,
        Self::UnknownKey,
        Self::InvalidHmac,
        Self::ZeroInterval,
        Self::IntervalMismatch,
        Self::NoAddresses,
        Self::Replay,
    ];

    /// A stable name in snake case, for status and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IpHeader => "ip_header",
            Self::Fragment => "fragment",
            Self::NotVrrp => "not_vrrp",
            Self::MalformedHeader => "malformed_ah",
            Self::TooShort => "too_short",
            Self::UnknownVrid => "unknown_vrid",
            Self::Family => "family",
            Self::HopLimit => "hop_limit",
            Self::Destination => "destination",
            Self::OwnSource => "own_source",
            Self::UnknownSource => "unknown_source",
            Self::MissingHeader => "missing_ah",
            Self::UnexpectedHeader => "unexpected_ah",
            Self::Truncated => "truncated",
            Self::Version => "version",
            Self::Type => "type",
            Self::Vrid => "vrid",
            Self::TrailingBytes => "trailing_bytes",
            Self::Checksum => "checksum",
            Self::InvalidAuthType => "invalid_auth_type",
            Self::AuthTypeMismatch => "auth_type_mismatch",
            Self::AuthFailure => "auth_failure",
            Self::InvalidIcv => "invalid_icv",
            Self::SpiMismatch => "spi_mismatch",
            Self::MissingHmac => "missing_hmac",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::UnknownKey => "unknown_key",
            Self::InvalidHmac => "invalid_hmac",
            Self::ZeroInterval => "zero_interval",
            Self::IntervalMismatch => "interval_mismatch",
            Self::NoAddresses => "no_addresses",
            Self::Replay => "replay",
        }
    }

    /// The place in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether such a packet belongs to no virtual router, so that it is counted for the
    /// interface that it came in on.
    pub const fn is_unroutable(self) -> bool {
        matches!(
            self,
            Self::IpHeader
                | Self::Fragment
                | Self::NotVrrp
                | Self::MalformedHeader
                | Self::TooShort
                | Self::UnknownVrid
        )
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_index_their_table_and_have_names_of_their_own() {
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), place, "{reason}");
            let namesakes = DropReason::ALL.iter().filter(|other| other.name() == reason.name());
            assert_eq!(namesakes.count(), 1, "{reason}");
        }
    }
}
