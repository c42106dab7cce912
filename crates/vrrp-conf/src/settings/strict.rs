//! Strict mode: what it forbids is a finding, and in lenient mode what keepalived makes of it.

use core::net::IpAddr;

use vrrp_proto::{Family, Version};

use super::Reader;
use super::instance::{InstanceDraft, Name};
use crate::model::FirstState;
use crate::{Code, Diagnostic, Span, Spanned};

impl Reader<'_> {
    /// Takes out of a draft what strict mode forbids, if it is in strict mode.
    pub(super) fn hold_to_the_letter(&mut self, name: &Name, draft: &mut InstanceDraft) {
        let Some(strict) = draft.strict.or(self.defaults.strict).filter(|strict| **strict) else {
            return;
        };
        self.forbid_parts(strict.span, name, draft);
        self.forbid_other_timing(strict.span, draft);
        self.forbid_other_state(strict.span, draft);
        let family = draft.addresses.first().map(|first| Family::of(first.address));
        let version =
            draft.version.or(self.defaults.version.filter(|_| family != Some(Family::V6)));
        let is_v2 = version.map_or(family != Some(Family::V6), |it| *it == Version::V2);
        let is_master = draft.state.is_some_and(|state| *state == FirstState::Master);
        let is_owner = draft.priority.map_or(is_master, |priority| priority.is_owner());
        if let Some(accept) = draft.accept.take_if(|accept| **accept && is_v2 && !is_owner) {
            let what = "version 2 with `accept`";
            self.forbid(strict.span, accept.span, what, "packets to the addresses are dropped");
        }
    }

    /// What a router of RFC 5798 does not have, or must have.
    fn forbid_parts(&mut self, strict: Span, name: &Name, draft: &mut InstanceDraft) {
        if let Some(peers) = &draft.peers {
            self.forbid(strict, peers.span, "unicast", "adverts go to the peers");
        }
        if let Some(authentication) = draft.authentication.take() {
            let outcome = "there is no authentication";
            self.forbid(strict, authentication.span, "authentication", outcome);
        }
        if draft.no_addresses && draft.addresses.is_empty() {
            let outcome = "it has no addresses";
            self.forbid(strict, name.span, "a router without addresses", outcome);
        }
        let first = draft.addresses.first();
        let is_other = |address: IpAddr| match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => !address.is_unicast_link_local(),
        };
        if let Some(first) = first.filter(|first| is_other(first.address)) {
            let what = "a first IPv6 address that is not link-local";
            self.forbid(strict, first.span, what, "it stays the first one");
        }
        if let Some(at) = draft.vmac_xmit_base.take() {
            let outcome = "adverts go through the virtual MAC";
            self.forbid(strict, at, "`vmac_xmit_base`", outcome);
        }
    }

    /// What changes when adverts are sent, and when one is missed.
    fn forbid_other_timing(&mut self, strict: Span, draft: &mut InstanceDraft) {
        if let Some(delay) = draft.preempt_delay.take_if(|delay| !delay.is_zero()) {
            self.forbid(strict, delay.span, "`preempt_delay`", "there is no delay");
        }
        if let Some(count) = draft.down_timer_adverts.take_if(|count| **count != 3) {
            let what = "another number of missed adverts than 3";
            self.forbid(strict, count.span, what, "it is 3");
        }
        if let Some(at) = draft.lower_prio_repeat_at {
            let what = "announcements after a losing advert";
            self.forbid(strict, at, what, "there are none");
        }
        draft.announce.lower_prio_repeat = Some(0);
        if let Some(on) = draft.lower_prio_no_advert.take_if(|on| !**on) {
            let what = "an answer to a losing advert";
            self.forbid(strict, on.span, what, "there is none");
        }
        if let Some(fast) = draft.fast_handover.take_if(|fast| **fast) {
            self.forbid(strict, fast.span, "`handover fast`", "it is `rfc`");
        }
        if let Some(on) = draft.higher_prio_send_advert.take_if(|on| **on) {
            let what = "`higher_prio_send_advert`";
            self.forbid(strict, on.span, what, "it is off");
        }
    }

    /// `state MASTER` is the owner's, with priority 255.
    fn forbid_other_state(&mut self, strict: Span, draft: &mut InstanceDraft) {
        let (Some(state), Some(priority)) = (draft.state, draft.priority) else { return };
        let (is_master, is_owner) = (*state == FirstState::Master, priority.is_owner());
        if is_master == is_owner {
            return;
        }
        let (what, right) = match is_master {
            true => ("`state MASTER` below priority 255", FirstState::Backup),
            false => ("`state BACKUP` with priority 255", FirstState::Master),
        };
        self.forbid(strict, state.span, what, "the priority decides");
        draft.state = Some(Spanned::new(right, state.span));
    }

    fn forbid(&mut self, strict: Span, at: Span, what: &str, leniently: &str) {
        let diagnostic =
            Diagnostic::new(Code::AgainstStrict, at, format!("strict mode forbids {what}"))
                .also(strict, "because of this")
                .leniently(self.options, leniently);
        self.push(diagnostic);
    }
}
