//! VRRPv2's authentication type 2: the IP authentication header with HMAC-MD5-96.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use subtle::ConstantTimeEq;

use super::secret::Secret;
use crate::error::DecodeError;
use crate::ip::{IpMeta, PROTOCOL};

/// The IP protocol number of the authentication header (RFC 4302 §2).
pub const AUTH_HEADER_PROTOCOL: u8 = 51;

/// The octets of the authentication header that VRRPv2 uses.
pub const AUTH_HEADER_LEN: usize = 24;

/// HMAC-MD5 truncated to 96 bits (RFC 2403).
const ICV_LEN: usize = 12;

/// Field offsets and ranges (RFC 4302 §2, with a check value of 96 bits):
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Next Header   |  Payload Len  |          RESERVED             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |       Security Parameters Index (the source address)          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        Sequence Number                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |             Integrity Check Value (12 octets)                 |
/// |                                                               |
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
mod field {
    use core::ops::{Range, RangeTo};

    pub(super) const NEXT_HEADER: usize = 0;
    pub(super) const PAYLOAD_LEN: usize = 1;
    pub(super) const SPI: Range<usize> = 4..8;
    pub(super) const SEQUENCE: Range<usize> = 8..12;
    pub(super) const BEFORE_ICV: RangeTo<usize> = ..12;
    pub(super) const ICV: Range<usize> = 12..24;
}

/// Payload Len counts the header in words of four octets, minus two.
const PAYLOAD_WORDS: u8 = (AUTH_HEADER_LEN / 4 - 2) as u8;

/// An authentication header in front of a VRRP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthHeader([u8; AUTH_HEADER_LEN]);

impl AuthHeader {
    /// Splits the payload of an IP packet of protocol 51 into its authentication header, the number
    /// of the protocol that follows and what follows.
    ///
    /// # Errors
    /// [`DecodeError::MalformedHeader`] if it is none with a check value of 96 bits.
    pub fn split(payload: &[u8]) -> Result<(Self, u8, &[u8]), DecodeError> {
        let (octets, rest) = payload
            .split_first_chunk::<AUTH_HEADER_LEN>()
            .filter(|(octets, _)| octets[field::PAYLOAD_LEN] == PAYLOAD_WORDS)
            .ok_or(DecodeError::MalformedHeader)?;
        Ok((Self(*octets), octets[field::NEXT_HEADER], rest))
    }

    /// A header without a check value.
    fn new(spi: Ipv4Addr, sequence: u32) -> Self {
        let mut octets = [0; AUTH_HEADER_LEN];
        octets[field::NEXT_HEADER] = PROTOCOL;
        octets[field::PAYLOAD_LEN] = PAYLOAD_WORDS;
        octets[field::SPI].copy_from_slice(&spi.octets());
        octets[field::SEQUENCE].copy_from_slice(&sequence.to_be_bytes());
        Self(octets)
    }

    /// The Security Parameters Index: among VRRP routers the sender's address.
    pub fn spi(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.word(field::SPI))
    }

    /// The sequence number.
    pub fn sequence(&self) -> u32 {
        self.word(field::SEQUENCE)
    }

    /// The Integrity Check Value.
    pub fn icv(&self) -> &[u8] {
        &self.0[field::ICV]
    }

    /// The header as it is on the wire.
    pub const fn as_octets(&self) -> &[u8; AUTH_HEADER_LEN] {
        &self.0
    }

    fn word(&self, field: core::ops::Range<usize>) -> u32 {
        self.0[field].iter().fold(0, |word, octet| word << 8 | u32::from(*octet))
    }
}

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
        let mut header = AuthHeader::new(v4(ip.source), sequence);
        let icv = self.icv(ip, &header, message);
        header.0[field::ICV].copy_from_slice(&icv);
        header
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
        mac.update(&header.0[field::BEFORE_ICV]);
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
    fn a_header_is_24_octets_with_a_check_value_of_12() {
        let mut payload = [0; 30];
        payload[..2].copy_from_slice(&[PROTOCOL, 4]);
        payload[4..12].copy_from_slice(&[192, 0, 2, 1, 0, 0, 1, 2]);
        let (header, next, rest) = AuthHeader::split(&payload).unwrap();
        assert_eq!((header.spi(), header.sequence()), ([192, 0, 2, 1].into(), 0x102));
        assert_eq!((next, rest.len(), header.as_octets()[..] == payload[..24]), (112, 6, true));
        assert_eq!(AuthHeader::split(&payload[..23]), Err(DecodeError::MalformedHeader));
        for words in [3, 5] {
            payload[1] = words;
            assert_eq!(AuthHeader::split(&payload), Err(DecodeError::MalformedHeader));
        }
    }

    #[test]
    fn keys_are_compared_and_hidden() {
        let key = HeaderKey::from_text("s3cr3t");
        assert_eq!(key, HeaderKey::from_secret(&Secret::new(*b"s3cr3t\0\0")));
        assert_ne!(key, HeaderKey::from_text("s3cr3T"));
        assert_eq!(format!("{key:?}"), "HeaderKey(hidden)");
    }
}
