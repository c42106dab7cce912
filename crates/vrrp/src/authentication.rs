//! How a router's adverts prove where they come from.

use vrrp_proto::Password;

/// How a virtual router's adverts are authenticated. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// By a password in clear text, in VRRPv2.
    Password(Password),
}

impl Authentication {
    /// As [`Rules`](vrrp_proto::Rules) and adverts take it.
    pub const fn as_proto(&self) -> vrrp_proto::Authentication<'_> {
        match self {
            Self::None => vrrp_proto::Authentication::None,
            Self::Password(password) => vrrp_proto::Authentication::Password(password),
        }
    }
}
