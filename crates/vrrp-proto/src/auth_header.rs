//! The IP authentication header of VRRPv2's authentication type 2.

use core::net::Ipv4Addr;

use crate::error::DecodeError;
use crate::numbers::{AUTH_HEADER_LEN, PROTOCOL};

/// HMAC-MD5 truncated to 96 bits (RFC 2403).
pub(crate) const ICV_LEN: usize = 12;

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
    pub(crate) fn new(spi: Ipv4Addr, sequence: u32) -> Self {
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

    /// What its check value covers of it.
    pub(crate) fn before_icv(&self) -> &[u8] {
        &self.0[field::BEFORE_ICV]
    }

    /// The header with a check value.
    pub(crate) fn with_icv(mut self, icv: [u8; ICV_LEN]) -> Self {
        self.0[field::ICV].copy_from_slice(&icv);
        self
    }

    fn word(&self, field: core::ops::Range<usize>) -> u32 {
        self.0[field].iter().fold(0, |word, octet| word << 8 | u32::from(*octet))
    }
}

#[cfg(test)]
mod tests {
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
}
