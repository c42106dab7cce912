//! VRRPv2's authentication (RFC 2338 §5.3.6): a type, and eight octets at the message's end.

use core::fmt;

use subtle::ConstantTimeEq;

/// The octets of authentication data that end every VRRPv2 message.
pub(crate) const AUTH_DATA_LEN: usize = 8;

/// How a virtual router's adverts are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Authentication {
    /// Not at all: type 0 in VRRPv2, and the only way of VRRPv3.
    #[default]
    None,
    /// By a password in clear text: VRRPv2's type 1, which keepalived calls PASS.
    Password(Password),
}

impl Authentication {
    /// The highest type that a standard ever gave a meaning: 2, the IP authentication header.
    pub(crate) const HIGHEST_TYPE: u8 = 2;

    /// The number in VRRPv2's `Auth Type` field.
    pub const fn auth_type(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Password(_) => 1,
        }
    }

    /// What ends a VRRPv2 message.
    pub(crate) const fn data(self) -> [u8; AUTH_DATA_LEN] {
        match self {
            Self::None => [0; AUTH_DATA_LEN],
            Self::Password(Password(octets)) => octets,
        }
    }

    /// Whether a message of this type that ends with `data` is authentic.
    pub(crate) fn admits(self, data: &[u8]) -> bool {
        match self {
            // RFC 3768 §5.3.6.1: the data of type 0 is ignored on reception.
            Self::None => true,
            Self::Password(Password(octets)) => bool::from(octets.ct_eq(data)),
        }
    }
}

/// The password of VRRPv2's type 1: eight octets, filled up with NUL.
///
/// It crosses the wire in clear text and protects against mistakes, not against anyone who
/// listens. Comparisons take the same time wherever the difference is, and `Debug` hides it.
#[derive(Clone, Copy)]
pub struct Password([u8; AUTH_DATA_LEN]);

impl Password {
    /// How many octets count.
    pub const LEN: usize = AUTH_DATA_LEN;

    /// The password made of the first eight octets of `text`. Only they reach the wire, so any
    /// that follow protect nothing: whoever takes a password from a user should say so.
    pub fn from_text(text: &str) -> Self {
        let mut octets = [0; Self::LEN];
        for (octet, &given) in octets.iter_mut().zip(text.as_bytes()) {
            *octet = given;
        }
        Self(octets)
    }

    /// The password of exactly these octets.
    pub const fn from_octets(octets: [u8; Self::LEN]) -> Self {
        Self(octets)
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn eight_octets_of_a_password_count() {
        assert_eq!(Password::from_text("s3cr3t"), Password::from_octets(*b"s3cr3t\0\0"));
        assert_eq!(Password::from_text("12345678"), Password::from_text("123456789"));
        assert_ne!(Password::from_text("12345678"), Password::from_text("1234567"));
    }

    #[test]
    fn every_octet_of_a_password_is_compared() {
        let octets = *b"12345678";
        let authentication = Authentication::Password(Password::from_octets(octets));
        assert!(authentication.admits(&octets));
        for position in 0..octets.len() {
            let mut other = octets;
            other[position] ^= 1;
            assert!(!authentication.admits(&other), "octet {position} does not count");
        }
        assert!(!authentication.admits(&octets[..7]));
    }

    #[test]
    fn debug_hides_the_password() {
        let authentication = Authentication::Password(Password::from_text("s3cr3t"));
        let shown = format!("{authentication:?}");
        assert!(!shown.contains("s3cr3t") && !shown.contains("115"), "{shown}");
    }
}
