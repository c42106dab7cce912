//! How a router's adverts prove where they come from.

use vrrp_proto::{HeaderKey, Password};

/// How a virtual router's adverts are authenticated. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// By a password in clear text, in VRRPv2.
    Password(Password),
    /// By an IP authentication header, in VRRPv2: keepalived calls it AH.
    Header(HeaderKey),
}

impl Authentication {
    /// As [`Rules`](vrrp_proto::Rules) and adverts take it.
    pub const fn as_proto(&self) -> vrrp_proto::Authentication<'_> {
        match self {
            Self::None => vrrp_proto::Authentication::None,
            Self::Password(password) => vrrp_proto::Authentication::Password(password),
            Self::Header(key) => vrrp_proto::Authentication::Header(key),
        }
    }

    /// Whether adverts have an authentication header.
    pub(crate) const fn is_header(&self) -> bool {
        matches!(self, Self::Header(_))
    }

    /// Whether no two adverts are the same, so that each can be sent once.
    pub(crate) const fn is_numbered(&self) -> bool {
        match self {
            Self::None | Self::Password(_) => false,
            Self::Header(_) => true,
        }
    }

    /// What an operator calls it: `none`, `pass` or `ah`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Password(_) => "pass",
            Self::Header(_) => "ah",
        }
    }
}
