//! Octets that nobody should see.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A secret of `N` octets: overwritten when it is dropped, compared in the same time wherever the
/// difference is, and shown by neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// The secret of exactly these octets.
    pub const fn new(octets: [u8; N]) -> Self {
        Self(octets)
    }

    /// The secret made of the first `N` of these octets, filled up with NUL.
    pub fn padded(octets: &[u8]) -> Self {
        let mut secret = Self([0; N]);
        for (octet, &given) in secret.0.iter_mut().zip(octets) {
            *octet = given;
        }
        secret
    }

    /// The octets, for whoever computes with them.
    pub(crate) const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    fn wipe(&mut self) {
        self.0.zeroize();
    }

    /// Whether these are its octets, all of them.
    pub(crate) fn is(&self, octets: &[u8]) -> bool {
        self.0[..].ct_eq(octets).into()
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl<const N: usize> Eq for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl<const N: usize> fmt::Display for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hidden")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn a_secret_is_overwritten_when_it_is_dropped() {
        assert!(core::mem::needs_drop::<Secret<8>>());
        let mut secret = Secret::new(*b"s3cr3t\0\0");
        secret.wipe();
        assert_eq!(secret.expose(), &[0; 8]);
    }

    /// The hashes keep what they make of a key, and overwrite it too: a feature of theirs.
    #[test]
    fn keyed_hashes_are_overwritten_when_they_are_dropped() {
        fn is_overwritten<T: zeroize::ZeroizeOnDrop>() -> bool {
            core::mem::needs_drop::<T>()
        }
        assert!(is_overwritten::<md5::Md5>() && is_overwritten::<sha2::Sha256>());
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new(*b"s3cr3t\0\0");
        let shown = format!("{secret} {secret:?}");
        assert!(!shown.contains("s3cr3t") && !shown.contains("115"), "{shown}");
    }

    #[test]
    fn a_secret_is_filled_up_or_cut_off() {
        assert_eq!(Secret::<8>::padded(b"s3cr3t"), Secret::new(*b"s3cr3t\0\0"));
        assert_eq!(Secret::<8>::padded(b"123456789"), Secret::new(*b"12345678"));
        assert!(!Secret::new(*b"12345678").is(b"1234567"));
    }
}
