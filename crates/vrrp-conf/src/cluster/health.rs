//! What a member's trackers do to its priority: each can fail, and then takes points away or
//! makes the member unfit.

use std::borrow::Cow;
use std::collections::BTreeSet;

use vrrp_proto::Priority;

use super::seat::{Place, Seat};
use crate::model::{Track, Tracks, Weight};
use crate::{Span, Spanned};

/// With more trackers, every sum between the lowest and the highest counts as possible: there
/// are too many combinations to look at, and what may be is no fault.
const MAX_COUNTED: usize = 64;

/// The most that a file's number times its weight adds or, short of FAULT, takes away.
const FILE_MAX: i32 = 253;

/// A sum that no failure brings below the highest priority; all larger ones are like it.
const OUT_OF_REACH: i32 = 508;

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
    pub(super) name: Cow<'c, str>,
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
        (self.kind, &self.name) == (other.kind, &other.name)
    }
}

/// A member's priority and what can lower it.
#[derive(Debug)]
pub(super) struct Health<'c> {
    base: Priority,
    pub(super) trackers: Vec<Tracker<'c>>,
    /// The weights with which the numbers in files are added.
    pub(super) files: Vec<Spanned<Weight>>,
}

impl<'c> Health<'c> {
    pub(super) fn of(seat: &Seat<'c>) -> Self {
        let Seat { config, instance, .. } = *seat;
        let mut health = Self { base: *instance.priority, trackers: Vec::new(), files: Vec::new() };
        health.add(&instance.tracks);
        let is_member = |name: &Spanned<std::sync::Arc<str>>| name.value == instance.name.value;
        let group = config.sync_groups.iter().find(|group| group.members.iter().any(is_member));
        if let Some(group) = group {
            health.add(&group.tracks);
            // In a group, a failure of one is a failure of all, whatever its weight.
            if !group.tracking_weight {
                health.files.clear();
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
                name: Cow::Borrowed(&*track.target.value),
                at: track.target.span,
                weight: track.weight,
            };
            self.trackers.extend(tracks.iter().map(tracker));
        }
        self.trackers.extend(tracks.interfaces.iter().map(|track| Tracker {
            kind: Kind::Interface,
            name: track.target.to_string().into(),
            at: track.target.span,
            weight: track.weight,
        }));
        let files = tracks.files.iter().map(|track| track.weight);
        self.files.extend(files.filter(|weight| weight.value.value != 0));
    }

    /// Whether the number in a file is added, so that its writer decides on the priority.
    pub(super) fn is_open(&self) -> bool {
        !self.base.is_owner() && !self.files.is_empty()
    }

    /// The trackers that move the priority. An owner's is not moved.
    pub(super) fn weighted(&self) -> impl Iterator<Item = &Tracker<'c>> {
        let counts = !self.base.is_owner();
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
        if self.base.is_owner() {
            self.base.get()
        } else {
            clamp(self.sum().saturating_sub(loss) as i32)
        }
    }

    /// The priority when everything that has a weight has failed, and files say the worst.
    pub(super) fn lowest(&self) -> u8 {
        let files = self.files.iter().map(|weight| {
            let step = weight.value.value.unsigned_abs();
            FILE_MAX.unsigned_abs() / step * step
        });
        self.after(self.weighted().map(Tracker::loss).chain(files).sum())
    }

    /// Every sum that the failures of some of the trackers and the numbers in files lead to,
    /// but for one tracker; from 0 to [`OUT_OF_REACH`], at which what lies outside is counted.
    /// Some more may be among them: those that nobody has the time to rule out.
    pub(super) fn sums_without(&self, left_out: Option<&Tracker<'c>>) -> Vec<i32> {
        let others = self
            .weighted()
            .filter(|tracker| left_out.is_none_or(|left_out| !core::ptr::eq(left_out, *tracker)));
        let losses: Vec<u32> = others.map(Tracker::loss).collect();
        let bounded = |sum: i32| sum.clamp(0, OUT_OF_REACH);
        // Numbers of several files, and single steps, fill all gaps.
        let (step, files) = match (&*self.files, self.base.is_owner()) {
            ([], _) | (_, true) => (1, 0),
            ([file], _) => (file.value.value.abs(), FILE_MAX),
            (files, _) => (1, FILE_MAX.saturating_mul(files.len() as i32)),
        };
        if losses.len() > MAX_COUNTED || (step == 1 && files > 0) {
            let highest = self.sum() as i32;
            let lowest = highest.saturating_sub_unsigned(losses.iter().sum());
            let (lowest, highest) = (lowest.saturating_sub(files), highest.saturating_add(files));
            return (bounded(lowest)..=bounded(highest)).collect();
        }
        let steps = (-(files / step)..=files / step).map(|times| times * step);
        let steps: BTreeSet<i32> = steps.chain([files]).collect();
        let sums = sums_after(self.sum(), &losses).into_iter();
        let sums: BTreeSet<i32> = sums.map(|sum| sum.min(OUT_OF_REACH + FILE_MAX)).collect();
        let all =
            sums.into_iter().flat_map(|sum| steps.iter().map(move |step| bounded(sum + step)));
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// What may be left of a sum when some of these are lost. Below −[`FILE_MAX`] all is one, as no
/// file makes up for it.
fn sums_after(healthy: u32, losses: &[u32]) -> Vec<i32> {
    let all = losses.iter().sum::<u32>().min(healthy + FILE_MAX.unsigned_abs()) as usize;
    // By what is lost.
    let mut reached = vec![false; all + 1];
    reached[0] = true;
    for loss in losses.iter().map(|loss| *loss as usize) {
        for lost in (0..=all).rev() {
            if reached[lost] {
                reached[all.min(lost + loss)] = true;
            }
        }
    }
    let lost = (0..=all).filter(|&lost| reached[lost]);
    lost.map(|lost| healthy as i32 - lost as i32).collect()
}

/// The priority that a sum comes to.
pub(super) fn clamp(sum: i32) -> u8 {
    let highest = i32::from(Priority::HIGHEST.get());
    sum.clamp(Priority::LOWEST.get().into(), highest) as u8
}
