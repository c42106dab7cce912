//! The message as bytes: where its fields are, and nothing about what they should hold.

use crate::addresses::Addresses;
use crate::error::DecodeError;
use crate::numbers::AUTH_DATA_LEN;
use crate::words::{Family, Priority, Version, Vrid};

/// Field offsets and ranges.
///
/// VRRPv2 (RFC 3768 §5.1):
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version| Type  | Virtual Rtr ID|   Priority    | Count IP Addrs|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Auth Type   |   Adver Int   |          Checksum             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     IPv4 Address(es)  ...                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  Authentication Data (8 octets)               |
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// VRRPv3 (RFC 9568 §5.2):
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version| Type  | Virtual Rtr ID|   Priority    |IPvX Addr Count|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Reserve| Max Advertise Interval|          Checksum             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     IPvX Address(es)  ...                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
pub(crate) mod field {
    use core::ops::{Range, RangeFrom};

    pub(crate) const VERSION_AND_TYPE: usize = 0;
    pub(crate) const VRID: usize = 1;
    pub(crate) const PRIORITY: usize = 2;
    pub(crate) const COUNT: usize = 3;
    pub(crate) const PRIORITY_AND_COUNT: Range<usize> = 2..4;
    pub(crate) const AUTH_TYPE: usize = 4;
    pub(crate) const ADVER_INT: usize = 5;
    pub(crate) const MAX_ADVER_INT: Range<usize> = 4..6;
    pub(crate) const CHECKSUM: Range<usize> = 6..8;
    pub(crate) const BODY: RangeFrom<usize> = 8..;
}

/// The octets in front of the addresses.
pub(crate) const HEADER_LEN: usize = 8;

/// The longest message: a VRRPv3 one with 255 IPv6 addresses.
pub const MAX_MESSAGE_LEN: usize = HEADER_LEN + crate::addresses::MAX_ADDRESSES * 16;

/// The only type of message that there is (RFC 9568 §5.2.2).
pub(crate) const ADVERTISEMENT: u8 = 1;

/// The length of a message with so many addresses.
pub(crate) const fn message_len(version: Version, family: Family, count: u8) -> usize {
    let body_len = count as usize * family.address_len();
    match version {
        Version::V2 => HEADER_LEN + body_len + AUTH_DATA_LEN,
        Version::V3 => HEADER_LEN + body_len,
    }
}

/// The virtual router that a message is for: all that the one who hands messages out to virtual
/// routers needs to know. Nothing else of the message is looked at.
///
/// # Errors
/// [`DecodeError::TooShort`] if the message ends before the number, and
/// [`DecodeError::UnknownVrid`] if it is 0, which no virtual router has.
pub fn peek_vrid(message: &[u8]) -> Result<Vrid, DecodeError> {
    let number = *message.get(field::VRID).ok_or(DecodeError::TooShort(message.len()))?;
    Vrid::new(number).ok_or(DecodeError::UnknownVrid(number))
}

/// A view of a message that has at least a whole header.
pub(crate) struct Message<T>(T);

impl<T: AsRef<[u8]>> Message<T> {
    /// A view of `octets`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if they are no whole header.
    pub(crate) fn new_checked(octets: T) -> Result<Self, DecodeError> {
        let len = octets.as_ref().len();
        if len < HEADER_LEN {
            return Err(DecodeError::Truncated { required_len: HEADER_LEN, len });
        }
        Ok(Self(octets))
    }

    /// A view of a buffer that was cut to a message's length.
    pub(crate) fn whole(octets: T) -> Self {
        Self::new_checked(octets).expect("a message is longer than its header")
    }

    fn octets(&self) -> &[u8] {
        self.0.as_ref()
    }

    fn word(&self, field: core::ops::Range<usize>) -> u16 {
        let octets = &self.octets()[field];
        u16::from_be_bytes([octets[0], octets[1]])
    }

    pub(crate) fn len(&self) -> usize {
        self.octets().len()
    }

    pub(crate) fn version(&self) -> u8 {
        self.octets()[field::VERSION_AND_TYPE] >> 4
    }

    pub(crate) fn message_type(&self) -> u8 {
        self.octets()[field::VERSION_AND_TYPE] & 0xf
    }

    pub(crate) fn vrid(&self) -> u8 {
        self.octets()[field::VRID]
    }

    pub(crate) fn priority(&self) -> Priority {
        Priority::new(self.octets()[field::PRIORITY])
    }

    pub(crate) fn count(&self) -> u8 {
        self.octets()[field::COUNT]
    }

    pub(crate) fn priority_and_count(&self) -> u16 {
        self.word(field::PRIORITY_AND_COUNT)
    }

    /// VRRPv2's authentication type.
    pub(crate) fn auth_type(&self) -> u8 {
        self.octets()[field::AUTH_TYPE]
    }

    /// VRRPv2's interval in seconds.
    pub(crate) fn adver_int_secs(&self) -> u8 {
        self.octets()[field::ADVER_INT]
    }

    /// VRRPv3's interval in centiseconds; the reserved bits beside it are ignored
    /// (RFC 9568 §5.2.6).
    pub(crate) fn max_adver_int_centis(&self) -> u16 {
        self.word(field::MAX_ADVER_INT) & 0x0fff
    }

    pub(crate) fn checksum(&self) -> u16 {
        self.word(field::CHECKSUM)
    }
}

impl<'a> Message<&'a [u8]> {
    /// The message without what follows its first `len` octets, which it must have.
    pub(crate) fn cut(self, len: usize) -> Self {
        Self(&self.0[..len])
    }

    pub(crate) fn as_octets(&self) -> &'a [u8] {
        self.0
    }

    /// The addresses, of a message that is as long as its fields say.
    pub(crate) fn addresses(&self, family: Family) -> Addresses<'a> {
        let len = usize::from(self.count()) * family.address_len();
        Addresses::from_octets(family, &self.0[field::BODY][..len])
            .expect("a count of eight bits, times the length of one")
    }

    /// What follows the addresses: VRRPv2's authentication data.
    pub(crate) fn auth_data(&self, family: Family) -> &'a [u8] {
        &self.0[field::BODY][usize::from(self.count()) * family.address_len()..]
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Message<T> {
    fn octets_mut(&mut self) -> &mut [u8] {
        self.0.as_mut()
    }

    pub(crate) fn set_version_and_type(&mut self, version: Version, message_type: u8) {
        self.octets_mut()[field::VERSION_AND_TYPE] = version.get() << 4 | message_type;
    }

    pub(crate) fn set_vrid(&mut self, vrid: Vrid) {
        self.octets_mut()[field::VRID] = vrid.get();
    }

    pub(crate) fn set_priority(&mut self, priority: Priority) {
        self.octets_mut()[field::PRIORITY] = priority.get();
    }

    pub(crate) fn set_count(&mut self, count: u8) {
        self.octets_mut()[field::COUNT] = count;
    }

    pub(crate) fn set_auth_type(&mut self, auth_type: u8) {
        self.octets_mut()[field::AUTH_TYPE] = auth_type;
    }

    pub(crate) fn set_adver_int_secs(&mut self, secs: u8) {
        self.octets_mut()[field::ADVER_INT] = secs;
    }

    /// Sets VRRPv3's interval, and the reserved bits beside it to zero.
    pub(crate) fn set_max_adver_int_centis(&mut self, centis: u16) {
        self.octets_mut()[field::MAX_ADVER_INT].copy_from_slice(&(centis & 0x0fff).to_be_bytes());
    }

    pub(crate) fn set_checksum(&mut self, checksum: u16) {
        self.octets_mut()[field::CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Sets the addresses and, in VRRPv2, the authentication data behind them.
    pub(crate) fn set_body(&mut self, addresses: Addresses<'_>, auth_data: &[u8]) {
        let body = &mut self.octets_mut()[field::BODY];
        let (address_octets, rest) = body.split_at_mut(addresses.as_octets().len());
        address_octets.copy_from_slice(addresses.as_octets());
        rest.copy_from_slice(auth_data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vrid_is_seen_as_soon_as_it_is_there() {
        assert_eq!(peek_vrid(&[]), Err(DecodeError::TooShort(0)));
        assert_eq!(peek_vrid(&[0x31]), Err(DecodeError::TooShort(1)));
        assert_eq!(peek_vrid(&[0x31, 0]), Err(DecodeError::UnknownVrid(0)));
        assert_eq!(peek_vrid(&[0xff, 51]).map(Vrid::get), Ok(51));
    }

    #[test]
    fn setters_and_getters_agree_on_the_octets() {
        let mut octets = [0xff; 20];
        let mut message = Message::new_checked(&mut octets).unwrap();
        message.set_version_and_type(Version::V2, ADVERTISEMENT);
        message.set_vrid(Vrid::new(51).unwrap());
        message.set_priority(Priority::DEFAULT);
        message.set_count(1);
        message.set_auth_type(1);
        message.set_adver_int_secs(2);
        message.set_checksum(0xabcd);
        let addresses = Addresses::from_octets(Family::V4, &[192, 0, 2, 100]).unwrap();
        message.set_body(addresses, b"s3cr3t\0\0");
        assert_eq!(octets, *b"\x21\x33\x64\x01\x01\x02\xab\xcd\xc0\x00\x02\x64s3cr3t\0\0");

        let message = Message::new_checked(&octets[..]).unwrap();
        assert_eq!((message.version(), message.message_type(), message.vrid()), (2, 1, 51));
        assert_eq!((message.priority(), message.count()), (Priority::DEFAULT, 1));
        assert_eq!((message.auth_type(), message.adver_int_secs()), (1, 2));
        assert_eq!((message.checksum(), message.len()), (0xabcd, 20));
        assert_eq!(message.addresses(Family::V4), addresses);
        assert_eq!(message.auth_data(Family::V4), b"s3cr3t\0\0");
    }

    #[test]
    fn reserved_bits_are_sent_as_zero_and_ignored() {
        let mut octets = [0xff; 8];
        let mut message = Message::new_checked(&mut octets).unwrap();
        assert_eq!(message.max_adver_int_centis(), 4095);
        message.set_max_adver_int_centis(100);
        assert_eq!(octets[4..6], [0, 100]);
    }
}
