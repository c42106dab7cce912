//! keepalived's `auth_hmac`: a trailer with HMAC-SHA256 behind the message
//! (draft-cassen-vrrp-auth-hmac-00).

use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU8;
use core::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::DecodeError;
use crate::ip::IpMeta;
use crate::message::field as message_field;
use crate::sequence::Sequence;
use crate::words::Interval;

/// The octets of the trailer.
pub const TRAILER_LEN: usize = 28;

/// HMAC-SHA256 truncated to 128 bits.
const HMAC_LEN: usize = 16;

/// The octets in front of the HMAC.
const HEAD_LEN: usize = TRAILER_LEN - HMAC_LEN;

/// The octets of a key.
const MIN_LEN: usize = 32;
const MAX_LEN: usize = 64;

/// The only type of extension that there is.
pub(crate) const EXT_TYPE: u8 = 1;

/// Field offsets and ranges:
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Ext Type    |    Key ID     |          Reserved             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     Seconds since 1970                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |      1/65536 seconds          |           Counter             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      HMAC (16 octets)                         |
/// |                                                               |
/// |                                                               |
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
pub(crate) mod field {
    use core::ops::{Range, RangeFrom};

    pub(crate) const EXT_TYPE: usize = 0;
    pub(crate) const KEY_ID: usize = 1;
    pub(crate) const RESERVED: Range<usize> = 2..4;
    pub(crate) const SECONDS: Range<usize> = 4..8;
    pub(crate) const FRACTION: Range<usize> = 8..10;
    pub(crate) const COUNTER: Range<usize> = 10..12;
    pub(crate) const SEQUENCE: Range<usize> = 4..12;
    pub(crate) const HMAC: RangeFrom<usize> = 12..;
}

/// A time of day, as the trailer has it: since 1970, in units of 1/65536 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixTime {
    /// The whole seconds, modulo 2³².
    pub secs: u32,
    /// The 65536ths of a second.
    pub fraction: u16,
}

impl UnixTime {
    /// The moment that is so long after the first of January 1970.
    pub const fn new(since_epoch: Duration) -> Self {
        let fraction = (since_epoch.subsec_nanos() as u64) << 16;
        Self { secs: since_epoch.as_secs() as u32, fraction: (fraction / 1_000_000_000) as u16 }
    }

    /// The first sequence number of this moment.
    pub(crate) const fn first_sequence(self) -> u64 {
        (self.secs as u64) << 32 | (self.fraction as u64) << 16
    }
}

/// A key of `auth_hmac`, with its number.
///
/// Neither `Debug` nor a comparison's time tells anything of it, and it is overwritten when it is
/// dropped.
#[derive(Clone)]
pub struct HmacKey {
    id: NonZeroU8,
    keyed: Hmac<Sha256>,
}

/// Why something is no key of `auth_hmac`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HmacKeyError {
    /// Keys are numbered from 1 to 255.
    #[error("a key's number is 1 to 255, not 0")]
    Id,
    /// Too few octets protect nothing, more than HMAC's block are not used as they are.
    #[error("a key has 32 to 64 octets, not {0}")]
    Len(usize),
    /// They are not written in hexadecimal digits.
    #[error("a key is written with two hexadecimal digits for each octet")]
    Digits,
}

impl HmacKey {
    /// The key with this number, made of 32 to 64 octets. They are not kept.
    ///
    /// # Errors
    /// [`HmacKeyError`] if the number is 0, or there are fewer or more octets.
    pub fn new(id: u8, secret: &[u8]) -> Result<Self, HmacKeyError> {
        let id = NonZeroU8::new(id).ok_or(HmacKeyError::Id)?;
        if !(MIN_LEN..=MAX_LEN).contains(&secret.len()) {
            return Err(HmacKeyError::Len(secret.len()));
        }
        let keyed = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Ok(Self { id, keyed })
    }

    /// The key with this number, of octets that are written as two hexadecimal digits each.
    ///
    /// # Errors
    /// [`HmacKeyError::Digits`] if `digits` are none, otherwise as [`new`](Self::new).
    pub fn from_hex(id: u8, digits: &str) -> Result<Self, HmacKeyError> {
        let mut octets = Zeroizing::new([0; MAX_LEN]);
        let (pairs, rest) = digits.as_bytes().as_chunks();
        if !rest.is_empty() {
            return Err(HmacKeyError::Digits);
        }
        let len = pairs.len();
        let room = octets.get_mut(..len).ok_or(HmacKeyError::Len(len))?;
        for (octet, pair) in room.iter_mut().zip(pairs) {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            let (high, low) = high.zip(low).ok_or(HmacKeyError::Digits)?;
            *octet = (high << 4 | low) as u8;
        }
        Self::new(id, room)
    }

    /// The key's number.
    pub const fn id(&self) -> NonZeroU8 {
        self.id
    }

    /// The trailer of a message, whose checksum does not matter.
    pub(crate) fn sign(&self, ip: &IpMeta, message: &[u8], sequence: u64) -> [u8; TRAILER_LEN] {
        let mut trailer = [0; TRAILER_LEN];
        trailer[field::EXT_TYPE] = EXT_TYPE;
        trailer[field::KEY_ID] = self.id.get();
        trailer[field::SEQUENCE].copy_from_slice(&sequence.to_be_bytes());
        let hmac = self.hmac(ip, message, &trailer);
        trailer[field::HMAC].copy_from_slice(&hmac);
        trailer
    }

    /// The HMAC over what identifies the virtual router and the sender, the message with its
    /// checksum as zero, and the trailer with its HMAC as zero.
    fn hmac(&self, ip: &IpMeta, message: &[u8], trailer: &[u8; TRAILER_LEN]) -> [u8; HMAC_LEN] {
        let mut sender = [0; 20];
        sender[1] = message[message_field::VERSION_AND_TYPE] >> 4;
        sender[2] = message[message_field::VRID];
        match ip.source {
            IpAddr::V4(address) => {
                sender[0] = 4;
                sender[4..8].copy_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                sender[0] = 6;
                sender[4..20].copy_from_slice(&address.octets());
            }
        }
        let mut mac = self.keyed.clone();
        mac.update(&sender);
        mac.update(&message[..message_field::CHECKSUM.start]);
        mac.update(&[0; 2]);
        mac.update(&message[message_field::BODY]);
        mac.update(&trailer[..HEAD_LEN]);
        mac.update(&[0; HMAC_LEN]);
        *mac.finalize().into_bytes().first_chunk().expect("SHA-256 has 32 octets")
    }
}

impl PartialEq for HmacKey {
    /// Keys are the same that sign the same: nothing else is kept of them.
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.keyed.clone().finalize() == other.keyed.clone().finalize()
    }
}

impl Eq for HmacKey {}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({}, hidden)", self.id)
    }
}

/// What is signed, and what is asked of received adverts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HmacMode {
    /// Signs, and accepts signed adverts only.
    #[default]
    Enforce,
    /// Signs, and accepts adverts without a trailer too.
    Permissive,
    /// Does not sign, and accepts adverts without a trailer too.
    ReceiveOnly,
}

/// How adverts that someone recorded are recognised beside their sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AntiReplay {
    /// By their time, which may be off by so many seconds.
    Timestamp {
        /// The largest difference that is accepted; [`usual_window_secs`](Self::usual_window_secs)
        /// where nobody says.
        window_secs: u32,
    },
    /// By nothing: clocks need not agree.
    Monotonic,
}

impl AntiReplay {
    /// The window of routers that advertise in this interval: three intervals, at least 5 s.
    pub const fn usual_window_secs(interval: Interval) -> u32 {
        let secs = (interval.as_centis() as u32 * 3).div_ceil(100);
        if secs > 5 { secs } else { 5 }
    }
}

/// The settings of `auth_hmac`, and the time at which adverts are signed or judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HmacSettings<'a> {
    /// The keys that are accepted. Of two with one number the first counts.
    pub keys: &'a [HmacKey],
    /// The key that signs.
    pub signing: &'a HmacKey,
    /// What is signed and what is accepted.
    pub mode: HmacMode,
    /// How recorded adverts are recognised.
    pub anti_replay: AntiReplay,
    /// The time of day now.
    pub now: UnixTime,
}

impl HmacSettings<'_> {
    /// Checks the trailer of a message, if it has one.
    pub(crate) fn verify(
        &self,
        ip: &IpMeta,
        message: &[u8],
        trailer: Option<&[u8; TRAILER_LEN]>,
    ) -> Result<Option<Sequence>, DecodeError> {
        let Some(trailer) = trailer else {
            return match self.mode {
                HmacMode::Enforce => Err(DecodeError::MissingHmac),
                HmacMode::Permissive | HmacMode::ReceiveOnly => Ok(None),
            };
        };
        let (ext_type, reserved) = (trailer[field::EXT_TYPE], &trailer[field::RESERVED]);
        if ext_type != EXT_TYPE || reserved != [0; 2] {
            let reserved = u16::from_be_bytes([reserved[0], reserved[1]]);
            return Err(DecodeError::Malformed { ext_type, reserved });
        }
        let octets = trailer[field::SEQUENCE].first_chunk().expect("eight octets");
        let sequence = u64::from_be_bytes(*octets);
        self.check_time((sequence >> 32) as u32)?;
        let id = trailer[field::KEY_ID];
        let key = self.keys.iter().find(|key| key.id.get() == id);
        let key = key.ok_or(DecodeError::UnknownKey(id))?;
        let hmac = key.hmac(ip, message, trailer);
        if !bool::from(hmac.ct_eq(&trailer[field::HMAC])) {
            return Err(DecodeError::InvalidHmac { key: id });
        }
        Ok(Some(Sequence::Trailer(sequence)))
    }

    /// Whether a number is of a time further ahead than the window: a clock that showed it has been
    /// set back since. Without a window no number is.
    pub(crate) fn is_ahead(&self, sequence: u64) -> bool {
        let AntiReplay::Timestamp { window_secs } = self.anti_replay else { return false };
        let ahead_secs = ((sequence >> 32) as u32).wrapping_sub(self.now.secs).cast_signed();
        i64::from(ahead_secs) > i64::from(window_secs)
    }

    /// A difference as large as the window is accepted.
    fn check_time(&self, secs: u32) -> Result<(), DecodeError> {
        let AntiReplay::Timestamp { window_secs } = self.anti_replay else { return Ok(()) };
        // Seconds wrap around in 2106: which of two comes first is told by the shorter way.
        let behind_secs = self.now.secs.wrapping_sub(secs).cast_signed();
        match behind_secs.unsigned_abs() > window_secs {
            true => Err(DecodeError::Stale { behind_secs, window_secs }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn a_key_has_a_number_and_32_to_64_octets() {
        assert_eq!(HmacKey::new(0, &[7; 32]), Err(HmacKeyError::Id));
        for len in [0, 31, 65] {
            let key = HmacKey::new(1, &[7; 65][..len]);
            assert_eq!(key, Err(HmacKeyError::Len(len)));
        }
        for len in [32, 64] {
            assert_eq!(HmacKey::new(255, &[7; 64][..len]).unwrap().id().get(), 255);
        }
    }

    #[test]
    fn a_key_may_be_written_in_digits() {
        let digits = |pair: &str, len| pair.repeat(len);
        assert_eq!(HmacKey::from_hex(7, &digits("aF", 32)), HmacKey::new(7, &[0xaf; 32]));
        assert_eq!(HmacKey::from_hex(7, &digits("09", 64)), HmacKey::new(7, &[9; 64]));
        assert_eq!(HmacKey::from_hex(7, &digits("09", 65)), Err(HmacKeyError::Len(65)));
        assert_eq!(HmacKey::from_hex(7, &digits("09", 31)), Err(HmacKeyError::Len(31)));
        assert_eq!(HmacKey::from_hex(7, &(digits("09", 32) + "0")), Err(HmacKeyError::Digits));
        assert_eq!(HmacKey::from_hex(7, &digits("0g", 32)), Err(HmacKeyError::Digits));
        assert_eq!(HmacKey::from_hex(7, &digits("+9", 32)), Err(HmacKeyError::Digits));
        assert_eq!(HmacKey::from_hex(0, &digits("09", 32)), Err(HmacKeyError::Id));
    }

    #[test]
    fn keys_are_compared_and_hidden() {
        let key = |id, octet| HmacKey::new(id, &[octet; 32]).unwrap();
        assert_eq!(key(1, 115), key(1, 115));
        assert_ne!(key(1, 115), key(2, 115));
        assert_ne!(key(1, 115), key(1, 116));
        assert_eq!(format!("{:?}", key(1, 115)), "HmacKey(1, hidden)");
    }

    #[test]
    fn a_number_is_ahead_when_it_is_further_than_the_window() {
        let key = HmacKey::new(1, &[7; 32]).unwrap();
        let is_ahead = |anti_replay, now_secs: u32, secs: u32| {
            let now = UnixTime { secs: now_secs, fraction: 0xffff };
            let keys = core::slice::from_ref(&key);
            let hmac =
                HmacSettings { keys, signing: &key, mode: HmacMode::Enforce, anti_replay, now };
            hmac.is_ahead(u64::from(secs) << 32 | 0xffff)
        };
        let window = AntiReplay::Timestamp { window_secs: 5 };
        assert!(!is_ahead(window, 1000, 1005) && is_ahead(window, 1000, 1006));
        assert!(!is_ahead(window, 1000, 1) && is_ahead(window, 1000, 4600));
        // The seconds wrap around.
        assert!(!is_ahead(window, u32::MAX, 4) && is_ahead(window, u32::MAX, 5));
        assert!(!is_ahead(window, 4, u32::MAX));
        let widest = AntiReplay::Timestamp { window_secs: u32::MAX };
        assert!(!is_ahead(widest, 0, i32::MAX as u32));
        assert!(!is_ahead(AntiReplay::Monotonic, 1000, 4600));
    }

    #[test]
    fn a_time_is_seconds_and_65536ths() {
        let time = UnixTime::new(Duration::new(1_795_371_065, 500_000_000));
        assert_eq!(time, UnixTime { secs: 1_795_371_065, fraction: 0x8000 });
        let last = UnixTime::new(Duration::new(1 << 32, 999_999_999));
        assert_eq!(last, UnixTime { secs: 0, fraction: 0xffff });
        assert_eq!(time.first_sequence(), 1_795_371_065 << 32 | 0x8000_0000);
    }

    #[test]
    fn the_usual_window_is_three_intervals_and_at_least_five_seconds() {
        let window = |millis| {
            let interval = Duration::from_millis(millis);
            let interval = Interval::new(crate::Version::V3, interval).unwrap();
            AntiReplay::usual_window_secs(interval)
        };
        assert_eq!([window(10), window(1000), window(1670), window(40_950)], [5, 5, 6, 123]);
    }
}
