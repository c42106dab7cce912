//! What a sender of signed adverts remembers.

use super::Authentication;
use super::trailer::HmacMode;
use crate::error::EncodeError;
use crate::sequence::Sequence;

/// What a sender of signed adverts remembers from one to the next.
///
/// ```
/// use vrrp_proto::{Authentication, HeaderKey, Sequence, Signer};
///
/// let key = HeaderKey::from_text("s3cr3t");
/// let authentication = Authentication::Header(&key);
/// let mut signer = Signer::default();
/// assert_eq!(signer.next(&authentication)?, Some(Sequence::Header(1)));
/// // Whoever takes over continues from what it has heard.
/// signer.heard(Sequence::Header(8));
/// assert_eq!(signer.next(&authentication)?, Some(Sequence::Header(9)));
/// # Ok::<(), vrrp_proto::EncodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Signer {
    last: Option<Sequence>,
}

impl Signer {
    /// The sequence number of the next advert, for all of its copies to several peers; `None` if it
    /// is not signed.
    ///
    /// That of `auth_hmac` is the time, or one more than the last where the clock has not advanced.
    /// Where the clock was set back by more than the window it is the time again: peers whose
    /// clocks are right would refuse anything else until the old time has come.
    ///
    /// # Errors
    /// [`EncodeError::Sequence`] after 2³² adverts with an authentication header.
    pub fn next(
        &mut self,
        authentication: &Authentication<'_>,
    ) -> Result<Option<Sequence>, EncodeError> {
        let next = match authentication {
            Authentication::None | Authentication::Password(_) => return Ok(None),
            Authentication::Hmac(hmac) if hmac.mode == HmacMode::ReceiveOnly => return Ok(None),
            Authentication::Header(_) => {
                let last = if let Some(Sequence::Header(last)) = self.last { last } else { 0 };
                Sequence::Header(last.checked_add(1).ok_or(EncodeError::Sequence)?)
            }
            Authentication::Hmac(hmac) => {
                let now = Sequence::Trailer(hmac.now.first_sequence());
                match self.last {
                    Some(last @ Sequence::Trailer(number))
                        if !now.follows(last) && !authentication.is_ahead(last) =>
                    {
                        Sequence::Trailer(number.wrapping_add(1))
                    }
                    _ => now,
                }
            }
        };
        self.last = Some(next);
        Ok(self.last)
    }

    /// Continues from a number that another router was heard with. Trailers are numbered by each
    /// sender for itself, so only an authentication header's counts.
    pub fn heard(&mut self, sequence: Sequence) {
        let is_next = self.last.is_none_or(|last| sequence.follows(last));
        if matches!(sequence, Sequence::Header(_)) && is_next {
            self.last = Some(sequence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::header::HeaderKey;
    use crate::auth::trailer::{AntiReplay, HmacKey, HmacSettings, UnixTime};

    #[test]
    fn headers_are_numbered_from_the_last_one_that_was_heard() {
        let key = HeaderKey::from_text("s3cr3t");
        let mut signer = Signer::default();
        let mut next = |heard: Option<u32>| {
            heard.into_iter().for_each(|number| signer.heard(Sequence::Header(number)));
            signer.next(&Authentication::Header(&key))
        };
        let number = |number| Ok(Some(Sequence::Header(number)));
        assert_eq!([next(None), next(None)], [number(1), number(2)]);
        assert_eq!([next(Some(1)), next(Some(8))], [number(3), number(9)]);
        assert_eq!(next(Some(u32::MAX)), Err(EncodeError::Sequence));
    }

    #[test]
    fn a_clock_that_does_not_advance_is_counted_on() {
        let key = HmacKey::new(1, &[7; 32]).unwrap();
        let mut signer = Signer::default();
        let mut next = |secs, mode| {
            let now = UnixTime { secs, fraction: 0xffff };
            let anti_replay = AntiReplay::Monotonic;
            let keys = core::slice::from_ref(&key);
            let hmac = HmacSettings { keys, signing: &key, mode, anti_replay, now };
            signer.next(&Authentication::Hmac(hmac)).unwrap()
        };
        let number = |number| Some(Sequence::Trailer(number));
        assert_eq!(next(7, HmacMode::Enforce), number(0x7_ffff_0000));
        assert_eq!(next(7, HmacMode::Permissive), number(0x7_ffff_0001));
        assert_eq!(next(7, HmacMode::ReceiveOnly), None);
        assert_eq!(next(3, HmacMode::Enforce), number(0x7_ffff_0002));
        assert_eq!(next(8, HmacMode::Enforce), number(0x8_ffff_0000));
        // The seconds wrap around, and the order with them.
        assert_eq!(next(0x7000_0000, HmacMode::Enforce), number(0x7000_0000_ffff_0000));
        assert_eq!(next(0xe000_0000, HmacMode::Enforce), number(0xe000_0000_ffff_0000));
        assert_eq!(next(0x0000_0001, HmacMode::Enforce), number(0x0000_0001_ffff_0000));
    }

    #[test]
    fn after_a_clock_was_set_back_by_more_than_the_window_it_counts_from_now() {
        let key = HmacKey::new(1, &[7; 32]).unwrap();
        let number = |secs: u64, counter: u64| Some(Sequence::Trailer(secs << 32 | counter));
        let numbers = |anti_replay, times: [u32; 5]| {
            let mut signer = Signer::default();
            times.map(|secs| {
                let now = UnixTime { secs, fraction: 0 };
                let (keys, mode) = (core::slice::from_ref(&key), HmacMode::Enforce);
                let hmac = HmacSettings { keys, signing: &key, mode, anti_replay, now };
                signer.next(&Authentication::Hmac(hmac)).unwrap()
            })
        };
        let window = AntiReplay::Timestamp { window_secs: 5 };
        // Ahead by an hour and back; then back by as much as the window, and by more.
        assert_eq!(
            numbers(window, [1000, 4600, 1001, 996, 995]),
            [number(1000, 0), number(4600, 0), number(1001, 0), number(1001, 1), number(995, 0)]
        );
        assert_eq!(
            numbers(AntiReplay::Monotonic, [1000, 4600, 1001, 1002, 4601]),
            [number(1000, 0), number(4600, 0), number(4600, 1), number(4600, 2), number(4601, 0)]
        );
    }

    #[test]
    fn what_another_heard_with_a_trailer_counts_for_nobody_else() {
        let mut signer = Signer::default();
        signer.heard(Sequence::Trailer(7));
        assert_eq!(signer, Signer::default());
    }
}
