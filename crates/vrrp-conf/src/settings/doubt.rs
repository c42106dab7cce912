//! What is legal and probably not meant.

use vrrp_proto::Priority;

use super::Reader;
use super::instance::InstanceDraft;
use crate::model::{FirstState, Instance};
use crate::print::secs;
use crate::{Code, Diagnostic, Spanned};

impl Reader<'_> {
    /// Warns of what is legal and probably not meant.
    pub(super) fn check_doubts(&mut self, draft: &InstanceDraft) {
        let owner = draft.priority.filter(|priority| priority.is_owner());
        let master = draft.state.filter(|state| state.value == FirstState::Master);
        if let (Some(nopreempt), Some(master)) = (draft.nopreempt, master) {
            let message = "`nopreempt` has no effect with `state MASTER`".to_owned();
            let diagnostic = Diagnostic::new(Code::NopreemptMaster, nopreempt, message)
                .also(master.span, "because of this")
                .help("write `state BACKUP` on all routers that are not to take over again");
            self.push(diagnostic);
        } else if let (Some(nopreempt), Some(owner)) = (draft.nopreempt, owner) {
            let message = "`nopreempt` has no effect with priority 255".to_owned();
            let diagnostic = Diagnostic::new(Code::NopreemptMaster, nopreempt, message)
                .also(owner.span, "because of this");
            self.push(diagnostic);
        }
        if let (Some(delay), Some(master)) = (draft.preempt_delay, master) {
            let message = "`preempt_delay` has no effect with `state MASTER`".to_owned();
            let diagnostic = Diagnostic::new(Code::PreemptDelayMaster, delay.span, message)
                .also(master.span, "because of this")
                .help("write `state BACKUP`");
            self.push(diagnostic);
        } else if let (Some(delay), Some(nopreempt)) = (draft.preempt_delay, draft.nopreempt) {
            let message = "`preempt_delay` has no effect with `nopreempt`".to_owned();
            let diagnostic = Diagnostic::new(Code::PreemptDelayMaster, delay.span, message)
                .also(nopreempt, "because of this");
            self.push(diagnostic);
        }
        let strict = draft.strict.or(self.defaults.strict).filter(|strict| **strict);
        let strict = strict.filter(|_| draft.accept.is_none());
        if let (Some(strict), None, Some(first)) = (strict, owner, draft.addresses.first()) {
            let message = "the addresses will not answer: strict mode drops packets to them";
            let diagnostic = Diagnostic::new(Code::StrictNoAccept, first.span, message)
                .also(strict.span, "because of this")
                .note("only the router with priority 255 accepts packets to its addresses")
                .help("write `no_accept` if the addresses are gateways only, else `accept`");
            self.push(diagnostic);
        }
        self.check_owner_trackers(draft, owner);
    }

    /// Warns of interface delays that are longer than a router may be silent.
    pub(super) fn check_interface_delays(&mut self) {
        let longest = |instance: &Instance| {
            let adverts = u32::from(instance.down_timer_adverts).saturating_sub(1);
            (instance.interval.as_duration() * adverts, instance.name.span)
        };
        let delays = self.config.interface_delays.iter();
        let cut: Vec<_> = delays
            .filter_map(|delays| {
                let users = self.config.users_of(delays.interface);
                let (limit, at) = users.map(longest).min()?;
                let is_cut = delays.down.max(delays.up) >= limit;
                is_cut.then(|| (delays.span, delays.interface, secs(limit), at))
            })
            .collect();
        for (span, interface, limit, at) in cut {
            let message = format!("a delay of `{interface}` is cut to just under {limit} s");
            let diagnostic = Diagnostic::new(Code::DelayCut, span, message)
                .also(at, "this instance would not wait longer for an advert");
            self.push(diagnostic);
        }
    }

    /// Warns of weights that cannot change a priority of 255.
    fn check_owner_trackers(&mut self, draft: &InstanceDraft, owner: Option<Spanned<Priority>>) {
        let Some(owner) = owner else { return };
        let tracks = &draft.tracks;
        let named = [&tracks.scripts, &tracks.processes, &tracks.files, &tracks.bfd_sessions];
        let named = named.into_iter().flatten().map(|track| (track.target.span, *track.weight));
        let interfaces = tracks.interfaces.iter().map(|track| (track.target.span, *track.weight));
        let weighted: Vec<_> =
            named.chain(interfaces).filter(|(_, weight)| weight.value != 0).collect();
        for (span, _) in weighted {
            let message = "a weight does not change the priority 255".to_owned();
            let diagnostic = Diagnostic::new(Code::WeightOfOwner, span, message)
                .also(owner.span, "the address owner's priority is fixed")
                .help("use weight 0, which means FAULT, or a lower priority");
            self.push(diagnostic);
        }
    }
}
