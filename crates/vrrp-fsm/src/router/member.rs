//! A router as a member of a sync group: what it leaves to the group, and what the group makes
//! it do.
//!
//! A member decides on its own whatever makes it worse: it steps down, and it enters Fault. It
//! never starts and never becomes Active on its own. It says that it [could](Router::can_start),
//! or that it [would](Router::wants_active), and waits for the group.

use super::*;

impl Router {
    /// Leaves starting and becoming Active to a sync group from now on.
    pub(crate) fn join(&mut self) {
        self.membership.get_or_insert_default();
    }

    /// Is on its own again: what only the group kept it from, it does.
    pub(crate) fn leave(&mut self, now: Instant) -> Actions {
        let mut out = Actions::default();
        let Some(membership) = self.membership.take() else { return out };
        let of_members = |reason: &FaultReason| matches!(reason, FaultReason::Member(_));
        let held_back_by = self.faults.iter().find(|reason| of_members(reason)).cloned();
        self.faults.retain(|reason| !of_members(reason));
        if let Phase::Backup(backup) = &mut self.phase {
            backup.wants_active = None;
        }
        let cause = membership.may_start.or(held_back_by.map(Cause::FaultCleared)).or(membership
            .waiting
            .into_iter()
            .next()
            .map(Cause::Ready));
        self.settle(now, cause, &mut out);
        out
    }

    /// Whether it was started and has not ended.
    pub(crate) fn has_started(&self) -> bool {
        !matches!(self.phase, Phase::Initialize)
    }

    /// Whether something of its own keeps it from taking part.
    pub(crate) fn has_own_fault(&self) -> bool {
        self.faults().any(|reason| !matches!(reason, FaultReason::Member(_)))
    }

    /// Whether a tracker of its own has no verdict yet.
    pub(crate) fn has_own_waiting(&self) -> bool {
        self.own_waiting().next().is_some()
    }

    pub(super) fn own_waiting(&self) -> impl Iterator<Item = &Arc<str>> {
        self.trackers.names(|influence| influence == Influence::Waiting)
    }

    pub(super) fn waiting_members(&self) -> impl Iterator<Item = &Arc<str>> {
        self.membership.iter().flat_map(|membership| &membership.waiting)
    }

    /// Whether it was told that this member cannot take part.
    pub(crate) fn knows_fault_of(&self, member: &Arc<str>) -> bool {
        self.faults.contains(&FaultReason::Member(Arc::clone(member)))
    }

    /// Takes in whether another member waits for a verdict.
    pub(crate) fn member_waits(&mut self, now: Instant, member: &Arc<str>, waits: bool) -> Actions {
        let mut out = Actions::default();
        let Some(membership) = &mut self.membership else { return out };
        if waits {
            membership.waiting.insert(Arc::clone(member));
        } else if membership.waiting.remove(member) {
            self.settle(now, Some(Cause::Ready(Arc::clone(member))), &mut out);
        }
        out
    }

    /// Takes in that whoever is not named belongs to its group no more.
    pub(crate) fn forget_members_but(&mut self, now: Instant, members: &[Arc<str>]) -> Actions {
        let mut out = Actions::default();
        let is_gone = |reason: &FaultReason| match reason {
            FaultReason::Member(name) => !members.contains(name),
            _ => false,
        };
        if let Some(gone) = self.faults.iter().find(|reason| is_gone(reason)).cloned() {
            self.faults.retain(|reason| !is_gone(reason));
            self.settle(now, Some(Cause::FaultCleared(gone)), &mut out);
        }
        let waiting = self.waiting_members().find(|name| !members.contains(name)).cloned();
        if let (Some(gone), Some(membership)) = (waiting, &mut self.membership) {
            membership.waiting.retain(|name| members.contains(name));
            self.settle(now, Some(Cause::Ready(gone)), &mut out);
        }
        out
    }

    /// Whether it could take part, and does not because the group has not let it start.
    pub(crate) fn can_start(&self) -> bool {
        matches!(self.phase, Phase::Waiting | Phase::Fault) && self.is_eligible()
    }

    /// Why it would be Active already if the group let it.
    pub(crate) fn wants_active(&self) -> Option<&Cause> {
        match &self.phase {
            Phase::Backup(backup) => backup.wants_active.as_ref(),
            _ => None,
        }
    }

    /// The group starts: as Active Router, or to watch. `leader` is whoever made that possible.
    pub(crate) fn start_with_group(
        &mut self,
        now: Instant,
        as_active: bool,
        leader: &Arc<str>,
    ) -> Actions {
        let mut out = Actions::default();
        let cause = self.membership.as_mut().and_then(|membership| membership.may_start.take());
        let cause = cause.unwrap_or_else(|| Cause::Member(Arc::clone(leader)));
        if as_active {
            self.become_active(now, cause, &mut out);
            return out;
        }
        self.watch_with_group(now, cause, &mut out);
        out
    }

    /// Watches until the group is Active again, with nobody to follow.
    pub(super) fn watch_with_group(&mut self, now: Instant, cause: Cause, out: &mut Actions) {
        self.enter_backup(now, None, cause.clone(), out);
        if let Phase::Backup(backup) = &mut self.phase
            && self.effective.is_owner()
        {
            // On its own it would not watch at all (RFC 9568 §6.4.1).
            backup.wants_active = Some(cause);
        }
    }

    /// The group becomes Active.
    pub(crate) fn become_active_with_group(&mut self, now: Instant) -> Actions {
        let mut out = Actions::default();
        if let Some(cause) = self.wants_active().cloned() {
            self.become_active(now, cause, &mut out);
        }
        out
    }

    /// The group steps down because of `leader`: without a resignation, since whoever wins there
    /// takes this one's place too.
    pub(crate) fn step_down_with_group(&mut self, now: Instant, leader: &Arc<str>) -> Actions {
        let mut out = Actions::default();
        if matches!(self.phase, Phase::Active(_)) {
            out.push(Action::RemoveAddresses);
            self.enter_backup(now, None, Cause::Member(Arc::clone(leader)), &mut out);
        }
        out
    }
}
