//! Which of the adverts of a sender was the last.

use core::net::IpAddr;

use crate::advert::Advert;
use crate::auth::Authentication;
use crate::error::DecodeError;
use crate::ip::IpMeta;
use crate::sequence::Sequence;

/// How many senders of multicast adverts are remembered.
pub const REPLAY_SLOTS: usize = 4;

/// What one sender was heard with last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReplaySlot(Option<(IpAddr, Sequence)>);

/// The memory that recognises adverts that were heard before: one for each virtual router.
///
/// It remembers as many senders as it has slots: [`REPLAY_SLOTS`] of multicast adverts, for which it
/// forgets the one that was silent longest; a slot for each of the peers (a `Vec` of them, say) of
/// unicast ones. Only what has passed [`Advert::parse`] gets here, so nobody without the key can
/// make it forget.
///
/// ```
/// use vrrp_proto::{Authentication, HeaderKey, Replay, Sequence};
///
/// let key = HeaderKey::from_text("s3cr3t");
/// let authentication = Authentication::Header(&key);
/// let mut replay = Replay::default();
/// let sender = "192.0.2.2".parse()?;
/// assert!(replay.admit(sender, Sequence::Header(7), &authentication).is_ok());
/// assert!(replay.admit(sender, Sequence::Header(7), &authentication).is_err());
/// assert!(replay.admit(sender, Sequence::Header(8), &authentication).is_ok());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Replay<S = [ReplaySlot; REPLAY_SLOTS]> {
    /// Whoever was heard last first; those that are free at the end.
    slots: S,
}

impl Default for Replay {
    /// That of multicast adverts.
    fn default() -> Self {
        Self::new(Default::default())
    }
}

impl<S> Replay<S> {
    /// A memory of these slots.
    pub const fn new(slots: S) -> Self {
        Self { slots }
    }
}

impl<S: AsMut<[ReplaySlot]>> Replay<S> {
    /// Remembers what another memory does of these senders, of as many as there are slots for. What
    /// was remembered here is forgotten.
    pub fn take_over(
        &mut self,
        before: &Replay<impl AsRef<[ReplaySlot]>>,
        is_wanted: impl Fn(IpAddr) -> bool,
    ) {
        let slots = self.slots.as_mut();
        slots.fill(ReplaySlot::default());
        let wanted = |slot: &&ReplaySlot| slot.0.is_some_and(|(source, _)| is_wanted(source));
        let known = before.slots.as_ref().iter().filter(wanted);
        slots.iter_mut().zip(known).for_each(|(slot, known)| *slot = *known);
    }

    /// Checks that an advert which was parsed from this packet comes after those that were heard
    /// from its sender before, and remembers it. One without a sequence number always does.
    ///
    /// # Errors
    /// [`DecodeError::Replay`] if it does not.
    pub fn check(&mut self, ip: &IpMeta, advert: &Advert<'_>) -> Result<(), DecodeError> {
        let sequence = advert.sequence;
        sequence.map_or(Ok(()), |one| self.admit(ip.source, one, &advert.authentication))
    }

    /// Checks that a sequence number comes after the sender's last one, and remembers it. The
    /// authentication is the one that it was judged by.
    ///
    /// With [`AntiReplay::Timestamp`], a last one that is ahead of now by more than the window does
    /// not count: clocks were ahead when it was heard, and have been set back.
    ///
    /// [`AntiReplay::Timestamp`]: crate::AntiReplay::Timestamp
    ///
    /// # Errors
    /// [`DecodeError::Replay`] if it does not.
    pub fn admit(
        &mut self,
        source: IpAddr,
        sequence: Sequence,
        authentication: &Authentication<'_>,
    ) -> Result<(), DecodeError> {
        let slots = self.slots.as_mut();
        let of_sender = slots.iter().position(|slot| slot.0.is_some_and(|(of, _)| of == source));
        if let Some((_, last)) = of_sender.and_then(|place| slots[place].0)
            && !sequence.follows(last)
            && !authentication.is_ahead(last)
        {
            return Err(DecodeError::Replay { last, found: sequence });
        }
        let place = of_sender.unwrap_or(slots.len().saturating_sub(1));
        if let Some(until) = slots.get_mut(..=place) {
            until.rotate_right(1);
            until[0] = ReplaySlot(Some((source, sequence)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;

    use super::*;
    use crate::auth::trailer::{AntiReplay, HmacKey, HmacMode, HmacSettings, UnixTime};

    const PLAIN: Authentication<'_> = Authentication::None;

    fn sender(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn a_number_must_be_greater_than_the_last_of_its_sender() {
        let mut replay = Replay::default();
        let mut admit =
            |from, number| replay.admit(sender(from), Sequence::Header(number), &PLAIN).is_ok();
        assert!(admit(1, 7) && admit(2, 3) && admit(1, 9) && admit(2, 4));
        assert!(!admit(1, 8) && !admit(1, 9) && !admit(2, 4));
        let error = replay.admit(sender(1), Sequence::Header(9), &PLAIN);
        let (last, found) = (Sequence::Header(9), Sequence::Header(9));
        assert_eq!(error, Err(DecodeError::Replay { last, found }));
    }

    #[test]
    fn trailers_are_ordered_around_the_end_of_their_numbers() {
        let mut replay = Replay::default();
        let mut admit = |number| replay.admit(sender(1), Sequence::Trailer(number), &PLAIN).is_ok();
        assert!(admit(u64::MAX - 1) && admit(1) && !admit(u64::MAX) && admit(2));
    }

    #[test]
    fn the_sender_that_was_silent_longest_is_forgotten() {
        let mut replay = Replay::default();
        let mut admit =
            |from, number| replay.admit(sender(from), Sequence::Trailer(number), &PLAIN).is_ok();
        for from in 1..=4 {
            assert!(admit(from, 10));
        }
        assert!(admit(1, 11), "a repeated advert keeps nobody in mind");
        assert!(!admit(2, 10));
        assert!(admit(5, 10));
        assert!(admit(2, 1), "forgotten");
        assert!(!admit(1, 11) && !admit(4, 10) && !admit(5, 10));
        assert!(admit(3, 1), "forgotten");
    }

    #[test]
    fn each_peer_has_its_slot() {
        let mut replay = Replay::new(vec![ReplaySlot::default(); 9]);
        for number in [1, 2] {
            for from in 1..=9 {
                assert!(replay.admit(sender(from), Sequence::Header(number), &PLAIN).is_ok());
                assert!(replay.admit(sender(from), Sequence::Header(number), &PLAIN).is_err());
            }
        }
        let mut none = Replay::new(vec![]);
        assert!(none.admit(sender(1), Sequence::Header(1), &PLAIN).is_ok());
    }

    #[test]
    fn a_number_from_before_a_clock_was_set_back_blocks_nobody() {
        let key = HmacKey::new(1, &[7; 32]).unwrap();
        let hmac = |anti_replay, secs| {
            let now = UnixTime { secs, fraction: 0 };
            let (keys, mode) = (core::slice::from_ref(&key), HmacMode::Enforce);
            Authentication::Hmac(HmacSettings { keys, signing: &key, mode, anti_replay, now })
        };
        let admitted = |anti_replay| {
            let mut replay = Replay::default();
            // Both clocks go ahead by an hour, and back; nothing passes twice meanwhile.
            [1000, 4600, 4600, 1001, 1001, 1002].map(|secs| {
                let number = Sequence::Trailer(u64::from(secs) << 32);
                replay.admit(sender(1), number, &hmac(anti_replay, secs)).is_ok()
            })
        };
        let window = AntiReplay::Timestamp { window_secs: 5 };
        assert_eq!(admitted(window), [true, true, false, true, false, true]);
        assert_eq!(admitted(AntiReplay::Monotonic), [true, true, false, false, false, false]);

        let mut replay = Replay::default();
        let mut admit = |secs: u64, now| {
            replay.admit(sender(1), Sequence::Trailer(secs << 32), &hmac(window, now)).is_ok()
        };
        assert!(admit(1005, 1000) && !admit(1004, 1000), "within the window it counts");
        assert!(admit(1004, 999), "beyond it does not");
    }

    #[test]
    fn another_memory_is_taken_over() {
        let mut before = Replay::default();
        for from in 1..=4 {
            before.admit(sender(from), Sequence::Header(7), &PLAIN).unwrap();
        }
        let mut replay = Replay::new(vec![ReplaySlot::default(); 2]);
        replay.admit(sender(9), Sequence::Header(7), &PLAIN).unwrap();
        replay.take_over(&before, |source| source != sender(4));
        let mut admit = |from| replay.admit(sender(from), Sequence::Header(7), &PLAIN).is_ok();
        assert!(!admit(3) && !admit(2), "those that were heard last");
        assert!(admit(4), "not wanted");
        assert!(admit(9), "forgotten");
    }

    #[test]
    fn another_authentication_begins_anew() {
        let mut replay = Replay::default();
        assert!(replay.admit(sender(1), Sequence::Header(9), &PLAIN).is_ok());
        assert!(replay.admit(sender(1), Sequence::Trailer(1), &PLAIN).is_ok());
    }
}
