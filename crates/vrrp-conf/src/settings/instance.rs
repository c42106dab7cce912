//! `vrrp_instance`: what its settings say, before defaults and checks.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use vrrp_proto::{Priority, Version, Vrid};

use super::Reader;
use super::global::AnnounceSettings;
use super::row::Draft;
use super::rows::{VRRP_INSTANCE, Watches};
use super::seen::Seen;
use crate::model::{
    Authentication, Checksum, FirstState, Instance, InterfaceName, Ipvlan, Notify, OldChecksum,
    OnFailure, Route, Rule, ScriptUser, Tracks, UnicastPeer, VirtualAddress, Vmac,
};
use crate::syntax::{Body, Word};
use crate::{Code, Diagnostic, Span, Spanned};

pub(super) type Name = Spanned<Arc<str>>;

/// What an instance's block says, before defaults and checks.
#[derive(Default)]
pub(super) struct InstanceDraft {
    pub(super) interface: Option<Spanned<InterfaceName>>,
    pub(super) vrid: Option<Spanned<Vrid>>,
    pub(super) state: Option<Spanned<FirstState>>,
    pub(super) priority: Option<Spanned<Priority>>,
    pub(super) interval: Option<Spanned<Duration>>,
    pub(super) version: Option<Spanned<Version>>,
    pub(super) authentication: Option<Spanned<Authentication>>,
    pub(super) addresses: Vec<Spanned<VirtualAddress>>,
    pub(super) excluded_addresses: Vec<Spanned<VirtualAddress>>,
    pub(super) no_addresses: bool,
    pub(super) native_ipv6: Option<Span>,
    pub(super) routes: Vec<Spanned<Route>>,
    pub(super) rules: Vec<Spanned<Rule>>,
    pub(super) nopreempt: Option<Span>,
    pub(super) preempt_delay: Option<Spanned<Duration>>,
    pub(super) announce: AnnounceSettings,
    /// Where announcements after a losing advert are asked for.
    pub(super) lower_prio_repeat_at: Option<Span>,
    pub(super) down_timer_adverts: Option<Spanned<u8>>,
    pub(super) lower_prio_no_advert: Option<Spanned<bool>>,
    pub(super) fast_handover: Option<Spanned<bool>>,
    pub(super) higher_prio_send_advert: Option<Spanned<bool>>,
    pub(super) owner_ignore_adverts: Option<Spanned<bool>>,
    pub(super) checksum: Option<Spanned<Checksum>>,
    pub(super) skip_check_adv_addr: Option<bool>,
    pub(super) strict: Option<Spanned<bool>>,
    pub(super) accept: Option<Spanned<bool>>,
    pub(super) on_failure: Option<OnFailure>,
    pub(super) dont_track_primary: bool,
    pub(super) tracks: Tracks,
    pub(super) promote_secondaries: bool,
    pub(super) source: Option<Spanned<IpAddr>>,
    pub(super) track_source: bool,
    pub(super) group: Option<Spanned<IpAddr>>,
    pub(super) peers: Option<Spanned<Vec<Spanned<UnicastPeer>>>>,
    pub(super) seen_peers: Seen<IpAddr>,
    pub(super) unicast_ttl: Option<u8>,
    pub(super) check_unicast_source: bool,
    pub(super) unicast_fault_no_peer: bool,
    pub(super) old_checksum: OldChecksum,
    pub(super) vrf: Option<Spanned<InterfaceName>>,
    pub(super) vmac: Option<Spanned<Vmac>>,
    pub(super) vmac_xmit_base: Option<Span>,
    pub(super) vmac_for_addresses: bool,
    pub(super) ipvlan: Option<Spanned<Ipvlan>>,
    pub(super) timer_expired_backup: Option<Option<Priority>>,
    pub(super) rx_buffer_bytes: Option<u32>,
    pub(super) notify: Notify,
    pub(super) notify_priority_changes: Option<bool>,
}

impl Draft for InstanceDraft {
    type Model = Instance;
}

impl Watches for InstanceDraft {
    fn tracks(&mut self) -> &mut Tracks {
        &mut self.tracks
    }

    fn notify(&mut self) -> &mut Notify {
        &mut self.notify
    }

    fn notify_priority_changes(&mut self, on: bool) {
        self.notify_priority_changes = Some(on);
    }

    fn tracks_of(model: &Instance) -> &Tracks {
        &model.tracks
    }

    fn notify_of(model: &Instance) -> &Notify {
        &model.notify
    }
}

impl Reader<'_> {
    pub(super) fn instance(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let mut draft = InstanceDraft::default();
        self.fill(&VRRP_INSTANCE, &mut draft, body);
        self.drop_own_interface(&mut draft);
        draft.notify.run_as(self.config.global.script_user.as_ref());
        self.hold_to_the_letter(&name, &mut draft);
        self.check_doubts(&draft);
        let instance = self.resolve(name, draft)?;
        // The addresses give the family.
        if !self.is_excused("virtual_ipaddress", Code::SameRouter) {
            self.check_clashes(&instance);
        }
        self.config.instances.push(instance);
        Some(())
    }

    /// Leaves out the instance's own interface among those that it tracks, as keepalived does.
    fn drop_own_interface(&mut self, draft: &mut InstanceDraft) {
        let Some(own) = &draft.interface else { return };
        let tracked = &mut draft.tracks.interfaces;
        let Some(at) = tracked.iter().position(|track| track.target.value == own.value) else {
            return;
        };
        let track = tracked.remove(at);
        let message = format!("`{own}` is the instance's own interface");
        let diagnostic = Diagnostic::new(Code::OwnInterface, track.target.span, message)
            .label("left out")
            .also(own.span, "set here")
            .note("an instance is in FAULT while its own interface is down, whatever the weight")
            .help("remove the line")
            .fix(track.target.span.to(track.weight.span), "");
        self.push(diagnostic);
    }

    /// The addresses of the adverts.
    pub(super) fn virtual_addresses(&mut self, draft: &mut InstanceDraft, body: &Body<'_>) {
        let addresses = self.addresses(body, false);
        if addresses.is_empty() && !body.statements.is_empty() {
            self.amiss.failed.push("virtual_ipaddress");
        }
        draft.addresses.extend(addresses);
    }
}

impl Notify {
    /// Fills in who runs the commands that name nobody.
    pub(super) fn run_as(&mut self, user: Option<&Spanned<ScriptUser>>) {
        let commands = [
            &mut self.any,
            &mut self.master,
            &mut self.backup,
            &mut self.fault,
            &mut self.stop,
            &mut self.deleted,
            &mut self.master_rx_lower_priority,
        ];
        for command in commands.into_iter().flatten() {
            command.value.user = command.value.user.take().or_else(|| user.cloned());
        }
    }
}

/// The state of a word that the row has let through.
pub(super) fn first_state(word: &str) -> FirstState {
    if word == "MASTER" { FirstState::Master } else { FirstState::Backup }
}

pub(super) fn state_word(state: FirstState) -> &'static str {
    match state {
        FirstState::Master => "MASTER",
        FirstState::Backup => "BACKUP",
    }
}

pub(super) fn on_failure(word: &str) -> OnFailure {
    if word == "keep" { OnFailure::Keep } else { OnFailure::Release }
}

/// What differs from the default, which keepalived has no word for.
pub(super) fn on_failure_word(on_failure: OnFailure) -> Option<&'static str> {
    (on_failure == OnFailure::Keep).then_some("keep")
}

/// `[never]`.
pub(super) fn old_checksum(words: &[Word<'_>]) -> OldChecksum {
    match words.first().is_some_and(|word| word.text == "never") {
        true => OldChecksum::Never,
        false => OldChecksum::Always,
    }
}
