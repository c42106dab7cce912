//! The Active state: its timers, and how often it answers.

use core::mem;
use core::time::Duration;

use vrrp_proto::Priority;

use crate::{Action, Actions, Config, Instant, skew_time};

/// Answers are never closer than this, however short the interval is.
const ANSWERS_APART_MIN: Duration = Duration::from_millis(1);
/// How far apart announcements in answer to losing adverts are. More often would be in vain:
/// Linux takes over another MAC address for a neighbour once in a second at most (`locktime`
/// in arp(7)).
const ANSWERING_ANNOUNCEMENTS_APART: Duration = Duration::from_secs(1);

/// What an Active Router waits for; it ends with the state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Active {
    /// Adver_Timer.
    next_advert: Instant,
    /// When the last advert was sent.
    advertised_at: Instant,
    /// From when on its peers may have succeeded it, unless it advertises before.
    late_at: Instant,
    /// Adverts in answer to losing ones and to resignations.
    answers: Paced,
    /// Announcements in answer to losing adverts.
    announcements: Paced,
    /// The second announcement after a takeover or a losing advert.
    second_announce: Option<(Instant, u8)>,
    /// The next of the periodic announcements.
    refresh: Option<Instant>,
}

/// Something that is done as soon as somebody asks for it, but not twice within a certain time:
/// who asks meanwhile gets it at the end of that time, and all who have asked get it together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Paced {
    allowed_from: Instant,
    owed: bool,
}

impl Paced {
    const fn new(allowed_from: Instant) -> Self {
        Self { allowed_from, owed: false }
    }

    /// When it has to be done.
    fn due(&self) -> Option<Instant> {
        self.owed.then_some(self.allowed_from)
    }

    fn is_due(&self, now: Instant) -> bool {
        self.due().is_some_and(|due| now >= due)
    }

    /// It was done, for everyone who has asked.
    fn settle(&mut self, now: Instant, apart: Duration) {
        if mem::take(&mut self.owed) {
            self.allowed_from = now + apart;
        }
    }
}

impl Active {
    /// Active since `now`, with an advert and an announcement sent.
    pub(crate) fn new(now: Instant, config: &Config) -> Self {
        let announce = config.announce;
        let again = !announce.delay.is_zero() && announce.repeat > 0;
        Self {
            next_advert: now + config.interval.as_duration(),
            advertised_at: now,
            late_at: now + config.silence_max(),
            answers: Paced::new(now),
            announcements: Paced::new(now),
            second_announce: again.then(|| (now + announce.delay, announce.repeat)),
            refresh: first_refresh(now, announce.refresh),
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        let second = self.second_announce.map(|(at, _)| at);
        let optional = [self.answers.due(), self.announcements.due(), second, self.refresh];
        optional.into_iter().flatten().fold(self.next_advert, Instant::min)
    }

    pub(crate) const fn late_at(&self) -> Instant {
        self.late_at
    }

    /// How long its last advert is ago.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_since(self.advertised_at)
    }

    /// Does what is due, adverts first. What was missed meanwhile is not made up for.
    pub(crate) fn timer(
        &mut self,
        now: Instant,
        config: &Config,
        priority: Priority,
        out: &mut Actions,
    ) {
        if now >= self.next_advert || self.answers.is_due(now) {
            self.advertise(now, config, priority, out);
        }
        self.announce_answering(now, config, out);
        if let Some((at, rounds)) = self.second_announce
            && now >= at
        {
            out.announce(rounds);
            self.second_announce = None;
        }
        if self.refresh.is_some_and(|at| now >= at) {
            out.announce(config.announce.refresh_repeat);
            self.refresh = first_refresh(now, config.announce.refresh);
        }
    }

    /// Sends an advert, which answers everyone who waits for one, and restarts the Adver_Timer.
    pub(crate) fn advertise(
        &mut self,
        now: Instant,
        config: &Config,
        priority: Priority,
        out: &mut Actions,
    ) {
        out.push(Action::SendAdvert { priority });
        self.next_advert = now + config.interval.as_duration();
        (self.advertised_at, self.late_at) = (now, now + config.silence_max());
        self.answers.settle(now, answers_apart(config));
    }

    /// RFC 9568 §6.4.3, a resignation: the others hear at once that someone else is Active.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        config: &Config,
        priority: Priority,
        out: &mut Actions,
    ) {
        self.answers.owed = true;
        if self.answers.is_due(now) {
            self.advertise(now, config, priority, out);
        }
    }

    /// RFC 9568 §6.4.3, an advert that loses: the sender is shown at once that it does, and
    /// the hosts where the addresses are.
    pub(crate) fn refute(
        &mut self,
        now: Instant,
        config: &Config,
        priority: Priority,
        out: &mut Actions,
    ) {
        if !config.lower_prio_no_advert {
            self.answer(now, config, priority, out);
        }
        let rounds = config.announce.lower_prio_repeat;
        if rounds == 0 {
            return;
        }
        self.announcements.owed = true;
        self.announce_answering(now, config, out);
        if !config.announce.lower_prio_delay.is_zero() {
            let pending = self.second_announce.map_or(0, |(_, rounds)| rounds);
            let at = now + config.announce.lower_prio_delay;
            self.second_announce = Some((at, rounds.max(pending)));
        }
    }

    fn announce_answering(&mut self, now: Instant, config: &Config, out: &mut Actions) {
        if self.announcements.is_due(now) {
            out.announce(config.announce.lower_prio_repeat);
            self.announcements.settle(now, ANSWERING_ANNOUNCEMENTS_APART);
        }
    }

    /// A shorter interval counts from now on; a longer one after the advert that announces it.
    pub(crate) fn reconfigure(&mut self, now: Instant, before: &Config, after: &Config) {
        self.next_advert = self.next_advert.min(now + after.interval.as_duration());
        if before.announce.refresh != after.announce.refresh {
            self.refresh = first_refresh(now, after.announce.refresh);
        }
    }
}

/// How far apart answers are: the shortest Skew_Time there is. A Backup Router waits longer than
/// that after a resignation, so that an answer which was put off is still in time.
fn answers_apart(config: &Config) -> Duration {
    skew_time(config.version, Priority::OWNER, config.interval).max(ANSWERS_APART_MIN)
}

fn first_refresh(now: Instant, every: Duration) -> Option<Instant> {
    (!every.is_zero()).then(|| now + every)
}
