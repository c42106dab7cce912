//! VRRPv2's authentication type 2: HMAC-MD5-96 in an IP authentication header.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use subtle::ConstantTimeEq;

use super::secret::Secret;
use crate::auth_header::{AuthHeader, ICV_LEN};
use crate::error::DecodeError;
use crate::ip::IpMeta;
use crate::numbers::{AUTH_HEADER_LEN, AUTH_HEADER_PROTOCOL};

/// The key of VRRPv2's type 2: eight octets, filled up with NUL.
///
/// Neither `Debug` nor a comparison's time tells anything of it, and it is overwritten when it is
/// dropped.
#[derive(Clone)]
pub struct HeaderKey(Hmac<Md5>);

impl HeaderKey {
    /// How many octets count.
    pub const LEN: usize = 8;

    /// The key made of the first eight octets of `text`; any that follow protect nothing.
    pub fn from_text(text: &str) -> Self {
        Self::from_secret(&Secret::padded(text.as_bytes()))
    }

    /// The key of exactly these octets.
    pub fn from_secret(secret: &Secret<{ Self::LEN }>) -> Self {
        Self(Hmac::new_from_slice(secret.expose()).expect("HMAC takes keys of any length"))
    }

    /// Checks the authentication header around a message: the check value first, then that the
    /// Security Parameters Index is the source. The sequence number is left to the caller.
    pub(crate) fn verify(&self, ip: &IpMeta, message: &[u8]) -> Result<u32, DecodeError> {
        let header = ip.auth_header.ok_or(DecodeError::MissingHeader)?;
        if !bool::from(self.icv(ip, &header, message).ct_eq(header.icv())) {
            return Err(DecodeError::InvalidIcv);
        }
        let found = header.spi();
        if ip.source != found {
            return Err(DecodeError::SpiMismatch { required: ip.source, found });
        }
        Ok(header.sequence())
    }

    /// The authentication header of a message in this packet, of which the identification counts
    /// too.
    pub(crate) fn sign(&self, ip: &IpMeta, sequence: u32, message: &[u8]) -> AuthHeader {
        let header = AuthHeader::new(v4(ip.source), sequence);
        let icv = self.icv(ip, &header, message);
        header.with_icv(icv)
    }

    /// RFC 4302 §3.3.3.1.1: what may change on the way counts as zero. keepalived does not count
    /// the TTL among that where it is always 255, in multicast packets.
    fn icv(&self, ip: &IpMeta, header: &AuthHeader, message: &[u8]) -> [u8; ICV_LEN] {
        let total_len = usize::from(ip.header_len) + AUTH_HEADER_LEN + message.len();
        let mut packet = [0; 20];
        packet[0] = 0x40 | (ip.header_len / 4);
        packet[2..4].copy_from_slice(&(total_len as u16).to_be_bytes());
        packet[4..6].copy_from_slice(&ip.identification.to_be_bytes());
        packet[8] = if ip.destination.is_multicast() { ip.hop_limit } else { 0 };
        packet[9] = AUTH_HEADER_PROTOCOL;
        packet[12..16].copy_from_slice(&v4(ip.source).octets());
        packet[16..20].copy_from_slice(&v4(ip.destination).octets());
        let mut mac = self.0.clone();
        mac.update(&packet);
        mac.update(header.before_icv());
        mac.update(&[0; ICV_LEN]);
        mac.update(message);
        *mac.finalize().into_bytes().first_chunk().expect("MD5 has 16 octets")
    }
}

/// VRRPv2 is IPv4's alone: whoever gets here has looked at the family.
fn v4(address: IpAddr) -> Ipv4Addr {
    match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

impl PartialEq for HeaderKey {
    /// Keys are the same that sign the same: nothing else is kept of them.
    fn eq(&self, other: &Self) -> bool {
        self.0.clone().finalize() == other.0.clone().finalize()
    }
}

impl Eq for HeaderKey {}

impl fmt::Debug for HeaderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn keys_are_compared_and_hidden() {
        let key = HeaderKey::from_text("s3cr3t");
        assert_eq!(key, HeaderKey::from_secret(&Secret::new(*b"s3cr3t\0\0")));
        assert_ne!(key, HeaderKey::from_text("s3cr3T"));
        assert_eq!(format!("{key:?}"), "HeaderKey(hidden)");
    }
}
