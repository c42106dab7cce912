//! A router that goes on in another process, as the program is replaced under it.

use super::*;

/// How a router stands, for another process to go on from: [`Event::Resume`].
///
/// Its times are the caller's clock's, which has to be the same in the other process, as
/// `CLOCK_MONOTONIC` is on one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot {
    taken_at: Instant,
    config: Config,
    phase: Phase,
    since: Option<Instant>,
    last_transition: Option<Transition>,
    trackers: Trackers,
    effective: Priority,
    /// Those of its sync group, whose rules would tell them anew.
    member_faults: BTreeSet<FaultReason>,
    membership: Option<Membership>,
}

impl Snapshot {
    /// The state that it is a snapshot of.
    pub const fn state(&self) -> State {
        self.phase.state()
    }
}

impl Router {
    /// How it stands now. Whoever goes on from that must be the only one: this router is to be told
    /// nothing any more, unless there is no other.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let of_members = |reason: &&FaultReason| matches!(reason, FaultReason::Member(_));
        Snapshot {
            taken_at: now,
            config: self.config.clone(),
            phase: self.phase.clone(),
            since: self.since,
            last_transition: self.last_transition.clone(),
            trackers: self.trackers.clone(),
            effective: self.effective,
            member_faults: self.faults.iter().filter(of_members).cloned().collect(),
            membership: self.membership.clone(),
        }
    }

    /// Has an Active Router advertise now instead of later, since it may not come to it then;
    /// one that [must step down](Self::must_step_down), and every other router, says nothing.
    pub fn advertise_early(&mut self, now: Instant) -> Actions {
        let mut out = Actions::default();
        if !self.must_step_down(now) {
            self.while_active(|active, config, own| active.advertise(now, config, own, &mut out));
        }
        out
    }

    pub(super) fn resume(&mut self, now: Instant, snapshot: Snapshot, out: &mut Actions) {
        if !matches!(self.phase, Phase::Initialize) {
            return;
        }
        if matches!(snapshot.phase, Phase::Initialize) {
            return self.startup(now, out);
        }
        let config = mem::replace(&mut self.config, snapshot.config);
        let trackers = mem::replace(&mut self.trackers, snapshot.trackers);
        self.effective = snapshot.effective;
        self.phase = snapshot.phase;
        self.since = snapshot.since;
        self.last_transition = snapshot.last_transition;
        if let (Some(membership), Some(before)) = (&mut self.membership, snapshot.membership) {
            *membership = before;
            self.faults.extend(snapshot.member_faults);
        }
        if let Phase::Backup(backup) = &mut self.phase {
            // What was sent meanwhile was not heard.
            backup.active_down = backup.active_down + now.saturating_since(snapshot.taken_at);
            backup.wants_active = backup.wants_active.take().filter(|_| self.membership.is_some());
        }
        self.step_down_if_late(now, out);
        self.reconfigure(now, config, Some(trackers.as_slice().to_vec()), out);
        let cause = self.cause_to_go_on();
        self.settle(now, cause, out);
    }

    /// Why a router that does not take part may do so now, if nothing stands in the way any more.
    fn cause_to_go_on(&self) -> Option<Cause> {
        match (&self.phase, &self.last_transition) {
            (Phase::Waiting, _) => Some(Cause::Startup),
            (Phase::Fault, _) if !self.is_eligible() => None,
            (Phase::Fault, Some(Transition { cause: Cause::Fault(reason), .. })) => {
                Some(Cause::FaultCleared(reason.clone()))
            }
            (Phase::Fault, _) => Some(Cause::Reconfigured),
            _ => None,
        }
    }
}
