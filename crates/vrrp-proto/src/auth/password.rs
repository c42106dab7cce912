//! VRRPv2's authentication type 1: a password in clear text.

use super::secret::Secret;
use crate::numbers::AUTH_DATA_LEN;

/// The password of VRRPv2's type 1: eight octets, filled up with NUL.
///
/// It crosses the wire in clear text and protects against mistakes, not against anyone who
/// listens. Comparisons take the same time wherever the difference is, `Debug` hides it, and it is
/// overwritten when it is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password(Secret<AUTH_DATA_LEN>);

impl Password {
    /// How many octets count.
    pub const LEN: usize = AUTH_DATA_LEN;

    /// The password made of the first eight octets of `text`. Only they reach the wire, so any
    /// that follow protect nothing: whoever takes a password from a user should say so.
    pub fn from_text(text: &str) -> Self {
        Self(Secret::padded(text.as_bytes()))
    }

    /// The password of exactly these octets.
    pub const fn from_octets(octets: [u8; Self::LEN]) -> Self {
        Self(Secret::new(octets))
    }

    pub(super) const fn octets(&self) -> &[u8; Self::LEN] {
        self.0.expose()
    }

    /// Whether authentication data is this password.
    pub(super) fn is(&self, data: &[u8]) -> bool {
        self.0.is(data)
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
        let password = Password::from_octets(octets);
        assert!(password.is(&octets));
        for position in 0..octets.len() {
            let mut other = octets;
            other[position] ^= 1;
            assert!(!password.is(&other), "octet {position} does not count");
        }
        assert!(!password.is(&octets[..7]));
    }

    #[test]
    fn debug_hides_the_password() {
        let shown = format!("{:?}", Password::from_text("s3cr3t"));
        assert!(!shown.contains("s3cr3t") && !shown.contains("115"), "{shown}");
    }
}
