//! What a member's trackers do to its priority: each can fail, and then takes points away or
//! makes the member unfit.

use vrrp_proto::Priority;

use super::seat::{Place, Seat};
use crate::model::{Track, Tracks, Weight};
use crate::{Span, Spanned};

/// A member with more trackers is not looked at: combinations are counted, and nobody has them.
const MAX_TRACKERS: usize = 64;

/// What kind of thing a tracker looks at; names are unique within a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Interface,
    Script,
    Process,
    Bfd,
}

/// A tracker of an instance, or of its sync group.
#[derive(Debug, Clone)]
pub(super) struct Tracker<'c> {
    pub(super) kind: Kind,
    pub(super) name: &'c str,
    /// Where it is tracked.
    pub(super) at: Span,
    pub(super) weight: Spanned<Weight>,
}

impl Tracker<'_> {
    /// A failure makes the member unfit.
    pub(super) fn is_fatal(&self) -> bool {
        self.weight.value.value == 0
    }

    /// What a failure takes away, be it by not adding points any more or by subtracting them.
    pub(super) fn loss(&self) -> u32 {
        self.weight.value.value.unsigned_abs()
    }

    /// What it adds while nothing is wrong.
    fn bonus(&self) -> u32 {
        let Weight { value, reverse } = *self.weight;
        if (value > 0) == reverse { 0 } else { self.loss() }
    }

    /// Whether the loss is a bonus that is not added any more.
    pub(super) fn is_bonus(&self) -> bool {
        self.bonus() > 0
    }

    pub(super) fn is_same(&self, other: &Tracker<'_>) -> bool {
        (self.kind, self.name) == (other.kind, other.name)
    }
}

/// A member's priority and what can lower it.
#[derive(Debug)]
pub(super) struct Health<'c> {
    base: Priority,
    pub(super) trackers: Vec<Tracker<'c>>,
    /// A file whose number is added, if there is one.
    pub(super) file: Option<Span>,
}

impl<'c> Health<'c> {
    pub(super) fn of(seat: &Seat<'c>) -> Self {
        let Seat { config, instance, .. } = *seat;
        let mut health = Self { base: *instance.priority, trackers: Vec::new(), file: None };
        health.add(&instance.tracks);
        let is_member = |name: &Spanned<std::sync::Arc<str>>| name.value == instance.name.value;
        let group = config.sync_groups.iter().find(|group| group.members.iter().any(is_member));
        if let Some(group) = group {
            health.add(&group.tracks);
            // In a group, a failure of one is a failure of all, whatever its weight.
            if !group.tracking_weight {
                health.file = None;
                for tracker in &mut health.trackers {
                    tracker.weight.value.value = 0;
                }
            }
        }
        health
    }

    /// The priority while nothing is wrong, and where it is set.
    pub(super) fn place(&self, seat: &Seat<'_>) -> Place {
        let given = seat.instance.priority;
        if seat.is_owner() && seat.is_default(given.span) {
            let text = "this means priority 255 where none is given".to_owned();
            return Place { at: seat.instance.first_state.span, text };
        }
        let mut place = seat.place(given.span, format!("priority {given}"));
        if self.healthy() != given.get() {
            place.text += &format!(", and {} with what trackers add", self.healthy());
        }
        place
    }

    fn add(&mut self, tracks: &'c Tracks) {
        let kinds = [
            (Kind::Script, &tracks.scripts),
            (Kind::Process, &tracks.processes),
            (Kind::Bfd, &tracks.bfd_sessions),
        ];
        for (kind, tracks) in kinds {
            let tracker = |track: &'c Track<std::sync::Arc<str>>| Tracker {
                kind,
                name: &track.target,
                at: track.target.span,
                weight: track.weight,
            };
            self.trackers.extend(tracks.iter().map(tracker));
        }
        self.trackers.extend(tracks.interfaces.iter().map(|track| Tracker {
            kind: Kind::Interface,
            name: track.target.as_str(),
            at: track.target.span,
            weight: track.weight,
        }));
        let weighted = tracks.files.iter().find(|track| track.weight.value.value != 0);
        self.file = self.file.or(weighted.map(|track| track.weight.span));
    }

    /// Whether the priority can be any: a file's number is added, or there are too many
    /// trackers to count.
    pub(super) fn is_open(&self) -> bool {
        !self.base.is_owner() && (self.file.is_some() || self.trackers.len() > MAX_TRACKERS)
    }

    /// The trackers that move the priority. An owner's is not moved.
    pub(super) fn weighted(&self) -> impl Iterator<Item = &Tracker<'c>> {
        let counts = !self.base.is_owner() && self.trackers.len() <= MAX_TRACKERS;
        self.trackers.iter().filter(move |tracker| counts && !tracker.is_fatal())
    }

    /// The sum of the priority and all that is added to it while nothing is wrong.
    pub(super) fn sum(&self) -> u32 {
        u32::from(self.base.get()) + self.weighted().map(Tracker::bonus).sum::<u32>()
    }

    /// The priority while nothing is wrong.
    pub(super) fn healthy(&self) -> u8 {
        self.after(0)
    }

    /// Whether the sum is more than a priority can be.
    pub(super) fn is_clamped(&self) -> bool {
        !self.base.is_owner() && self.sum() > u32::from(Priority::HIGHEST.get())
    }

    /// The priority when so many points are lost.
    pub(super) fn after(&self, loss: u32) -> u8 {
        if self.base.is_owner() { self.base.get() } else { clamp(self.sum().saturating_sub(loss)) }
    }

    /// The priority when everything that has a weight has failed.
    pub(super) fn lowest(&self) -> u8 {
        self.after(self.weighted().map(Tracker::loss).sum())
    }

    /// Every sum that the failures of some of the trackers lead to, but for one tracker.
    pub(super) fn sums_without(&self, left_out: Option<&Tracker<'c>>) -> Vec<u32> {
        let healthy = self.sum() as usize;
        let mut reached = vec![false; healthy + 1];
        reached[healthy] = true;
        let left_out = |tracker: &&Tracker<'c>| {
            left_out.is_some_and(|left_out| core::ptr::eq(left_out, *tracker))
        };
        for tracker in self.weighted().filter(|tracker| !left_out(tracker)) {
            let loss = tracker.loss() as usize;
            for sum in 0..=healthy {
                // What is lost below 0 is lost to nobody.
                reached[sum.saturating_sub(loss)] |= reached[sum];
            }
        }
        (0..=healthy as u32).filter(|&sum| reached[sum as usize]).collect()
    }
}

/// The priority that a sum comes to.
pub(super) fn clamp(sum: u32) -> u8 {
    let highest = u32::from(Priority::HIGHEST.get());
    sum.clamp(Priority::LOWEST.get().into(), highest) as u8
}
