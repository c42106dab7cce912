//! How adverts prove that they come from a router of the same virtual router.

use self::header::HeaderKey;
use self::password::Password;
use self::trailer::HmacSettings;
use crate::numbers::{AUTH_DATA_LEN, AUTH_HEADER_LEN};
use crate::sequence::Sequence;

pub(crate) mod header;
pub(crate) mod password;
pub(crate) mod secret;
pub(crate) mod signer;
pub(crate) mod trailer;

/// How a virtual router's adverts are authenticated.
///
/// It borrows the secrets, which exist once and are overwritten when they are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Authentication<'a> {
    /// Not at all: type 0 in VRRPv2, and the only standard way of VRRPv3.
    #[default]
    None,
    /// By a password in clear text: VRRPv2's type 1, which keepalived calls PASS.
    Password(&'a Password),
    /// By an IP authentication header in front of the message: VRRPv2's type 2 (AH).
    Header(&'a HeaderKey),
    /// By a trailer behind the message, in either version: keepalived's `auth_hmac`.
    Hmac(HmacSettings<'a>),
}

impl Authentication<'_> {
    /// The highest type that a standard ever gave a meaning: 2, the IP authentication header.
    pub(crate) const HIGHEST_TYPE: u8 = 2;

    /// The number in VRRPv2's `Auth Type` field.
    pub const fn auth_type(&self) -> u8 {
        match self {
            Self::None | Self::Hmac(_) => 0,
            Self::Password(_) => 1,
            Self::Header(_) => 2,
        }
    }

    /// What ends a VRRPv2 message.
    pub(crate) const fn data(&self) -> &[u8; AUTH_DATA_LEN] {
        match self {
            Self::Password(password) => password.octets(),
            _ => &[0; AUTH_DATA_LEN],
        }
    }

    /// Whether a VRRPv2 message of this type may end with `data`. RFC 3768 §5.3.10: that of type 0
    /// is ignored on reception, and RFC 2338 gives that of type 2 no meaning.
    pub(crate) fn admits(&self, data: &[u8]) -> bool {
        match self {
            Self::Password(password) => password.is(data),
            _ => true,
        }
    }

    /// Whether a number is of a time that no clock shows any more, so that nothing has to come after
    /// it.
    pub(crate) fn is_ahead(&self, sequence: Sequence) -> bool {
        match (self, sequence) {
            (Self::Hmac(hmac), Sequence::Trailer(number)) => hmac.is_ahead(number),
            _ => false,
        }
    }

    /// The octets that it puts in front of a message, and behind it.
    pub(crate) const fn around(&self) -> (usize, usize) {
        match self {
            Self::None | Self::Password(_) => (0, 0),
            Self::Header(_) => (AUTH_HEADER_LEN, 0),
            Self::Hmac(_) => (0, trailer::TRAILER_LEN),
        }
    }
}
